import type { Gid } from '../../base/index.js';
import { BTH_BYTES, ICRC_BYTES } from '../roce/index.js';

interface PacketPlace {
  /** Where the network header begins: IP, GRH or LRH. */
  readonly headerOffset: number;
  /** Its length in bytes; which headers that takes in, each kind of packet says. */
  readonly headerLength: number;
  /** Where the base transport header (BTH) begins. */
  readonly bthOffset: number;
  /** Just past the invariant CRC. A native packet's variant CRC, Ethernet's padding and check sequence lie beyond. */
  readonly end: number;
}

/** A packet over IP and UDP (IBTA annex A17). Its network header is IP's, with IPv4's options and IPv6's extension headers. */
export interface RoceV2Packet extends PacketPlace {
  readonly transport: 'rocev2';
  /** The IP addresses; those of IPv4 as `::ffff:a.b.c.d`. */
  readonly sourceGid: Gid;
  readonly destinationGid: Gid;
  readonly udpOffset: number;
  /** UDP source port. */
  readonly sourcePort: number;
}

/** A packet in an Ethernet frame of its own type (IBTA annex A16). Its network header is the global route header (GRH). */
export interface RoceV1Packet extends PacketPlace {
  readonly transport: 'rocev1';
  readonly sourceGid: Gid;
  readonly destinationGid: Gid;
}

/** A packet of a native InfiniBand link. Its network header is the local route header (LRH) with the GRH, if there is one. */
export interface InfinibandPacket extends PacketPlace {
  readonly transport: 'infiniband';
  /** Undefined if the packet has no GRH: it did not leave its subnet. */
  readonly sourceGid: Gid | undefined;
  readonly destinationGid: Gid | undefined;
  readonly sourceLid: number;
  readonly destinationLid: number;
}

/** An InfiniBand transport packet, found but not decoded. All offsets count from the start of the record's data. */
export type TransportPacket = RoceV2Packet | RoceV1Packet | InfinibandPacket;

/** Why a record cannot be decoded, though it is, or may be, an InfiniBand packet. */
export type UndecodableReason =
  /** The record's link type is not one of `LinkType`. */
  | 'link-type'
  /** The capture kept too little of the packet. */
  | 'truncated'
  /** An IP fragment; fragments are not put together. */
  | 'fragment'
  /** A length field that cannot be, alone or with the one around it. */
  | 'length'
  /** A header of another version than its place demands. */
  | 'version'
  /** More headers of a kind on top of each other than are followed. */
  | 'nesting';

/** A header that a record can be cut off in, or that can be wrong. */
export type CaptureLayer = 'link' | 'vlan' | 'erf' | 'ipv4' | 'ipv6' | 'udp' | 'lrh' | 'grh' | 'bth';

/** A record that was given up, and where. */
export interface UndecodablePacket {
  readonly transport: 'undecodable';
  readonly reason: UndecodableReason;
  readonly layer: CaptureLayer;
  /** Where in the record's data that layer begins. */
  readonly offset: number;
}

/** Undefined stands for a packet that is none of InfiniBand's: ARP, TCP, another UDP port. */
export type LocateResult = TransportPacket | UndecodablePacket | undefined;

export function undecodable(reason: UndecodableReason, layer: CaptureLayer, offset: number): UndecodablePacket {
  return { transport: 'undecodable', reason, layer, offset };
}

/** The packet if it lies within its record and has room for a BTH and an ICRC; else what is wrong. */
export function checkPlace(packet: TransportPacket, capturedEnd: number): TransportPacket | UndecodablePacket {
  const { bthOffset, end } = packet;
  if (end - bthOffset < BTH_BYTES + ICRC_BYTES) return undecodable('length', 'bth', bthOffset);
  if (end > capturedEnd) return undecodable('truncated', 'bth', bthOffset);
  return packet;
}
