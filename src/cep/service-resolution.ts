import { DEFAULT_P_KEY, type ServiceId } from '../base/index.js';
import { SIDR_REQ, SIDR_STATUSES } from '../wire/index.js';
import { addressOf, resend } from './active.js';
import { composeFrom } from './compose.js';
import type { CepCore, Incoming } from './core.js';
import { DEFAULT_PACKET_LIFE, DEFAULT_RESPONSE_TIMEOUT, DEFAULT_RETRIES } from './establishing-messages.js';
import { CAUSE, EVENT } from './event-queue.js';
import { checkAddress, checkPath, checkSidrTimes, checkTiming } from './parameter-check.js';
import type { SidrRepParameters, SidrReqParameters } from './parameters.js';
import { type Cep, type CepCursor, FLAGS } from './record.js';
import { STATE } from './states.js';

/** SIDR: which queue pair serves a service ID, for datagrams (IBTA 12.11). The request ID is kept where a connection has its comm ID. */

const f = SIDR_REQ.fields;

/** @throws CepError `INVALID_PARAMETER`; EncodeError when a value does not fit. Then nothing has changed. */
export function sendSidrReq(core: CepCore, cep: Cep, request: SidrReqParameters): void {
  const { path, serviceId, privateData, timing } = request;
  checkPath(path);
  checkAddress(path);
  checkSidrTimes(request);
  checkTiming(timing);
  const mad = composeFrom(core, 'SIDR_REQ', { pKey: request.pKey ?? DEFAULT_P_KEY, serviceId, privateData });
  f.requestId.put(core.mads.bytes, core.at(mad), core.store.assignCommId(cep));
  cep.flags |= FLAGS.active;
  cep.path = core.paths.hold(addressOf(path));
  cep.packetLife = path.packetLife ?? DEFAULT_PACKET_LIFE;
  cep.responseTimeout = request.responseTimeout ?? DEFAULT_RESPONSE_TIMEOUT;
  cep.maxRetries = request.retries ?? DEFAULT_RETRIES;
  core.newTransaction(cep);
  core.keep(cep, mad);
  core.transmit(cep, mad);
  core.enter(cep, STATE.SIDR_REQ_SENT);
  core.beginWait(cep, timing);
}

export function resendSidrReqOrGiveUp(core: CepCore, cep: Cep): void {
  if (cep.retries < core.retriesOf(cep)) {
    resend(core, cep);
    core.armRetry(cep);
  } else {
    core.tell(cep, EVENT.sidr_req_error, CAUSE.retriesExhausted);
    core.enter(cep, STATE.IDLE);
  }
}

export function sidrReqDeadline(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.sidr_req_error, CAUSE.deadline);
  core.enter(cep, STATE.IDLE);
}

export function receiveSidrRep(core: CepCore, cep: Cep): void {
  core.tell(cep, EVENT.sidr_rep_received, CAUSE.message);
  core.enter(cep, STATE.IDLE);
}

/** The CEP that is answering a SIDR request, or 0. */
export function findSidrRequest(core: CepCore, { bytes, at, from }: Incoming): number {
  return core.identities.findRequester(f.requestId.get(bytes, at), from);
}

/** A SIDR_REQ that is not a duplicate: makes a CEP and tells the listener's owner, or is answered at once. */
export function receiveSidrRequest(core: CepCore, cursor: CepCursor, incoming: Incoming): void {
  const { bytes, at, from } = incoming;
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
    answerStateless(core, incoming, SIDR_STATUSES.serviceIdUnsupported);
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
    answerStateless(core, incoming, SIDR_STATUSES.rejected);
    return;
  }
  const cep = cursor.moveTo(slot);
  core.owners.addCep(cep, listener.owner);
  core.adoptTransaction(cep, incoming);
  cep.path = core.paths.hold(from);
  core.identities.learnRequester(cep, f.requestId.get(bytes, at));
  cep.serviceHigh = serviceId.high.get(bytes, at);
  cep.serviceLow = serviceId.low.get(bytes, at);
  core.enter(cep, STATE.SIDR_REQ_RCVD);
  core.backlogs.join(cep, listener);
  core.tell(cep, EVENT.sidr_req_received, CAUSE.message);
}

/** @throws EncodeError when a value does not fit; then nothing has changed. */
export function sendSidrRep(core: CepCore, cep: Cep, reply: SidrRepParameters): void {
  const { status = SIDR_STATUSES.valid, qpn = 0, qKey = 0, additionalInformation, privateData } = reply;
  const mad = composeFrom(core, 'SIDR_REP', {
    requestId: cep.remoteCommId,
    status,
    additionalInformationLength: additionalInformation?.length ?? 0,
    qpn,
    serviceId: ((BigInt(cep.serviceHigh) << 32n) | BigInt(cep.serviceLow)) as ServiceId,
    qKey,
    additionalInformation,
    privateData,
  });
  core.transmit(cep, mad);
  core.enter(cep, STATE.IDLE);
}

export function destroySidrRequest(core: CepCore, cep: Cep): void {
  core.unbind(cep);
  sendSidrRep(core, cep, { status: SIDR_STATUSES.rejected });
}

function answerStateless(core: CepCore, incoming: Incoming, status: number): void {
  const { bytes, at } = incoming;
  const mad = composeFrom(core, 'SIDR_REP', {
    requestId: f.requestId.get(bytes, at),
    status,
    serviceId: f.serviceId.get(bytes, at),
  });
  core.transmitStateless(mad, incoming);
}
