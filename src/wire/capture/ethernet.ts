import { locateRoceV1 } from './infiniband.js';
import { locateIpv4, locateIpv6 } from './ip.js';
import { type LocateResult, undecodable } from './transport-packet.js';

/** How many VLAN tags are followed. Two are usual (IEEE 802.1ad). */
export const VLAN_TAGS_MAX = 4;

const HEADER_BYTES = 14;
const ETHERTYPE_OFFSET = 12;
const VLAN_TAG_BYTES = 4;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_ROCE = 0x8915;
/** IEEE 802.1Q, IEEE 802.1ad, and what was used for double tags before the latter. */
const ETHERTYPES_VLAN: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);

/** An Ethernet frame (IEEE 802.3, without preamble) from `offset` on. */
export function locateEthernet(frame: DataView, offset: number): LocateResult {
  if (offset + HEADER_BYTES > frame.byteLength) return undecodable('truncated', 'link', offset);
  return locateEthertype(frame, frame.getUint16(offset + ETHERTYPE_OFFSET), offset + HEADER_BYTES);
}

/** What an Ethernet type announces, from `offset` on. */
export function locateEthertype(frame: DataView, ethertype: number, offset: number): LocateResult {
  let type = ethertype;
  let payload = offset;
  for (let tags = 0; ETHERTYPES_VLAN.has(type); tags += 1) {
    if (tags === VLAN_TAGS_MAX) return undecodable('nesting', 'vlan', payload);
    // A tag's second half is the type of what follows it.
    if (payload + VLAN_TAG_BYTES > frame.byteLength) return undecodable('truncated', 'vlan', payload);
    type = frame.getUint16(payload + 2);
    payload += VLAN_TAG_BYTES;
  }
  switch (type) {
    case ETHERTYPE_IPV4:
      return locateIpv4(frame, payload);
    case ETHERTYPE_IPV6:
      return locateIpv6(frame, payload);
    case ETHERTYPE_ROCE:
      return locateRoceV1(frame, payload);
    default:
      return undefined;
  }
}
