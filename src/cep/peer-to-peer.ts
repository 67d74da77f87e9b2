import { REQ } from '../wire/index.js';
import type { CepCore, Incoming } from './core.js';
import { learnRequest } from './passive.js';
import { type Cep, FLAGS } from './record.js';

/**
 * Peer to peer: both sides ask each other for the same service, and the two REQs cross (IBTA 12.10.4). The side with the
 * greater CA GUID, or of equal ones the greater QPN, stays active; the other answers the REQ it got.
 */

const f = REQ.fields;

/** The CEP whose own peer-to-peer request crosses this one, or 0. */
export function findCrossing(core: CepCore, { bytes, at, from }: Incoming): number {
  for (const slot of core.peerRequests.of(f.serviceId.high.get(bytes, at), f.serviceId.low.get(bytes, at))) {
    if (core.paths.isFrom(core.other.moveTo(slot).path, from)) return slot;
  }
  return 0;
}

/** The peer's REQ has crossed ours: one of the two gives way. */
export function resolvePeerToPeer(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined || (cep.flags & FLAGS.peerToPeer) === 0) {
    core.drop('unexpected');
    return;
  }
  if (isGreater(core, cep, incoming)) {
    // The peer gives way when it sees our REQ.
    core.drop('peerGivesWay');
    return;
  }
  if (!core.hasRoomForEvent(cep)) {
    core.drop('eventsUnread');
    return;
  }
  core.keep(cep, 0);
  core.endPeerRequest(cep);
  cep.flags &= ~FLAGS.active;
  learnRequest(core, cep, incoming);
  core.enter(cep, 'REQ_RCVD');
  core.tell(cep, 'req_received', 'message');
}

function isGreater(core: CepCore, cep: Cep, { bytes, at }: Incoming): boolean {
  const high = f.localCaGuid.high.get(bytes, at);
  const low = f.localCaGuid.low.get(bytes, at);
  const { caGuid } = core;
  if (caGuid.high !== high) return caGuid.high > high;
  if (caGuid.low !== low) return caGuid.low > low;
  return cep.localQpn > f.localQpn.get(bytes, at);
}
