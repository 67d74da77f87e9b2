import { REJECT_REASONS } from '../wire/index.js';
import { sendReject } from './compose.js';
import type { CepCore } from './core.js';
import { beginDisconnect, sendDrep } from './disconnect.js';
import { type Cep, FLAGS } from './record.js';
import { destroySidrRequest } from './service-resolution.js';
import { STATE } from './states.js';

/**
 * Destruction, state by state (R11, R12): the handle is void at once, what was in progress is aborted, nobody waits.
 * What the protocol owes the peer goes on unbound. {@link CepCore.enter} IDLE makes an unbound CEP cease to exist.
 */

export function destroyIdle(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  core.enter(cep, STATE.IDLE);
}

export function destroyListener(core: CepCore, cep: Cep): void {
  stopListening(core, cep);
  destroyIdle(core, cep);
}

export function cancelListen(core: CepCore, cep: Cep): void {
  stopListening(core, cep);
  core.enter(cep, STATE.IDLE);
}

/** Requests that nobody has seen are rejected; those that were polled are their owner's. */
function stopListening(core: CepCore, cep: Cep): void {
  core.listens.remove(cep.slot);
  const request = core.other;
  for (let slot = cep.listener; slot !== 0; slot = cep.listener) {
    const pending = request.moveTo(slot);
    core.backlogs.leave(pending);
    if (pending.flags & FLAGS.delivered) continue;
    if (pending.state === STATE.SIDR_REQ_RCVD) destroySidrRequest(core, pending);
    else destroyRequest(core, pending);
  }
}

export function destroyReq(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  sendReject(core, cep, REJECT_REASONS.timeout);
  core.enter(cep, STATE.IDLE);
}

export function destroyRequest(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  sendReject(core, cep, REJECT_REASONS.consumerReject);
  core.enter(cep, STATE.IDLE);
}

/** A REP has gone one way or the other: a queue pair may be live. */
export function destroyReply(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  sendReject(core, cep, REJECT_REASONS.consumerReject);
  core.enter(cep, STATE.TIMEWAIT);
}

export function destroyEstablished(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  beginDisconnect(core, cep, undefined, core.policyOf(cep));
  core.limitUnbound(cep);
}

/** The DREQ's retries, or timewait, go on. */
export function destroyEnding(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  core.limitUnbound(cep);
}

export function destroyDreqReceived(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  sendDrep(core, cep, {});
}
