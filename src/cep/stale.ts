import { REJECT_REASONS } from '../wire/index.js';
import { sendReject } from './compose.js';
import type { CepCore } from './core.js';
import { beginDisconnect } from './disconnect.js';
import { CAUSE, EVENT } from './event-queue.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/**
 * A REQ from a queue pair that is in a connection with us shows that the peer has forgotten the connection, as after a
 * crash (IBTA 12.9.8.3.1). The newcomer is rejected with the reason "stale connection"; the old connection ends here.
 */

/** The peer may still hold its half: disconnect as usual. */
export function disconnectStale(core: CepCore, cep: Cep): void {
  cep.flags |= FLAGS.stale;
  beginDisconnect(core, cep, undefined, core.policyOf(cep));
}

/** Nothing had come of the old request yet. */
export function forgetRequest(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.rep_error, CAUSE.stale);
  core.enter(cep, STATE.IDLE);
}

/**
 * Messages went both ways: either queue pair may have been live. The newcomer may be an old REQ that was late, not a peer that
 * forgot: then the peer is about to believe in this connection, and has to be told.
 */
export function abortStale(core: CepCore, cep: Cep): void {
  sendReject(core, cep, REJECT_REASONS.staleConnection);
  core.tell(cep, EVENT.rep_error, CAUSE.stale);
  core.enter(cep, STATE.TIMEWAIT);
}
