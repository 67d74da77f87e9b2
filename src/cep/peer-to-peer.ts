import { REQ } from '../wire/index.js';
import type { CepCore, Incoming } from './core.js';
import { CAUSE, EVENT } from './event-queue.js';
import { invalidity, learnRequest } from './passive.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/**
 * Peer to peer: both sides ask each other for the same service, and the two REQs cross (IBTA 12.10.4). The side with the
 * greater CA GUID, or of equal ones the greater QPN, stays active; the other answers the REQ it got.
 */

const f = REQ.fields;

/** The CEP whose own peer-to-peer request crosses this one, or 0. A REQ that is wrong in itself crosses none, and is refused as any. */
export function findCrossing(core: CepCore, incoming: Incoming): number {
  const { bytes, at, from } = incoming;
  for (const slot of core.peerRequests.of(f.serviceId.high.get(bytes, at), f.serviceId.low.get(bytes, at))) {
    const cep = core.other.moveTo(slot);
    if (!core.identities.isFromPeer(cep, from) || isOwn(core, cep, incoming)) continue;
    return invalidity(incoming) === 0 ? slot : 0;
  }
  return 0;
}

/** Whether a REQ is the CEP's own: an adapter may be its own peer. */
function isOwn({ caGuid }: CepCore, cep: Cep, { bytes, at }: Incoming): boolean {
  const { localCommId, localCaGuid } = f;
  return (
    localCommId.get(bytes, at) === cep.localCommId &&
    localCaGuid.high.get(bytes, at) === caGuid.high &&
    localCaGuid.low.get(bytes, at) === caGuid.low
  );
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
  core.enter(cep, STATE.REQ_RCVD);
  core.tell(cep, EVENT.req_received, CAUSE.message);
}

function isGreater(core: CepCore, cep: Cep, { bytes, at }: Incoming): boolean {
  const high = f.localCaGuid.high.get(bytes, at);
  const low = f.localCaGuid.low.get(bytes, at);
  const { caGuid } = core;
  if (caGuid.high !== high) return caGuid.high > high;
  if (caGuid.low !== low) return caGuid.low > low;
  if (cep.localQpn !== f.localQpn.get(bytes, at)) return cep.localQpn > f.localQpn.get(bytes, at);
  // Adapters that share a GUID by mistake: one of the two must give way.
  return cep.localCommId > f.localCommId.get(bytes, at);
}
