import { isIpv4Gid } from '../../base/index.js';

/** Lengths of the two network headers of RoCEv2. */
export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;

const UDP_PROTOCOL = 17;
const HOP_LIMIT = 64;
const DONT_FRAGMENT = 0x4000;

/**
 * Writes the IPv4 or IPv6 header, as the addresses are, of a UDP datagram, without options. The bytes there must be zero.
 * @param source the sender's GID. @param udpLength of the UDP header and all behind it. @param trafficClass DSCP and ECN.
 * @param identification of IPv4.
 */
export function writeNetworkHeader(
  header: Uint8Array,
  at: number,
  source: Uint8Array,
  destination: Uint8Array,
  udpLength: number,
  trafficClass = 0,
  identification = 0,
): void {
  if (isIpv4Gid(source)) {
    header[at] = 0x45;
    header[at + 1] = trafficClass;
    put16(header, at + 2, IPV4_HEADER_BYTES + udpLength);
    put16(header, at + 4, identification);
    put16(header, at + 6, DONT_FRAGMENT);
    header[at + 8] = HOP_LIMIT;
    header[at + 9] = UDP_PROTOCOL;
    copy(source, 12, header, at + 12, 4);
    copy(destination, 12, header, at + 16, 4);
    put16(header, at + 10, internetChecksum(header, at, IPV4_HEADER_BYTES));
    return;
  }
  header[at] = 0x60 | (trafficClass >> 4);
  header[at + 1] = (trafficClass << 4) & 0xff;
  put16(header, at + 4, udpLength);
  header[at + 6] = UDP_PROTOCOL;
  header[at + 7] = HOP_LIMIT;
  copy(source, 0, header, at + 8, 16);
  copy(destination, 0, header, at + 24, 16);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** So few bytes are copied faster one by one. */
function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, length: number): void {
  for (let i = 0; i < length; i += 1) to[toAt + i] = from[fromAt + i] as number;
}

/** The checksum of an IPv4 header (RFC 1071) whose own field is zero. */
function internetChecksum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += ((bytes[at + i] as number) << 8) | (bytes[at + i + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
