import { gidEquals, type ServiceId } from '../base/index.js';
import { REJECT_REASONS, REP, REQ, TRANSPORT_SERVICE_TYPES } from '../wire/index.js';
import { checkQpn, resend } from './active.js';
import { rejectStateless, sendReject } from './compose.js';
import { acceptProposal, forgetAlternate, propose } from './connection-paths.js';
import type { CepCore, Incoming } from './core.js';
import { composeRep } from './establishing-messages.js';
import { CAUSE, EVENT } from './event-queue.js';
import { checkListen, checkOwnQpn, checkTiming } from './parameter-check.js';
import type { ListenParameters, RepParameters } from './parameters.js';
import { type Cep, type CepCursor, FLAGS } from './record.js';
import { STATE } from './states.js';

/** The passive side: listening, REQ, REP, RTU (IBTA 12.9.1). */

/** @returns the service ID, chosen here if the caller did not. @throws CepError `LISTEN_CONFLICT` when something listens there already, `INVALID_PARAMETER`. */
export function listen(core: CepCore, cep: Cep, parameters: ListenParameters): ServiceId {
  checkListen(parameters);
  const { backlog, atBacklog } = parameters;
  const serviceId = core.listens.add(parameters, cep.slot);
  cep.serviceHigh = Number(serviceId >> 32n);
  cep.serviceLow = Number(serviceId & 0xffff_ffffn);
  cep.backlog = backlog;
  if (atBacklog === 'silence') cep.flags |= FLAGS.silentBacklog;
  core.enter(cep, STATE.LISTEN);
  return serviceId;
}

const f = REQ.fields;
/** The one extended transport type there is (IBTA A14). */
const XRC = 1;

/** A REQ that is not a duplicate and not from a stale connection: makes a CEP and tells the listener's owner, or is refused. */
export function receiveRequest(core: CepCore, cursor: CepCursor, incoming: Incoming): void {
  const { bytes, at, from } = incoming;
  const refusal = invalidity(incoming);
  if (refusal !== 0) {
    const information = refusal === REJECT_REASONS.primaryRemotePortGid ? from.localGid : undefined;
    rejectStateless(core, incoming, 'REQ', refusal, information);
    return;
  }
  const { serviceId, privateData } = f;
  const listenerSlot = core.listens.find(
    serviceId.high.get(bytes, at),
    serviceId.low.get(bytes, at),
    from.port,
    bytes,
    at + privateData.byte,
    privateData.length,
  );
  if (listenerSlot === 0) {
    rejectStateless(core, incoming, 'REQ', REJECT_REASONS.invalidServiceId);
    return;
  }
  const listener = core.other.moveTo(listenerSlot);
  const full = listener.requestCount >= listener.backlog;
  if (full && listener.flags & FLAGS.silentBacklog) {
    core.drop('backlogFull');
    return;
  }
  const slot = full ? 0 : core.store.allocate();
  if (slot === 0) {
    rejectStateless(core, incoming, 'REQ', REJECT_REASONS.noResources);
    return;
  }
  admit(core, cursor.moveTo(slot), listener, incoming);
}

/** The reject reason of a REQ that is wrong in itself, 0 if it is not. */
export function invalidity({ bytes, at, from }: Incoming): number {
  const transport = f.transportServiceType.get(bytes, at);
  const extended = transport === TRANSPORT_SERVICE_TYPES.extended;
  if (extended && f.extendedTransportType.get(bytes, at) === XRC) return REJECT_REASONS.unsupportedRequest;
  if (transport > TRANSPORT_SERVICE_TYPES.uc || f.localQpn.get(bytes, at) === 0) {
    return REJECT_REASONS.invalidTransportServiceType;
  }
  const ours = gidEquals(bytes, at + f.primaryPath.remoteGid.byte, from.localGid, 0);
  return ours ? 0 : REJECT_REASONS.primaryRemotePortGid;
}

function admit(core: CepCore, cep: Cep, listener: Cep, incoming: Incoming): void {
  const { bytes, at, from } = incoming;
  core.owners.addCep(cep, listener.owner);
  core.store.assignCommId(cep);
  cep.path = core.paths.hold({
    port: from.port,
    localGid: from.localGid,
    remoteGid: from.remoteGid,
    trafficClass: f.primaryPath.trafficClass.get(bytes, at),
    sourcePort: from.sourcePort,
  });
  cep.serviceHigh = f.serviceId.high.get(bytes, at);
  cep.serviceLow = f.serviceId.low.get(bytes, at);
  learnRequest(core, cep, incoming);
  core.enter(cep, STATE.REQ_RCVD);
  core.backlogs.join(cep, listener);
  core.tell(cep, EVENT.req_received, CAUSE.message);
}

