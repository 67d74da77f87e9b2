import { DREP, DREQ, MESSAGE_NUMBER } from '../wire/index.js';
import { answerStrayDreq, composeBare, repeatBare, sendBare } from './compose.js';
import type { CepCore } from './core.js';
import { CAUSE, type CauseNumber, EVENT } from './event-queue.js';
import { checkTiming } from './parameter-check.js';
import type { DreqParameters, PrivateDataParameters } from './parameters.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';
import type { TimingPolicy } from './timing.js';

/** Disconnecting: DREQ, DREP, timewait (IBTA 12.9.8.4). */

export function sendDreq(core: CepCore, cep: Cep, { privateData, timing }: DreqParameters): void {
  checkTiming(timing);
  beginDisconnect(core, cep, privateData, timing ?? core.policyOf(cep));
}

export function beginDisconnect(
  core: CepCore,
  cep: Cep,
  privateData: Uint8Array | undefined,
  timing: TimingPolicy | undefined,
): void {
  const mad = composeBare(core, cep, DREQ, privateData);
  core.newTransaction(cep);
  sendBare(core, cep, mad, privateData);
  core.enter(cep, STATE.DREQ_SENT);
  core.beginWait(cep, timing);
}

export function resendDreqOrGiveUp(core: CepCore, cep: Cep): void {
  if (cep.retries < core.retriesOf(cep)) {
    core.countRetry(cep, MESSAGE_NUMBER.DREQ);
    repeatBare(core, cep, DREQ);
    core.armRetry(cep);
  } else {
    core.tell(cep, EVENT.dreq_error, causeOr(cep, CAUSE.retriesExhausted));
    core.enter(cep, STATE.TIMEWAIT);
  }
}

export function dreqDeadline(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.dreq_error, causeOr(cep, CAUSE.deadline));
  core.enter(cep, STATE.TIMEWAIT);
}

/** A connection that ends because the peer has forgotten it ends for that reason, however the DREQ fares. */
const causeOr = (cep: Cep, cause: CauseNumber): CauseNumber => (cep.flags & FLAGS.stale ? CAUSE.stale : cause);

/** The peer disconnects. The consumer answers; for one that is gone we do. */
export function receiveDreq(core: CepCore, cep: Cep): void {
  if (core.incoming) core.adoptTransaction(cep, core.incoming);
  core.keep(cep, 0);
  core.enter(cep, STATE.DREQ_RCVD);
  if (cep.flags & FLAGS.unbound) sendDrep(core, cep, {});
  else core.tell(cep, EVENT.dreq_received, CAUSE.message);
}

export function sendDrep(core: CepCore, cep: Cep, { privateData }: PrivateDataParameters): void {
  const mad = composeBare(core, cep, DREP, privateData);
  core.enter(cep, STATE.TIMEWAIT);
  sendBare(core, cep, mad, privateData);
}

/** The peer repeats its DREQ: our DREP was lost. */
export function repeatDrep(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  core.adoptTransaction(cep, incoming);
  // Who was rejected as stale before it knew the peer's comm ID finds it in the DREQ.
  if (cep.flags & FLAGS.remoteIdKnown) repeatBare(core, cep, DREP);
  else answerStrayDreq(core, incoming);
}

export function receiveDrep(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.drep_received, causeOr(cep, CAUSE.message), true);
  core.enter(cep, STATE.TIMEWAIT);
}

export function timewaitOver(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.timewait_exit, CAUSE.elapsed);
  core.enter(cep, STATE.IDLE);
}
