import { locateEthertype } from './ethernet.js';
import { locateIpv4, locateIpv6 } from './ip.js';
import { type LocateResult, undecodable } from './transport-packet.js';

const COOKED_HEADER_BYTES = 16;
const COOKED2_HEADER_BYTES = 20;
const LOOPBACK_HEADER_BYTES = 4;

/** Device types whose packets have no Ethernet type in the protocol field: frame relay, GRE, 802.11 and netlink. */
const ARPHRD_WITHOUT_ETHERTYPE: ReadonlySet<number> = new Set([770, 778, 803, 823, 824]);

const ADDRESS_FAMILY_IPV4 = 2;
/** AF_INET6 of the BSDs, FreeBSD and macOS, which write this header; and Linux's own. */
const ADDRESS_FAMILIES_IPV6: ReadonlySet<number> = new Set([24, 28, 30, 10]);

/** Linux cooked capture, as of the `any` device (LINKTYPE_LINUX_SLL). */
export function locateLinuxCooked(frame: DataView): LocateResult {
  if (frame.byteLength < COOKED_HEADER_BYTES) return undecodable('truncated', 'link', 0);
  if (ARPHRD_WITHOUT_ETHERTYPE.has(frame.getUint16(2))) return undefined;
  return locateEthertype(frame, frame.getUint16(14), COOKED_HEADER_BYTES);
}

/** Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2). */
export function locateLinuxCooked2(frame: DataView): LocateResult {
  if (frame.byteLength < COOKED2_HEADER_BYTES) return undecodable('truncated', 'link', 0);
  if (ARPHRD_WITHOUT_ETHERTYPE.has(frame.getUint16(8))) return undefined;
  return locateEthertype(frame, frame.getUint16(0), COOKED2_HEADER_BYTES);
}

/**
 * BSD loopback: an address family, then the packet (LINKTYPE_NULL in the byte order of the capturing machine,
 * LINKTYPE_LOOP in big-endian).
 */
export function locateLoopback(frame: DataView, byteOrder: 'big' | 'either'): LocateResult {
  if (frame.byteLength < LOOPBACK_HEADER_BYTES) return undecodable('truncated', 'link', 0);
  const bigEndian = frame.getUint32(0);
  // Families are small numbers: read in the wrong order, one is never below 2¹⁶.
  const family = byteOrder === 'either' && bigEndian > 0xffff ? frame.getUint32(0, true) : bigEndian;
  if (family === ADDRESS_FAMILY_IPV4) return locateIpv4(frame, LOOPBACK_HEADER_BYTES);
  if (ADDRESS_FAMILIES_IPV6.has(family)) return locateIpv6(frame, LOOPBACK_HEADER_BYTES);
  return undefined;
}
