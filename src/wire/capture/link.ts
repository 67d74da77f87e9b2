import { locateLinuxCooked, locateLinuxCooked2, locateLoopback } from './cooked.js';
import { locateErf } from './erf.js';
import { locateEthernet } from './ethernet.js';
import { locateInfiniband } from './infiniband.js';
import { locateIp, locateIpv4, locateIpv6 } from './ip.js';
import { LinkType } from './link-type.js';
import { type LocateResult, undecodable } from './transport-packet.js';

/**
 * Finds the InfiniBand transport packet in a captured one. Only headers are read: neither checksums nor the ICRC are
 * verified. What lies beyond the length that the network header states (padding, check sequences) is left out.
 * The GIDs in the result are copies; its offsets count from the start of `data`.
 * @param data a record's data.
 * @param linkType what `data` begins with, one of {@link LinkType}.
 * @returns the packet; or why it cannot be decoded; or undefined if it is something else.
 */
export function locateTransport(data: Uint8Array, linkType: number): LocateResult {
  const frame = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (linkType) {
    case LinkType.ethernet:
      return locateEthernet(frame, 0);
    case LinkType.raw:
    case LinkType.rawBsd:
    case LinkType.rawOpenBsd:
      return locateIp(frame, 0);
    case LinkType.ipv4:
      return locateIpv4(frame, 0);
    case LinkType.ipv6:
      return locateIpv6(frame, 0);
    case LinkType.linuxCooked:
      return locateLinuxCooked(frame);
    case LinkType.linuxCooked2:
      return locateLinuxCooked2(frame);
    case LinkType.null:
      return locateLoopback(frame, 'either');
    case LinkType.loop:
      return locateLoopback(frame, 'big');
    case LinkType.infiniband:
      return locateInfiniband(frame, 0);
    case LinkType.erf:
      return locateErf(frame);
    default:
      return undecodable('link-type', 'link', 0);
  }
}