/** What a REQ says about the peer and the connection. Resources cross: what the peer wants is what we have to hold. */
export function learnRequest(core: CepCore, cep: Cep, incoming: Incoming): void {
  const { bytes, at } = incoming;
  const { localCaGuid, primaryPath } = f;
  core.adoptTransaction(cep, incoming);
  if (f.transportServiceType.get(bytes, at) === TRANSPORT_SERVICE_TYPES.uc) cep.flags |= FLAGS.unreliable;
  else cep.flags &= ~FLAGS.unreliable;
  core.identities.learnRemote(
    cep,
    f.localCommId.get(bytes, at),
    localCaGuid.high.get(bytes, at),
    localCaGuid.low.get(bytes, at),
    f.localQpn.get(bytes, at),
  );
  cep.ackTimeout = primaryPath.localAckTimeout.get(bytes, at);
  // The ACK timeout is about twice the packet life, with the peer's own ACK delay in it; Linux halves it likewise.
  cep.packetLife = Math.max(0, cep.ackTimeout - 1);
  cep.remoteAckDelay = 0;
  cep.responseTimeout = f.localCmResponseTimeout.get(bytes, at);
  cep.maxRetries = f.maxCmRetries.get(bytes, at);
  cep.remotePsn = f.startingPsn.get(bytes, at);
  cep.pKey = f.pKey.get(bytes, at);
  cep.mtu = f.pathPacketPayloadMtu.get(bytes, at);
  cep.retryCount = f.retryCount.get(bytes, at);
  cep.rnrRetryCount = f.rnrRetryCount.get(bytes, at);
  cep.responderResources = f.initiatorDepth.get(bytes, at);
  cep.initiatorDepth = f.responderResources.get(bytes, at);
  learnAlternatePath(core, cep, incoming);
}

/** A local LID that is not 0 says that there is an alternate path, as Linux has it. One of our own request that gave way goes. */
function learnAlternatePath(core: CepCore, cep: Cep, { bytes, at, from }: Incoming): void {
  const { localLid, localGid, remoteGid, trafficClass, localAckTimeout } = f.alternatePath;
  forgetAlternate(core, cep);
  if (localLid.get(bytes, at) === 0) return;
  const path = core.paths.hold({
    port: core.portOf(bytes, at + remoteGid.byte, from.port),
    localGid: remoteGid.get(bytes, at),
    remoteGid: localGid.get(bytes, at),
    trafficClass: trafficClass.get(bytes, at),
    sourcePort: 0,
  });
  const ackTimeout = localAckTimeout.get(bytes, at);
  propose(core, cep, { path, ackTimeout, packetLife: Math.max(0, ackTimeout - 1) });
  acceptProposal(core, cep);
}

/** Our timewait on the pair is not over: the peer has to come with another comm ID (WinOF; Linux takes it as new). */
export function rejectInTimewait(core: CepCore): void {
  if (core.incoming) rejectStateless(core, core.incoming, 'REQ', REJECT_REASONS.staleConnection);
}

/** @throws CepError `QPN_IN_USE` (R3), `INVALID_PARAMETER`; EncodeError when a value does not fit. Then nothing has changed. */
export function sendRep(core: CepCore, cep: Cep, reply: RepParameters): void {
  prepareRep(core, cep, reply);
  launchRep(core, cep);
}

/** Makes the REP, to be sent later. */
export function formatRep(core: CepCore, cep: Cep, reply: RepParameters): void {
  const mraSent = cep.state === STATE.REQ_MRA_SENT;
  prepareRep(core, cep, reply);
  core.enter(cep, mraSent ? STATE.REP_PREPARED_MRA_SENT : STATE.REP_PREPARED);
}

function prepareRep(core: CepCore, cep: Cep, reply: RepParameters): void {
  checkOwnQpn(reply.qpn);
  checkTiming(reply.timing);
  // After a crossing the queue pair of our own request is reserved already.
  if (reply.qpn !== cep.localQpn) checkQpn(core, core.paths.get(cep.path).port, reply.qpn);
  const mad = composeRep(core, cep, reply);
  const { bytes } = core.mads;
  const at = core.at(mad);
  core.identities.releaseLocalQpn(cep);
  core.identities.holdLocalQpn(cep, reply.qpn);
  if (REP.fields.failoverAccepted.get(bytes, at) !== 0) forgetAlternate(core, cep);
  cep.localPsn = reply.startingPsn;
  cep.responderResources = REP.fields.responderResources.get(bytes, at);
  cep.initiatorDepth = REP.fields.initiatorDepth.get(bytes, at);
  core.holdTiming(cep, reply.timing);
  core.prepare(cep, mad);
}

/** Sends the REP that has been made. */
export function launchRep(core: CepCore, cep: Cep): void {
  const mad = core.takePrepared(cep);
  core.backlogs.leave(cep);
  core.keep(cep, mad);
  core.transmit(cep, mad);
  core.enter(cep, STATE.REP_SENT);
  core.beginWait(cep, core.policyOf(cep));
}

/** No RTU in time: send the REP again, or give up. The peer may have received it all, so its half is rejected. */
export function resendRepOrGiveUp(core: CepCore, cep: Cep): void {
  if (cep.retries < core.retriesOf(cep)) {
    resend(core, cep);
    core.enter(cep, STATE.REP_SENT);
    core.armRetry(cep);
  } else {
    core.tell(cep, EVENT.rep_error, CAUSE.retriesExhausted);
    abandonRep(core, cep);
  }
}

export function repDeadline(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.rep_error, CAUSE.deadline);
  abandonRep(core, cep);
}

function abandonRep(core: CepCore, cep: Cep): void {
  sendReject(core, cep, REJECT_REASONS.timeout);
  core.enter(cep, STATE.TIMEWAIT);
}

/** RTU: the connection stands. */
export function acceptRtu(core: CepCore, cep: Cep): void {
  core.keep(cep, 0);
  core.enter(cep, STATE.ESTABLISHED);
  core.tell(cep, EVENT.rtu_received, CAUSE.message);
}

/** Data arrived before the RTU: the connection stands, whatever became of the RTU (IBTA 12.9.7.2, communication established). */
export function establish(core: CepCore, cep: Cep): void {
  core.keep(cep, 0);
  core.enter(cep, STATE.ESTABLISHED);
  core.tell(cep, EVENT.rtu_received, CAUSE.established);
}
