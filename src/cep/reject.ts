import { REJ, REJECT_REASONS } from '../wire/index.js';
import { sendReject } from './compose.js';
import type { CepCore } from './core.js';
import { CAUSE, EVENT } from './event-queue.js';
import type { RejParameters } from './parameters.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/** REJ: no connection is made, or one ends without ceremony (IBTA 12.6.7). */

/** The peer has sent its REQ, and nothing of ours but an MRA has gone out. */
const BEFORE_REP: ReadonlySet<number> = new Set([
  STATE.REQ_RCVD,
  STATE.REQ_MRA_SENT,
  STATE.REP_PREPARED,
  STATE.REP_PREPARED_MRA_SENT,
]);

/** The consumer's own REJ. Once a REP went over the wire, either queue pair may be live: then timewait. */
export function sendRej(core: CepCore, cep: Cep, { reason, privateData, additionalInformation }: RejParameters): void {
  const beforeRep = BEFORE_REP.has(cep.state);
  sendReject(core, cep, reason, privateData, additionalInformation);
  core.enter(cep, beforeRep ? STATE.IDLE : STATE.TIMEWAIT);
}

/** The peer refuses our REQ or REP, or takes its REQ back. One that calls it stale has a queue pair in timewait: so has ours. */
export function establishmentRejected(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  const reason = REJ.fields.reason.get(incoming.bytes, incoming.at);
  if (cep.flags & FLAGS.peerToPeer && reason === REJECT_REASONS.invalidServiceId) {
    // The peer has not begun yet: it will ask, or we ask again.
    core.drop('peerNotReady');
    return;
  }
  const stale = reason === REJECT_REASONS.staleConnection;
  core.tell(cep, EVENT.rej_received, CAUSE.message);
  core.enter(cep, stale ? STATE.TIMEWAIT : STATE.IDLE);
}

/** The peer ends what stood already, or half: queue pairs may be live. */
export function connectionRejected(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.rej_received, CAUSE.message);
  core.enter(cep, STATE.TIMEWAIT);
}
