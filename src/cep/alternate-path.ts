import { localAckTimeout, type TimeExponent } from '../base/index.js';
import { AP_STATUSES, APR, LAP } from '../wire/index.js';
import { addressOf, checkQpn, resend } from './active.js';
import { composed, composeFrom } from './compose.js';
import { acceptProposal, forgetProposal, propose, swapPaths } from './connection-paths.js';
import type { CepCore } from './core.js';
import { CepError } from './error.js';
import { DEFAULT_PACKET_LIFE, writePath } from './establishing-messages.js';
import { CAUSE, EVENT } from './event-queue.js';
import { checkPath, checkTiming } from './parameter-check.js';
import type { AprParameters, LapParameters } from './parameters.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/** LAP, APR and migration: a second path for a connection that stands (IBTA 12.8). */

/**
 * Proposes an alternate path. Only the side that was active may (IBTA 12.8.1).
 * @throws CepError `INVALID_STATE` at the passive side, `INVALID_PARAMETER`; EncodeError. Then nothing has changed.
 */
export function sendLap(core: CepCore, cep: Cep, { path, privateData, timing }: LapParameters): void {
  if ((cep.flags & FLAGS.active) === 0) {
    throw new CepError('INVALID_STATE', 'only the side that connected may propose an alternate path', {
      call: 'sendLap',
      state: core.stateOf(cep),
    });
  }
  checkPath(path);
  checkTiming(timing);
  const mad = composed(core, LAP.empty, (bytes, at) => {
    const f = LAP.fields;
    f.localCommId.put(bytes, at, cep.localCommId);
    f.remoteCommId.put(bytes, at, cep.remoteCommId);
    f.remoteQpnEecn.put(bytes, at, cep.remoteQpn);
    f.remoteCmResponseTimeout.put(bytes, at, cep.responseTimeout);
    writePath(f.alternatePath, path, bytes, at);
    if (privateData) f.privateData.set(bytes, at, privateData);
  });
  const { packetLife = DEFAULT_PACKET_LIFE } = path;
  propose(core, cep, {
    path: core.paths.hold(addressOf(path)),
    ackTimeout: localAckTimeout(cep.remoteAckDelay as TimeExponent, packetLife as TimeExponent),
    packetLife,
  });
  core.newTransaction(cep);
  core.keep(cep, mad);
  core.transmit(cep, mad);
  core.enter(cep, STATE.LAP_SENT);
  core.beginWait(cep, timing ?? core.policyOf(cep));
}

export function resendLapOrGiveUp(core: CepCore, cep: Cep): void {
  if (cep.retries < core.retriesOf(cep)) {
    resend(core, cep);
    core.enter(cep, STATE.LAP_SENT);
    core.armRetry(cep);
  } else {
    core.tell(cep, EVENT.lap_error, CAUSE.retriesExhausted);
    standAgain(core, cep);
  }
}

export function lapDeadline(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.lap_error, CAUSE.deadline);
  standAgain(core, cep);
}

/** The connection goes on, without what was proposed. */
function standAgain(core: CepCore, cep: Cep): void {
  core.keep(cep, 0);
  forgetProposal(core, cep);
  core.enter(cep, STATE.ESTABLISHED);
}

/** The peer proposes an alternate path. A LAP also proves that it has our REP: a lost RTU does not matter any more. */
export function receiveLap(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  if (cep.flags & FLAGS.active) {
    core.drop('unexpected');
    return;
  }
  const { bytes, at } = incoming;
  if (cep.state !== STATE.ESTABLISHED) core.tell(cep, EVENT.rtu_received, CAUSE.established);
  if (!core.hasRoomForEvent(cep)) {
    core.keep(cep, 0);
    core.enter(cep, STATE.ESTABLISHED);
    core.drop('eventsUnread');
    return;
  }
  core.adoptTransaction(cep, incoming);
  const { localGid, remoteGid, trafficClass, localAckTimeout: ack } = LAP.fields.alternatePath;
  const ackTimeout = ack.get(bytes, at);
  // What is local to the peer is remote to us.
  const path = core.paths.hold({
    port: core.portOf(bytes, at + remoteGid.byte, incoming.from.port),
    localGid: remoteGid.get(bytes, at),
    remoteGid: localGid.get(bytes, at),
    trafficClass: trafficClass.get(bytes, at),
    sourcePort: 0,
  });
  propose(core, cep, { path, ackTimeout, packetLife: Math.max(0, ackTimeout - 1) });
  core.keep(cep, 0);
  core.enter(cep, STATE.LAP_RCVD);
  core.tell(cep, EVENT.lap_received, CAUSE.message);
}

/** Answers a LAP. With status 0 the path is the connection's alternate path from now on. */
export function sendApr(core: CepCore, cep: Cep, parameters: AprParameters): void {
  core.prepare(cep, composeApr(core, cep, parameters));
  launchApr(core, cep);
}

/** Makes the APR, to be sent later. */
export function formatApr(core: CepCore, cep: Cep, parameters: AprParameters): void {
  const mraSent = cep.state === STATE.LAP_MRA_SENT;
  core.prepare(cep, composeApr(core, cep, parameters));
  core.enter(cep, mraSent ? STATE.APR_PREPARED_MRA_SENT : STATE.APR_PREPARED);
}

/** Sends the APR that has been made. */
export function launchApr(core: CepCore, cep: Cep): void {
  const mad = core.takePrepared(cep);
  conclude(core, cep, APR.fields.apStatus.get(core.mads.bytes, core.at(mad)));
  core.transmit(cep, mad);
  core.keep(cep, 0);
  core.enter(cep, STATE.ESTABLISHED);
}

function composeApr(core: CepCore, cep: Cep, { status, additionalInformation, privateData }: AprParameters): number {
  return composeFrom(core, 'APR', {
    localCommId: cep.localCommId,
    remoteCommId: cep.remoteCommId,
    additionalInformationLength: additionalInformation?.length ?? 0,
    apStatus: status ?? AP_STATUSES.success,
    additionalInformation,
    privateData,
  });
}

/** The proposal becomes the alternate path, or is forgotten. */
function conclude(core: CepCore, cep: Cep, status: number): void {
  if (status === AP_STATUSES.success) acceptProposal(core, cep);
  else forgetProposal(core, cep);
}

export function receiveApr(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  conclude(core, cep, APR.fields.apStatus.get(incoming.bytes, incoming.at));
  core.keep(cep, 0);
  core.enter(cep, STATE.ESTABLISHED);
  core.tell(cep, EVENT.apr_received, CAUSE.message);
}

/**
 * The queue pair has moved to its alternate path: so does the CM, and what was the primary path is the alternate one.
 * @throws CepError `INVALID_STATE` when there is no alternate path; `QPN_IN_USE` when another connection has the number there.
 */
export function migrate(core: CepCore, cep: Cep): void {
  if (cep.alternatePath === 0) {
    throw new CepError('INVALID_STATE', 'the connection has no alternate path', {
      call: 'migrate',
      state: core.stateOf(cep),
    });
  }
  const { port } = core.paths.get(cep.alternatePath);
  if (port !== core.paths.get(cep.path).port) checkQpn(core, port, cep.localQpn);
  swapPaths(core, cep);
}
