import { type CaptureLayer, type CaptureRecord, ROCE_UDP_PORT, type UndecodablePacket } from '../../wire/index.js';

const UDP_BYTES = 8;
const UDP_DESTINATION_PORT_OFFSET = 2;
const LRH_BYTES = 8;
const GRH_BYTES = 40;
const IPV4_BYTES = 20;
const LNH_GLOBAL = 3;
/** Longer than a MAD with all headers around it. */
const CM_PACKET_BYTES_MAX = 512;

/**
 * Where the BTH of a packet that was given up stands, or would stand had the capture not cut it.
 * Undefined if nothing shows that it is an InfiniBand packet.
 */
export function locateBth(data: Uint8Array, { layer, offset, reason }: UndecodablePacket): number | undefined {
  switch (layer) {
    case 'bth':
      return offset;
    case 'grh':
      return offset + GRH_BYTES;
    case 'lrh':
      return offset + LRH_BYTES + ((data[offset + 1] ?? 0) % 4 === LNH_GLOBAL ? GRH_BYTES : 0);
    case 'udp':
      return afterUdp(data, offset);
    case 'ipv4':
      // A length that cannot be; the datagram may be where it should.
      return reason === 'length'
        ? afterUdp(data, offset + Math.max(IPV4_BYTES, 4 * ((data[offset] ?? 0) & 15)))
        : undefined;
    case 'ipv6':
    case 'link':
    case 'vlan':
    case 'erf':
      return undefined;
  }
}

function afterUdp(data: Uint8Array, udp: number): number | undefined {
  const at = udp + UDP_DESTINATION_PORT_OFFSET;
  const port = ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
  return port === ROCE_UDP_PORT ? udp + UDP_BYTES : undefined;
}

/** The same bytes, with zeros for those that a CM packet might have behind them. */
export function padded(data: Uint8Array): Uint8Array {
  const longer = new Uint8Array(data.length + CM_PACKET_BYTES_MAX);
  longer.set(data);
  return longer;
}

const LAYER_NAMES: Readonly<Record<CaptureLayer, string>> = {
  link: 'link-layer header',
  vlan: 'VLAN tag',
  erf: 'ERF header',
  ipv4: 'IPv4 header',
  ipv6: 'IPv6 header',
  udp: 'UDP header',
  lrh: 'LRH',
  grh: 'GRH',
  bth: 'BTH',
};

/** Why a packet was given up, for programs and for people. */
export function explainUndecodable(
  { data, originalLength }: CaptureRecord,
  { reason, layer }: UndecodablePacket,
): { readonly code: string; readonly error: string } {
  const name = LAYER_NAMES[layer];
  switch (reason) {
    case 'truncated': {
      const cut = originalLength > data.length;
      const error = cut
        ? `the capture kept ${data.length} of the packet's ${originalLength} bytes`
        : `the packet ends before its headers say, after ${data.length} bytes`;
      return { code: 'TRUNCATED', error };
    }
    case 'fragment':
      return { code: 'FRAGMENT', error: 'an IP fragment: fragments are not put together' };
    case 'length':
      return { code: 'WRONG_LENGTH', error: `a length that cannot be, at the ${name}` };
    case 'version':
      return { code: 'WRONG_HEADER_VERSION', error: `a version that is not known, in the ${name}` };
    case 'nesting':
      return { code: 'TOO_MANY_HEADERS', error: `too many headers on top of each other, at the ${name}` };
    case 'link-type':
      return { code: 'UNKNOWN_LINK_TYPE', error: 'a link type in which packets are not looked for' };
  }
}
