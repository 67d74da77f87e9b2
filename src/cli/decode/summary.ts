import { durationOfExponent, formatAddress, formatGid, type TimeExponent } from '../../base/index.js';
import {
  apStatusName,
  type CmMad,
  DecodeError,
  decodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  type Lap,
  MESSAGE_MRAED,
  MESSAGE_REJECTED,
  PORT_SPACES,
  REJECT_REASONS,
  type Rej,
  type Rep,
  type Req,
  type ReqPath,
  rejectReasonName,
  type SidrRep,
  type SidrReq,
  sidrStatusName,
  TRANSPORT_SERVICE_TYPES,
} from '../../wire/index.js';
import { showBytes, showPrivateData, withoutTrailingZeros } from '../private-data.js';
import { hex64, hexOf } from './json.js';

/** What matters of a message to someone who looks for a fault, as phrases. `--json` has every field. */
export function summarize(mad: CmMad): string[] {
  const { attributeModifier } = mad.header;
  switch (mad.message) {
    case 'REQ':
      return [...summarizeReq(mad.fields), ...ece(mad.fields.vendorId, attributeModifier), ...ipCm(mad.fields)];
    case 'REP':
      return [
        ...commIds(mad.fields),
        ...summarizeRep(mad.fields),
        ...ece(mad.fields.vendorId, attributeModifier),
        ...data(mad.fields.privateData),
      ];
    case 'MRA': {
      const { messageMraed, serviceTimeout, privateData } = mad.fields;
      const answered = nameIn(MESSAGE_MRAED, messageMraed).toUpperCase();
      return [
        ...commIds(mad.fields),
        `of ${answered}`,
        `service timeout ${timeOf(serviceTimeout)}`,
        ...data(privateData),
      ];
    }
    case 'REJ':
      return [...commIds(mad.fields), ...summarizeRej(mad.fields), ...data(mad.fields.privateData)];
    case 'RTU':
    case 'DREP':
      return [...commIds(mad.fields), ...data(mad.fields.privateData)];
    case 'DREQ':
      return [...commIds(mad.fields), qpn(mad.fields.remoteQpnEecn, 'remote QPN'), ...data(mad.fields.privateData)];
    case 'SIDR_REQ':
      return [...summarizeSidrReq(mad.fields), ...ipCm(mad.fields)];
    case 'SIDR_REP':
      return [
        ...summarizeSidrRep(mad.fields),
        ...ece(mad.fields.vendorId, attributeModifier),
        ...data(mad.fields.privateData),
      ];
    case 'LAP':
      return [...commIds(mad.fields), ...summarizeLap(mad.fields), ...data(mad.fields.privateData)];
    case 'APR': {
      const { apStatus, additionalInformationLength, additionalInformation, privateData } = mad.fields;
      return [
        ...commIds(mad.fields),
        `status ${apStatus} ${apStatusName(apStatus) ?? UNKNOWN}`,
        ...information(additionalInformation, additionalInformationLength),
        ...data(privateData),
      ];
    }
  }
}

const UNKNOWN = 'unknown';

function summarizeReq(req: Req): string[] {
  const { localCommId, serviceId, localQpn, startingPsn, localCaGuid, pathPacketPayloadMtu, pKey } = req;
  const { remoteCmResponseTimeout, maxCmRetries, alternatePath } = req;
  return [
    `local ${hex(localCommId, 8)}`,
    service(serviceId),
    qpn(localQpn),
    `PSN ${hex(startingPsn, 6)}`,
    `GUID ${hex64(localCaGuid)}`,
    transport(req),
    `MTU ${mtu(pathPacketPayloadMtu)}`,
    ...partition(pKey),
    `response timeout ${timeOf(remoteCmResponseTimeout)}`,
    `retries ${maxCmRetries}`,
    ...(hasPath(alternatePath) ? [`alternate path ${pathEnds(alternatePath)}`] : []),
  ];
}

function summarizeRep(rep: Rep): string[] {
  const { localQpn, localEecn, startingPsn, localCaGuid, failoverAccepted } = rep;
  return [
    // For XRC, the REP has its queue pair in the EECN field.
    localQpn === 0 && localEecn !== 0 ? qpn(localEecn, 'EECN') : qpn(localQpn),
    `PSN ${hex(startingPsn, 6)}`,
    `GUID ${hex64(localCaGuid)}`,
    ...(failoverAccepted === 0 ? [] : [`alternate path not accepted (${failoverAccepted})`]),
  ];
}

function summarizeRej({ messageRejected, reason, rejectInfoLength, additionalRejectInformation }: Rej): string[] {
  const rejected = nameIn(MESSAGE_REJECTED, messageRejected);
  const what = rejected === 'req' || rejected === 'rep' ? rejected.toUpperCase() : rejected;
  const phrase = `rejects ${what}, reason ${reason} ${rejectReasonName(reason) ?? UNKNOWN}`;
  if (reason !== REJECT_REASONS.timeout || rejectInfoLength !== GUID_BYTES) {
    return [phrase, ...information(additionalRejectInformation, rejectInfoLength)];
  }
  // IBTA 12.6.7.2: whoever gives up says who it is.
  return [phrase, `GUID 0x${hexOf(additionalRejectInformation.subarray(0, GUID_BYTES))}`];
}
const GUID_BYTES = 8;

