import { REJ, REJECT_REASONS } from '../wire/index.js';
import { sendReject } from './compose.js';
import type { CepCore } from './core.js';
import type { RejParameters } from './parameters.js';
import type { Cep } from './record.js';
import { STATE } from './states.js';

/** REJ: no connection is made, or one ends without ceremony (IBTA 12.6.7). */

/** The consumer's own REJ. Once a REP went over the wire, either queue pair may be live: then timewait. */
export function sendRej(core: CepCore, cep: Cep, { reason, privateData, additionalInformation }: RejParameters): void {
  const beforeRep = cep.state === STATE.REQ_RCVD || cep.state === STATE.REQ_MRA_SENT;
  sendReject(core, cep, reason, privateData, additionalInformation);
  core.enter(cep, beforeRep ? 'IDLE' : 'TIMEWAIT');
}

/** The peer refuses our REQ or REP, or takes its REQ back. One that calls it stale has a queue pair in timewait: so has ours. */
export function establishmentRejected(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  const stale = REJ.fields.reason.get(incoming.bytes, incoming.at) === REJECT_REASONS.staleConnection;
  core.tell(cep, 'rej_received', 'message');
  core.enter(cep, stale ? 'TIMEWAIT' : 'IDLE');
}

/** The peer ends what stood already, or half: queue pairs may be live. */
export function connectionRejected(core: CepCore, cep: Cep): void {
  core.tell(cep, 'rej_received', 'message');
  core.enter(cep, 'TIMEWAIT');
}
