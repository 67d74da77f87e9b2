import { DEFAULT_P_KEY, localAckTimeout, type TimeExponent } from '../base/index.js';
import { type MessageTable, REP, REQ, TRANSPORT_SERVICE_TYPES, type UintField } from '../wire/index.js';
import { composed } from './compose.js';
import type { CepCore } from './core.js';
import type { CmPath, RepParameters, ReqParameters } from './parameters.js';
import type { Cep } from './record.js';

/** How a REQ and a REP are written, field by field: they are most of what a connection costs, and the general way takes ten times as long. */

/** Linux's choices over RoCE, unless the consumer makes others. */
export const DEFAULT_PACKET_LIFE = 16;
const DEFAULT_ACK_DELAY = 15;
export const DEFAULT_RESPONSE_TIMEOUT = 20;
export const DEFAULT_RETRIES = 15;
const DEFAULT_HOP_LIMIT = 64;
const DEFAULT_MTU = 3;
/** Retries of the queue pair's transport, and for receiver-not-ready: 7 is the most. */
const DEFAULT_TRANSPORT_RETRIES = 7;
const NO_LID = 0xffff;
/** IBTA 12.7.41. */
const FAILOVER_NOT_SUPPORTED = 1;

/** The ACK timeout that the peer's queue pair is to use: our ACK delay is in it. */
function ackTimeoutOf({ packetLife = DEFAULT_PACKET_LIFE, localAckTimeout: chosen }: CmPath): number {
  return chosen ?? localAckTimeout(DEFAULT_ACK_DELAY as TimeExponent, packetLife as TimeExponent);
}

/** What a REQ begins as: the choices that most consumers leave to us. What is zero is left out. */
const REQ_TEMPLATE = templateOf(REQ, (bytes) => {
  const f = REQ.fields;
  f.remoteCmResponseTimeout.put(bytes, 0, DEFAULT_RESPONSE_TIMEOUT);
  f.localCmResponseTimeout.put(bytes, 0, DEFAULT_RESPONSE_TIMEOUT);
  f.retryCount.put(bytes, 0, DEFAULT_TRANSPORT_RETRIES);
  f.pKey.put(bytes, 0, DEFAULT_P_KEY);
  f.pathPacketPayloadMtu.put(bytes, 0, DEFAULT_MTU);
  f.rnrRetryCount.put(bytes, 0, DEFAULT_TRANSPORT_RETRIES);
  f.maxCmRetries.put(bytes, 0, DEFAULT_RETRIES);
});
/** What a REP begins as. */
const REP_TEMPLATE = templateOf(REP, (bytes) => {
  const f = REP.fields;
  f.targetAckDelay.put(bytes, 0, DEFAULT_ACK_DELAY);
  f.failoverAccepted.put(bytes, 0, FAILOVER_NOT_SUPPORTED);
  f.rnrRetryCount.put(bytes, 0, DEFAULT_TRANSPORT_RETRIES);
});

function templateOf({ empty }: MessageTable, write: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = empty.slice();
  write(bytes);
  return bytes;
}

/** Writes a value if the consumer has made a choice. `null`, which untyped code may give, is none. */
function choose(field: UintField, bytes: Uint8Array, at: number, value: number | null | undefined): void {
  if (value !== undefined && value !== null) field.set(bytes, at, value);
}

/** @returns the message, but for its comm ID. @throws EncodeError when a value does not fit its field; nothing is left behind. */
export function composeReq(core: CepCore, request: ReqParameters): number {
  const f = REQ.fields;
  return composed(core, REQ_TEMPLATE, (bytes, at) => {
    const { path, alternatePath, privateData, transport } = request;
    f.serviceId.set(bytes, at, request.serviceId);
    f.localCaGuid.high.put(bytes, at, core.caGuid.high);
    f.localCaGuid.low.put(bytes, at, core.caGuid.low);
    f.localQpn.set(bytes, at, request.qpn);
    f.startingPsn.set(bytes, at, request.startingPsn);
    choose(f.localQKey, bytes, at, request.qKey);
    choose(f.responderResources, bytes, at, request.responderResources);
    choose(f.initiatorDepth, bytes, at, request.initiatorDepth);
    choose(f.remoteCmResponseTimeout, bytes, at, request.remoteCmResponseTimeout);
    choose(f.localCmResponseTimeout, bytes, at, request.localCmResponseTimeout);
    choose(f.retryCount, bytes, at, request.retryCount);
    choose(f.pKey, bytes, at, request.pKey);
    choose(f.pathPacketPayloadMtu, bytes, at, request.mtu);
    choose(f.rnrRetryCount, bytes, at, request.rnrRetryCount);
    choose(f.maxCmRetries, bytes, at, request.maxCmRetries);
    f.transportServiceType.set(bytes, at, TRANSPORT_SERVICE_TYPES[transport ?? 'rc']);
    if (request.flowControl === true) f.endToEndFlowControl.put(bytes, at, 1);
    if (request.srq === true) f.srq.put(bytes, at, 1);
    writePath(f.primaryPath, path, bytes, at);
    if (alternatePath) writePath(f.alternatePath, alternatePath, bytes, at);
    if (privateData) f.privateData.set(bytes, at, privateData);
  });
}

/** The paths of REQ and LAP have the same fields, in places of their own. */
type PathFields = typeof REQ.fields.primaryPath;

export function writePath(f: PathFields, path: CmPath, bytes: Uint8Array, at: number): void {
  f.localLid.set(bytes, at, path.localLid ?? NO_LID);
  f.remoteLid.set(bytes, at, path.remoteLid ?? NO_LID);
  f.localGid.set(bytes, at, path.localGid);
  f.remoteGid.set(bytes, at, path.remoteGid);
  choose(f.flowLabel, bytes, at, path.flowLabel);
  choose(f.packetRate, bytes, at, path.packetRate);
  choose(f.trafficClass, bytes, at, path.trafficClass);
  f.hopLimit.set(bytes, at, path.hopLimit ?? DEFAULT_HOP_LIMIT);
  choose(f.sl, bytes, at, path.sl);
  f.localAckTimeout.set(bytes, at, ackTimeoutOf(path));
}

/** @throws EncodeError when a value does not fit its field; nothing is left behind. */
export function composeRep(core: CepCore, cep: Cep, reply: RepParameters): number {
  const f = REP.fields;
  return composed(core, REP_TEMPLATE, (bytes, at) => {
    f.localCommId.put(bytes, at, cep.localCommId);
    f.remoteCommId.put(bytes, at, cep.remoteCommId);
    f.localQpn.set(bytes, at, reply.qpn);
    f.startingPsn.set(bytes, at, reply.startingPsn);
    f.localCaGuid.high.put(bytes, at, core.caGuid.high);
    f.localCaGuid.low.put(bytes, at, core.caGuid.low);
    choose(f.localQKey, bytes, at, reply.qKey);
    choose(f.responderResources, bytes, at, reply.responderResources);
    choose(f.initiatorDepth, bytes, at, reply.initiatorDepth);
    choose(f.targetAckDelay, bytes, at, reply.targetAckDelay);
    choose(f.failoverAccepted, bytes, at, reply.failoverAccepted);
    choose(f.rnrRetryCount, bytes, at, reply.rnrRetryCount);
    if (reply.flowControl === true) f.endToEndFlowControl.put(bytes, at, 1);
    if (reply.srq === true) f.srq.put(bytes, at, 1);
    if (reply.privateData) f.privateData.set(bytes, at, reply.privateData);
  });
}