function summarizeSidrReq({ requestId, serviceId, pKey }: SidrReq): string[] {
  return [`request ${hex(requestId, 8)}`, service(serviceId), ...partition(pKey)];
}

function summarizeSidrRep(rep: SidrRep): string[] {
  const { requestId, status, serviceId, qpn: number, qKey, additionalInformation, additionalInformationLength } = rep;
  return [
    `request ${hex(requestId, 8)}`,
    `status ${status} ${sidrStatusName(status) ?? UNKNOWN}`,
    service(serviceId),
    qpn(number),
    `Q_Key ${hex(qKey, 8)}`,
    ...information(additionalInformation, additionalInformationLength),
  ];
}

function summarizeLap({ remoteQpnEecn, remoteCmResponseTimeout, alternatePath }: Lap): string[] {
  return [
    qpn(remoteQpnEecn, 'remote QPN'),
    `alternate path ${pathEnds(alternatePath)}`,
    `response timeout ${timeOf(remoteCmResponseTimeout)}`,
  ];
}

function commIds({ localCommId, remoteCommId }: { localCommId: number; remoteCommId: number }): string[] {
  return [`local ${hex(localCommId, 8)}`, `remote ${hex(remoteCommId, 8)}`];
}

/** The IP addresses and the port that rdma_cm puts before the user's private data, if they are there. */
function ipCm({ privateData }: { privateData: Uint8Array }): string[] {
  const header = decodeIpCmHeader(privateData);
  if (header instanceof DecodeError) return data(privateData);
  const { source, sourcePort, destination } = header;
  const from = header.ipVersion === 4 ? formatAddress(source) : `[${formatGid(source)}]`;
  const to = header.ipVersion === 4 ? formatAddress(destination) : formatGid(destination);
  return [`IP CM ${from}:${sourcePort} → ${to}`, ...data(privateData.subarray(IP_CM_HEADER_BYTES))];
}

/** Enhanced connection establishment; a CM that has none sends zeros. */
function ece(vendorId: number, options: number): string[] {
  return vendorId === 0 && options === 0 ? [] : [`ECE vendor ${hex(vendorId, 6)} options ${hex(options, 8)}`];
}

const DEFAULT_P_KEY = 0xffff;
const partition = (pKey: number): string[] => (pKey === DEFAULT_P_KEY ? [] : [`P_Key ${hex(pKey, 4)}`]);

const PORT_SPACE_NAMES = new Map(Object.entries(PORT_SPACES).map(([name, value]) => [BigInt(value), name]));

function service(serviceId: bigint): string {
  const portSpace = PORT_SPACE_NAMES.get(serviceId >> 16n);
  const port = portSpace === undefined ? '' : ` (${portSpace} port ${serviceId & 0xffffn})`;
  return `service ${hex64(serviceId)}${port}`;
}

function transport({ transportServiceType, extendedTransportType }: Req): string {
  const name = nameIn(TRANSPORT_SERVICE_TYPES, transportServiceType);
  return name === 'extended' ? `extended transport ${extendedTransportType}` : name.toUpperCase();
}

/** MTU codes 1 to 5 are 256 to 4096 bytes (IBTA 12.7.20). */
const mtu = (code: number): string => (code >= 1 && code <= 5 ? String(128 << code) : `code ${code}`);

const hasPath = ({ localLid, localGid }: ReqPath): boolean => localLid !== 0 || localGid.some((byte) => byte !== 0);

function pathEnds({
  localLid,
  remoteLid,
  localGid,
  remoteGid,
}: Pick<ReqPath, 'localLid' | 'remoteLid' | 'localGid' | 'remoteGid'>): string {
  return `${formatGid(localGid)} (LID ${localLid}) → ${formatGid(remoteGid)} (LID ${remoteLid})`;
}

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;
const qpn = (number: number, name = 'QPN'): string => `${name} ${hex(number, 6)}`;

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? `message ${value}`;
}

/** A wire time and what it stands for: `20 (4.29 s)`. */
export function timeOf(exponent: number): string {
  return `${exponent} (${formatDuration(durationOfExponent(exponent as TimeExponent))})`;
}

/** Three digits in the unit that suits them. */
function formatDuration(microseconds: number): string {
  const seconds = microseconds / 1e6;
  if (seconds < 1e-3) return `${microseconds.toPrecision(3)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toPrecision(3)} ms`;
  if (seconds < 100) return `${seconds.toPrecision(3)} s`;
  if (seconds < 3600) return `${(seconds / 60).toPrecision(3)} min`;
  return `${(seconds / 3600).toPrecision(3)} h`;
}

/** Additional information; Linux leaves its length 0 even where there is some. */
function information(field: Uint8Array, length: number): string[] {
  const shown = showBytes(length > 0 ? field.subarray(0, length) : withoutTrailingZeros(field));
  return shown === undefined ? [] : [`information ${shown}`];
}

function data(privateData: Uint8Array): string[] {
  const shown = showPrivateData(privateData);
  return shown === undefined ? [] : [`data ${shown}`];
}
