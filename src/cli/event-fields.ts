import { durationOfExponent, formatAddress, type TimeExponent } from '../base/index.js';
import type { EndpointEvent } from '../endpoint/index.js';
import {
  decodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  MESSAGE_MRAED,
  MESSAGE_REJECTED,
  type Rej,
  type Req,
  rejectReasonName,
  SIDR_STATUSES,
  type SidrRep,
  type SidrReq,
  sidrStatusName,
} from '../wire/index.js';

export type Fields = Readonly<Record<string, unknown>>;

/** The fields of a CM event that say something. Byte strings are hexadecimal digits. */
export function eventFields({ type, cause, transmissions, mad }: EndpointEvent): Fields {
  if (mad === undefined) return type.endsWith('_error') ? { cause, transmissions } : { cause };
  const privateData = hex(mad.fields.privateData);
  switch (mad.message) {
    case 'REQ':
      return reqFields(mad.fields);
    case 'REP':
      return { remoteQpn: mad.fields.localQpn, startingPsn: mad.fields.startingPsn, privateData };
    case 'REJ':
      return { ...rejFields(mad.fields), privateData };
    case 'MRA': {
      const { messageMraed, serviceTimeout } = mad.fields;
      const serviceTimeoutMs = Math.round(durationOfExponent(serviceTimeout as TimeExponent) / 1_000);
      return { messageMraed: messageName(MESSAGE_MRAED, messageMraed), serviceTimeoutMs, privateData };
    }
    case 'SIDR_REQ':
      return sidrReqFields(mad.fields);
    case 'SIDR_REP':
      return { ...sidrRepFields(mad.fields), privateData };
    default:
      return { ...(cause === 'stale' && { cause }), privateData };
  }
}

function reqFields({ localQpn, startingPsn, serviceId, privateData }: Req): Fields {
  return {
    ...sourceOf(privateData),
    remoteQpn: localQpn,
    startingPsn,
    serviceId: serviceIdText(serviceId),
    privateData: hex(privateData.subarray(IP_CM_HEADER_BYTES)),
  };
}

function sidrReqFields({ serviceId, pKey, privateData }: SidrReq): Fields {
  return {
    ...sourceOf(privateData),
    serviceId: serviceIdText(serviceId),
    pKey,
    privateData: hex(privateData.subarray(IP_CM_HEADER_BYTES)),
  };
}

function sidrRepFields({ status, qpn, qKey, additionalInformation, additionalInformationLength }: SidrRep): Fields {
  const information = additionalInformation.subarray(0, additionalInformationLength);
  return {
    status,
    statusName: sidrStatusName(status) ?? 'unknown',
    ...(status === SIDR_STATUSES.valid && { qpn, qKey }),
    ...(information.length > 0 && { additionalInformation: hex(information) }),
  };
}

/** Who asks, as rdma_cm's header has it. */
function sourceOf(privateData: Uint8Array): Fields {
  const header = decodeIpCmHeader(privateData);
  return header instanceof Error ? {} : { remoteAddress: formatAddress(header.source), remotePort: header.sourcePort };
}

const serviceIdText = (serviceId: bigint): string => `0x${serviceId.toString(16).padStart(16, '0')}`;

function rejFields({ reason, messageRejected, rejectInfoLength, additionalRejectInformation }: Rej): Fields {
  const information = additionalRejectInformation.subarray(0, rejectInfoLength);
  return {
    reason,
    reasonName: rejectReasonName(reason) ?? 'unknown',
    messageRejected: messageName(MESSAGE_REJECTED, messageRejected),
    ...(information.length > 0 && { additionalInformation: hex(information) }),
  };
}

/** The name of the message that a REJ or an MRA answers; its number if it has none. */
function messageName(names: Readonly<Record<string, number>>, value: number): string | number {
  const name = Object.keys(names).find((candidate) => names[candidate] === value);
  return name === undefined ? value : name === 'other' ? name : name.toUpperCase();
}

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
