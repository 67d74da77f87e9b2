import { DEFAULT_P_KEY, localAckTimeout, type TimeExponent } from '../base/index.js';
import { REP, REQ, TRANSPORT_SERVICE_TYPES } from '../wire/index.js';
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

/** @returns the message, but for its comm ID. @throws EncodeError when a value does not fit its field; nothing is left behind. */
export function composeReq(core: CepCore, request: ReqParameters): number {
  const f = REQ.fields;
  return composed(core, REQ, (bytes, at) => {
    const { path, alternatePath, privateData } = request;
    f.serviceId.set(bytes, at, request.serviceId);
    f.localCaGuid.high.put(bytes, at, core.caGuid.high);
    f.localCaGuid.low.put(bytes, at, core.caGuid.low);
    f.localQKey.set(bytes, at, request.qKey ?? 0);
    f.localQpn.set(bytes, at, request.qpn);
    f.responderResources.set(bytes, at, request.responderResources ?? 0);
    f.initiatorDepth.set(bytes, at, request.initiatorDepth ?? 0);
    f.remoteCmResponseTimeout.set(bytes, at, request.remoteCmResponseTimeout ?? DEFAULT_RESPONSE_TIMEOUT);
    f.transportServiceType.put(bytes, at, TRANSPORT_SERVICE_TYPES[request.transport ?? 'rc']);
    f.endToEndFlowControl.put(bytes, at, request.flowControl === true ? 1 : 0);
    f.startingPsn.set(bytes, at, request.startingPsn);
    f.localCmResponseTimeout.set(bytes, at, request.localCmResponseTimeout ?? DEFAULT_RESPONSE_TIMEOUT);
    f.retryCount.set(bytes, at, request.retryCount ?? DEFAULT_TRANSPORT_RETRIES);
    f.pKey.set(bytes, at, request.pKey ?? DEFAULT_P_KEY);
    f.pathPacketPayloadMtu.set(bytes, at, request.mtu ?? DEFAULT_MTU);
    f.rnrRetryCount.set(bytes, at, request.rnrRetryCount ?? DEFAULT_TRANSPORT_RETRIES);
    f.maxCmRetries.set(bytes, at, request.maxCmRetries ?? DEFAULT_RETRIES);
    f.srq.put(bytes, at, request.srq === true ? 1 : 0);
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
  f.flowLabel.set(bytes, at, path.flowLabel ?? 0);
  f.packetRate.set(bytes, at, path.packetRate ?? 0);
  f.trafficClass.set(bytes, at, path.trafficClass ?? 0);
  f.hopLimit.set(bytes, at, path.hopLimit ?? DEFAULT_HOP_LIMIT);
  f.sl.set(bytes, at, path.sl ?? 0);
  f.localAckTimeout.set(bytes, at, ackTimeoutOf(path));
}

/** @throws EncodeError when a value does not fit its field; nothing is left behind. */
export function composeRep(core: CepCore, cep: Cep, reply: RepParameters): number {
  const f = REP.fields;
  return composed(core, REP, (bytes, at) => {
    f.localCommId.put(bytes, at, cep.localCommId);
    f.remoteCommId.put(bytes, at, cep.remoteCommId);
    f.localQKey.set(bytes, at, reply.qKey ?? 0);
    f.localQpn.set(bytes, at, reply.qpn);
    f.startingPsn.set(bytes, at, reply.startingPsn);
    f.responderResources.set(bytes, at, reply.responderResources ?? 0);
    f.initiatorDepth.set(bytes, at, reply.initiatorDepth ?? 0);
    f.targetAckDelay.set(bytes, at, reply.targetAckDelay ?? DEFAULT_ACK_DELAY);
    f.failoverAccepted.set(bytes, at, reply.failoverAccepted ?? FAILOVER_NOT_SUPPORTED);
    f.endToEndFlowControl.put(bytes, at, reply.flowControl === true ? 1 : 0);
    f.rnrRetryCount.set(bytes, at, reply.rnrRetryCount ?? DEFAULT_TRANSPORT_RETRIES);
    f.srq.put(bytes, at, reply.srq === true ? 1 : 0);
    f.localCaGuid.high.put(bytes, at, core.caGuid.high);
    f.localCaGuid.low.put(bytes, at, core.caGuid.low);
    if (reply.privateData) f.privateData.set(bytes, at, reply.privateData);
  });
}
