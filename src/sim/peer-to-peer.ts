import type { CepEvent } from '../cep/index.js';
import { REQ } from '../wire/index.js';
import type { Attempt, Side } from './side.js';
import { belongsTo } from './tag.js';
import { ENTRY } from './world.js';

/** Peer to peer: both sides are active at first, and one of them gives way when the requests have crossed. */

/** The other side asks, too. */
export function askPeer(attempt: Attempt): void {
  const [first] = attempt.actives;
  const world = first?.consumer.world;
  world?.at(world.now + attempt.script.crossAfter, ENTRY.cross, attempt.number);
}

/** Its own CEP got the peer's request: from now on it is the passive side. The peer must be the one that the specification lets stay active. */
export function giveWay(side: Side, { bytes, at, listener }: CepEvent): void {
  const { attempt, consumer, role, hasReply } = side;
  const { world, adapter } = consumer;
  if (attempt.script.kind !== 'peerToPeer' || role !== 'active' || hasReply || listener !== 0) {
    world.fail('owner', 'a request in a CEP that there is already', side);
  }
  if (!belongsTo(side, bytes, at + REQ.fields.privateData.byte)) {
    world.fail('parameters', 'a request that crosses one of another attempt', side);
  }
  const { localQpn, startingPsn, localCommId } = REQ.fields;
  side.remoteQpn = localQpn.get(bytes, at);
  side.remotePsn = startingPsn.get(bytes, at);
  side.remoteCommId = localCommId.get(bytes, at);
  const other = side.otherAdapter;
  // The greater CA GUID stays active, and of equal ones the greater QPN (IBTA 12.10.4). GUIDs rise with the adapters' numbers.
  const isRight = adapter.number === other ? side.localQpn < side.remoteQpn : adapter.number < other;
  if (!isRight) world.fail('role', 'the side with the greater GUID gives way', side);
  attempt.actives.splice(attempt.actives.indexOf(side), 1);
  attempt.passives.push(side);
  side.role = 'passive';
}
