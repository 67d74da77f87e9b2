import { localAckTimeout, type TimeExponent } from '../base/index.js';
import { REJECT_REASONS, REP, REQ, RTU } from '../wire/index.js';
import { composeBare, rejectStateless, repeatBare, sendBare, sendReject } from './compose.js';
import { acceptProposal, forgetAlternate, propose } from './connection-paths.js';
import type { CepCore } from './core.js';
import { CepError } from './error.js';
import { composeReq, DEFAULT_PACKET_LIFE } from './establishing-messages.js';
import { CAUSE, EVENT } from './event-queue.js';
import { checkAlternatePath, checkOwnQpn, checkPath, checkTiming } from './parameter-check.js';
import type { CmPath, PrivateDataParameters, ReqParameters } from './parameters.js';
import type { PathAddress } from './path-table.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/** The active side: REQ, REP, RTU (IBTA 12.9.1). */

const f = REQ.fields;

export function addressOf(path: CmPath): PathAddress {
  return {
    port: path.port ?? 1,
    localGid: path.localGid,
    remoteGid: path.remoteGid,
    trafficClass: path.trafficClass ?? 0,
    sourcePort: path.sourcePort ?? 0,
  };
}

/** @throws CepError `QPN_IN_USE` (R3), `INVALID_PARAMETER`; EncodeError when a value does not fit. Then nothing has changed. */
export function sendReq(core: CepCore, cep: Cep, request: ReqParameters): void {
  prepareReq(core, cep, request);
  launchReq(core, cep);
}

/** Makes the REQ, to be sent later. The queue pair is reserved from now on. */
export function formatReq(core: CepCore, cep: Cep, request: ReqParameters): void {
  prepareReq(core, cep, request);
  core.enter(cep, STATE.REQ_PREPARED);
}

/** Sends the REQ that has been made. */
export function launchReq(core: CepCore, cep: Cep): void {
  const mad = core.takePrepared(cep);
  core.newTransaction(cep);
  core.keep(cep, mad);
  core.transmit(cep, mad);
  if (cep.flags & FLAGS.peerToPeer) core.peerRequests.add(cep.serviceHigh, cep.serviceLow, cep.slot);
  core.enter(cep, STATE.REQ_SENT);
  core.beginWait(cep, core.policyOf(cep));
}

function prepareReq(core: CepCore, cep: Cep, request: ReqParameters): void {
  const { path, alternatePath, qpn } = request;
  checkPath(path);
  if (alternatePath) checkAlternatePath(alternatePath);
  checkOwnQpn(qpn);
  checkTiming(request.timing);
  const address = addressOf(path);
  checkQpn(core, address.port, qpn);
  const mad = composeReq(core, request);
  const { bytes } = core.mads;
  const at = core.at(mad);
  f.localCommId.put(bytes, at, core.store.assignCommId(cep));
  cep.flags |= request.peerToPeer === true ? FLAGS.active | FLAGS.peerToPeer : FLAGS.active;
  if (request.transport === 'uc') cep.flags |= FLAGS.unreliable;
  cep.path = core.paths.hold(address);
  cep.packetLife = path.packetLife ?? DEFAULT_PACKET_LIFE;
  // Until the REP says the peer's ACK delay.
  cep.ackTimeout = cep.packetLife;
  if (alternatePath) {
    const { packetLife = DEFAULT_PACKET_LIFE } = alternatePath;
    propose(core, cep, { path: core.paths.hold(addressOf(alternatePath)), ackTimeout: packetLife, packetLife });
    acceptProposal(core, cep);
  }
  cep.responseTimeout = f.remoteCmResponseTimeout.get(bytes, at);
  cep.maxRetries = f.maxCmRetries.get(bytes, at);
  cep.responderResources = f.responderResources.get(bytes, at);
  cep.initiatorDepth = f.initiatorDepth.get(bytes, at);
  cep.pKey = f.pKey.get(bytes, at);
  cep.mtu = f.pathPacketPayloadMtu.get(bytes, at);
  cep.retryCount = f.retryCount.get(bytes, at);
  cep.localPsn = request.startingPsn;
  cep.serviceHigh = f.serviceId.high.get(bytes, at);
  cep.serviceLow = f.serviceId.low.get(bytes, at);
  core.identities.holdLocalQpn(cep, qpn);
  core.holdTiming(cep, request.timing);
  core.prepare(cep, mad);
}

