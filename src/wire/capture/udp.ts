import type { Gid } from '../../base/index.js';
import { ROCE_UDP_PORT } from '../roce/index.js';
import { checkPlace, type LocateResult, undecodable } from './transport-packet.js';

const HEADER_BYTES = 8;

/** What an IP header says of the UDP datagram behind it. */
export interface IpPacket {
  readonly headerOffset: number;
  readonly headerLength: number;
  /** Where the IP packet ends, by its own account. */
  readonly end: number;
  readonly sourceGid: Gid;
  readonly destinationGid: Gid;
  readonly moreFragments: boolean;
  /** In units of 8 bytes. */
  readonly fragmentOffset: number;
}

/** The UDP datagram (RFC 768) that follows an IP header. */
export function locateUdp(frame: DataView, packet: IpPacket): LocateResult {
  const { headerOffset, headerLength, end: packetEnd, sourceGid, destinationGid } = packet;
  const udpOffset = headerOffset + headerLength;
  if (udpOffset + HEADER_BYTES > packetEnd) return undecodable('length', 'udp', udpOffset);
  if (udpOffset + HEADER_BYTES > frame.byteLength) return undecodable('truncated', 'udp', udpOffset);
  if (frame.getUint16(udpOffset + 2) !== ROCE_UDP_PORT) return undefined;
  if (packet.moreFragments) return undecodable('fragment', 'udp', udpOffset);
  const end = udpOffset + frame.getUint16(udpOffset + 4);
  if (end > packetEnd) return undecodable('length', 'udp', udpOffset);
  // A datagram that fits may still belong to an IP packet that does not.
  if (packetEnd > frame.byteLength) return undecodable('truncated', 'udp', udpOffset);
  const sourcePort = frame.getUint16(udpOffset);
  const bthOffset = udpOffset + HEADER_BYTES;
  const place = { headerOffset, headerLength, udpOffset, sourcePort, bthOffset, end };
  return checkPlace({ transport: 'rocev2', sourceGid, destinationGid, ...place }, frame.byteLength);
}
