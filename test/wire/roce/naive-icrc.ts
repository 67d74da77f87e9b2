import type { FramedPacket } from '../../../src/wire/index.js';

/**
 * A second ICRC, bit by bit and most significant coefficient first, over a copy of the packet in which every byte that may
 * change on the way is overwritten: written from the specification's text, without any part of `src/wire/roce`.
 */
const POLYNOMIAL = 0x04c1_1db7;

/** CRC-32 of Ethernet by long division: each byte enters with its least significant bit first, the remainder leaves so. */
export function naiveCrc32(bytes: Iterable<number>): number {
  let remainder = 0xffff_ffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const incoming = (byte >> bit) & 1;
      const outgoing = remainder >>> 31;
      remainder = (remainder << 1) >>> 0;
      if (incoming !== outgoing) remainder = (remainder ^ POLYNOMIAL) >>> 0;
    }
  }
  let reflected = 0;
  for (let bit = 0; bit < 32; bit += 1) reflected |= ((remainder >>> bit) & 1) << (31 - bit);
  return ~reflected | 0;
}

/** Where a packet's masked bits are: byte of the frame and mask. */
export function maskedBits(
  { transport, headerOffset, headerLength, bthOffset }: FramedPacket,
  ipVersion: 4 | 6,
): Mask[] {
  const ip = transport === 'infiniband' ? headerOffset + 8 : headerOffset;
  const version4: Mask[] = [
    [ip + 1, 0xff, 'type of service'],
    [ip + 8, 0xff, 'time to live'],
    [ip + 10, 0xff, 'header checksum'],
    [ip + 11, 0xff, 'header checksum'],
  ];
  const version6: Mask[] = [
    [ip, 0x0f, 'traffic class'],
    [ip + 1, 0xff, 'traffic class and flow label'],
    [ip + 2, 0xff, 'flow label'],
    [ip + 3, 0xff, 'flow label'],
    [ip + 7, 0xff, 'hop limit'],
  ];
  const network = ipVersion === 4 ? version4 : version6;
  const hasGlobalHeader = transport !== 'infiniband' || headerLength > 8;
  const udp = headerOffset + headerLength;
  return [
    ...(transport === 'infiniband' ? [[headerOffset, 0xf0, 'virtual lane'] as Mask] : []),
    ...(hasGlobalHeader ? network : []),
    ...(transport === 'rocev2'
      ? [[udp + 6, 0xff, 'UDP checksum'] as Mask, [udp + 7, 0xff, 'UDP checksum'] as Mask]
      : []),
    [bthOffset + 4, 0xff, 'congestion bits of the BTH'],
  ];
}
export type Mask = readonly [byte: number, mask: number, name: string];

export function naiveIcrc(frame: Uint8Array, packet: FramedPacket, ipVersion: 4 | 6): number {
  const copy = frame.slice(0, packet.end - 4);
  for (const [byte, mask] of maskedBits(packet, ipVersion)) copy[byte] = (copy[byte] ?? 0) | mask;
  // RoCE has no local route header: eight bytes of ones stand for it.
  const localRouteHeader = packet.transport === 'infiniband' ? [] : new Array<number>(8).fill(0xff);
  return naiveCrc32([...localRouteHeader, ...copy.subarray(packet.headerOffset)]);
}
