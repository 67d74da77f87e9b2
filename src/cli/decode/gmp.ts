import { BTH_BYTES, DETH_BYTES, LinkType, OPCODE_UD_SEND_ONLY, ROCE_UDP_PORT } from '../../wire/index.js';

/** Where a MAD begins, counted from the BTH. */
export const MAD_OFFSET = BTH_BYTES + DETH_BYTES;

const QP1 = 1;
const CM_CLASS = 0x07;
const DESTINATION_QPN_OFFSET = 5;

/**
 * Whether the packet whose BTH is at `bth` carries a CM MAD (one of the CM's class, sent to QP1; IBTA 13.5.1), judged by
 * the bytes before `end`; undefined if they do not suffice.
 */
export function isCm(data: Uint8Array, bth: number, end: number): boolean | undefined {
  if (bth < end && octet(data, bth) !== OPCODE_UD_SEND_ONLY) return false;
  const qpn = bth + DESTINATION_QPN_OFFSET;
  if (qpn + 3 > end) return undefined;
  if (((octet(data, qpn) << 16) | uint16(data, qpn + 1)) !== QP1) return false;
  const managementClass = bth + MAD_OFFSET + 1;
  if (managementClass >= end) return undefined;
  return octet(data, managementClass) === CM_CLASS;
}

const ETHERTYPE_OFFSET = 12;
const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IPV4_WITHOUT_OPTIONS = 0x45;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const PROTOCOL_UDP = 17;
const UDP_BYTES = 8;

/**
 * Whether the record is a RoCEv2 packet that is surely none of the CM's: what nearly all of a capture is. Only the
 * commonest headers are known here, and nothing is allocated; whoever is not sure takes the long way, with the same result.
 */
export function isPlainData(data: Uint8Array, linkType: number): boolean {
  if (linkType !== LinkType.ethernet) return false;
  const udp = plainUdp(data);
  if (udp === undefined || uint16(data, udp + 2) !== ROCE_UDP_PORT) return false;
  return isCm(data, udp + UDP_BYTES, data.length) === false;
}

function plainUdp(data: Uint8Array): number | undefined {
  switch (uint16(data, ETHERTYPE_OFFSET)) {
    case ETHERTYPE_IPV4: {
      const plain = data[ETHERNET_BYTES] === IPV4_WITHOUT_OPTIONS && data[ETHERNET_BYTES + 9] === PROTOCOL_UDP;
      return plain ? ETHERNET_BYTES + IPV4_BYTES : undefined;
    }
    case ETHERTYPE_IPV6:
      return data[ETHERNET_BYTES + 6] === PROTOCOL_UDP ? ETHERNET_BYTES + IPV6_BYTES : undefined;
    default:
      return undefined;
  }
}

export const octet = (data: Uint8Array, index: number): number => data[index] ?? 0;
const uint16 = (data: Uint8Array, index: number): number => (octet(data, index) << 8) | octet(data, index + 1);