/** R3: one queue pair number is in one connection at a time, timewait included. */
export function checkQpn(core: CepCore, port: number, qpn: number): void {
  if (core.identities.isQpnInUse(port, qpn)) {
    throw new CepError('QPN_IN_USE', `queue pair ${qpn} of port ${port} is in a connection or in timewait`, {
      port,
      qpn,
    });
  }
}

/** No answer to the REQ in time: send it again, or tell the consumer and the peer that it is over. */
export function resendReqOrGiveUp(core: CepCore, cep: Cep): void {
  if (cep.retries < core.retriesOf(cep)) {
    resend(core, cep);
    core.enter(cep, STATE.REQ_SENT);
    core.armRetry(cep);
  } else {
    core.tell(cep, EVENT.req_error, CAUSE.retriesExhausted);
    abandonReq(core, cep);
  }
}

export function resend(core: CepCore, cep: Cep): void {
  core.countRetry(cep, core.messageOf(cep.sentMad));
  core.sendAgain(cep);
}

/** The consumer's total time is over. */
export function reqDeadline(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.req_error, CAUSE.deadline);
  abandonReq(core, cep);
}

/** The peer may have a half-open connection: a REJ with the reason "timeout" clears it. */
export function abandonReq(core: CepCore, cep: Cep): void {
  sendReject(core, cep, REJECT_REASONS.timeout);
  core.enter(cep, STATE.IDLE);
}

/** The peer agreed. A peer that names a (QPN, GUID) or comm ID that is in another connection is wrong (IBTA 12.9.8.3.1). */
export function acceptRep(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  const { bytes, at, from } = incoming;
  const { localCommId, localQpn, localCaGuid, targetAckDelay, failoverAccepted } = REP.fields;
  const commId = localCommId.get(bytes, at);
  const qpn = localQpn.get(bytes, at);
  const guidHigh = localCaGuid.high.get(bytes, at);
  const guidLow = localCaGuid.low.get(bytes, at);
  if (
    core.identities.findRemoteId(commId, guidHigh, guidLow, from) !== 0 ||
    core.identities.findRemoteQpn(qpn, guidHigh, guidLow, from) !== 0
  ) {
    rejectStateless(core, incoming, 'REP', REJECT_REASONS.staleConnection);
    return;
  }
  core.identities.learnRemote(cep, commId, guidHigh, guidLow, qpn);
  learnAckDelay(core, cep, targetAckDelay.get(bytes, at), failoverAccepted.get(bytes, at) === 0);
  cep.remotePsn = REP.fields.startingPsn.get(bytes, at);
  cep.rnrRetryCount = REP.fields.rnrRetryCount.get(bytes, at);
  // What the peer can hold limits what we may have outstanding, and the reverse.
  cep.initiatorDepth = REP.fields.responderResources.get(bytes, at);
  cep.responderResources = REP.fields.initiatorDepth.get(bytes, at);
  core.endPeerRequest(cep);
  core.keep(cep, 0);
  core.enter(cep, STATE.REP_RCVD);
  core.tell(cep, EVENT.rep_received, CAUSE.message);
}

/** How long our queue pair waits for the peer's acknowledgements, and whether there is a second path to wait on. */
function learnAckDelay(core: CepCore, cep: Cep, delay: number, failoverAccepted: boolean): void {
  const ackTimeout = (packetLife: number): number => localAckTimeout(delay as TimeExponent, packetLife as TimeExponent);
  cep.remoteAckDelay = delay;
  cep.ackTimeout = ackTimeout(cep.ackTimeout);
  if (!failoverAccepted) forgetAlternate(core, cep);
  else if (cep.alternatePath !== 0) cep.alternateAckTimeout = ackTimeout(cep.alternateAckTimeout);
}

export function sendRtu(core: CepCore, cep: Cep, { privateData }: PrivateDataParameters): void {
  const mad = composeBare(core, cep, RTU, privateData);
  sendBare(core, cep, mad, privateData);
  core.enter(cep, STATE.ESTABLISHED);
}

/** The peer repeats its REP: our RTU was lost. */
export function repeatRtu(core: CepCore, cep: Cep): void {
  // The passive side got its REP from the consumer itself: no REP can be a duplicate there.
  if ((cep.flags & FLAGS.active) === 0 || core.incoming === undefined) {
    core.drop('unexpected');
    return;
  }
  // A LAP may have begun another transaction since.
  core.adoptTransaction(cep, core.incoming);
  repeatBare(core, cep, RTU);
}
