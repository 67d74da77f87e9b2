import { GID_BYTES, type Gid } from '../../base/index.js';
import { copyGid } from './infiniband.js';
import { type CaptureLayer, type LocateResult, undecodable } from './transport-packet.js';
import { type IpPacket, locateUdp } from './udp.js';

/** How many IPv6 extension headers are followed. Each kind is to occur once, one of them twice (RFC 8200, 4.1). */
export const IPV6_EXTENSION_HEADERS_MAX = 8;

const IPV4_BYTES = 4;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const PROTOCOL_UDP = 17;

const HOP_BY_HOP_OPTIONS = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const EXTENSION_UNIT_BYTES = 8;

/** An IP packet that only its own first bits tell the version of (LINKTYPE_RAW). */
export function locateIp(frame: DataView, offset: number): LocateResult {
  if (offset >= frame.byteLength) return undecodable('truncated', 'link', offset);
  return frame.getUint8(offset) >> 4 === 6 ? locateIpv6(frame, offset) : locateIpv4(frame, offset);
}

/** An IPv4 packet (RFC 791) from `offset` on. */
export function locateIpv4(frame: DataView, offset: number): LocateResult {
  const layer = 'ipv4';
  if (offset + IPV4_HEADER_BYTES > frame.byteLength) return undecodable('truncated', layer, offset);
  if (frame.getUint8(offset) >> 4 !== 4) return undecodable('version', layer, offset);
  if (frame.getUint8(offset + 9) !== PROTOCOL_UDP) return undefined;
  const headerLength = 4 * (frame.getUint8(offset) & 0x0f);
  const totalLength = frame.getUint16(offset + 2);
  if (headerLength < IPV4_HEADER_BYTES || totalLength < headerLength) return undecodable('length', layer, offset);
  const fragmentation = frame.getUint16(offset + 6);
  return locateIpPayload(frame, layer, {
    headerOffset: offset,
    headerLength,
    end: offset + totalLength,
    sourceGid: mappedGid(frame, offset + 12),
    destinationGid: mappedGid(frame, offset + 16),
    moreFragments: (fragmentation & 0x2000) !== 0,
    fragmentOffset: fragmentation & 0x1fff,
  });
}

/** An IPv6 packet (RFC 8200) from `offset` on. */
export function locateIpv6(frame: DataView, offset: number): LocateResult {
  const layer = 'ipv6';
  if (offset + IPV6_HEADER_BYTES > frame.byteLength) return undecodable('truncated', layer, offset);
  if (frame.getUint8(offset) >> 4 !== 6) return undecodable('version', layer, offset);
  let next = frame.getUint8(offset + 6);
  let payload = offset + IPV6_HEADER_BYTES;
  const end = payload + frame.getUint16(offset + 4);
  let fragmentation = 0;
  for (let headers = 0; isExtension(next); headers += 1) {
    if (headers === IPV6_EXTENSION_HEADERS_MAX) return undecodable('nesting', layer, offset);
    if (payload + EXTENSION_UNIT_BYTES > end) return undecodable('length', layer, offset);
    if (payload + EXTENSION_UNIT_BYTES > frame.byteLength) return undecodable('truncated', layer, offset);
    if (next === FRAGMENT) fragmentation = frame.getUint16(payload + 2);
    const units = next === FRAGMENT ? 0 : frame.getUint8(payload + 1);
    next = frame.getUint8(payload);
    payload += EXTENSION_UNIT_BYTES * (units + 1);
    // What follows in a later fragment is no header but data.
    if (fragmentation >> 3 !== 0) break;
  }
  if (next !== PROTOCOL_UDP) return undefined;
  return locateIpPayload(frame, layer, {
    headerOffset: offset,
    headerLength: payload - offset,
    end,
    sourceGid: copyGid(frame, offset + 8),
    destinationGid: copyGid(frame, offset + 24),
    moreFragments: (fragmentation & 1) !== 0,
    fragmentOffset: fragmentation >> 3,
  });
}

function isExtension(header: number): boolean {
  return header === HOP_BY_HOP_OPTIONS || header === ROUTING || header === FRAGMENT || header === DESTINATION_OPTIONS;
}

function locateIpPayload(frame: DataView, layer: CaptureLayer, packet: IpPacket): LocateResult {
  const { headerOffset, headerLength, end, fragmentOffset } = packet;
  if (headerOffset + headerLength > end) return undecodable('length', layer, headerOffset);
  if (fragmentOffset !== 0) return undecodable('fragment', layer, headerOffset);
  return locateUdp(frame, packet);
}

/** The GID of the IPv4 address at `offset` (IBTA A17.4.5.1). */
function mappedGid(frame: DataView, offset: number): Gid {
  const gid = new Uint8Array(GID_BYTES);
  gid[10] = 0xff;
  gid[11] = 0xff;
  for (let i = 0; i < IPV4_BYTES; i += 1) gid[GID_BYTES - IPV4_BYTES + i] = frame.getUint8(offset + i);
  return gid as Gid;
}
