export { CaptureError, type CaptureErrorCode, type CaptureErrorDetails, CaptureUseError } from './capture-error.js';
export { ERF_EXTENSION_HEADERS_MAX } from './erf.js';
export { VLAN_TAGS_MAX } from './ethernet.js';
export { IPV6_EXTENSION_HEADERS_MAX } from './ip.js';
export { locateTransport } from './link.js';
export { LinkType } from './link-type.js';
export { INTERFACES_MAX } from './pcapng.js';
export { BLOCK_BYTES_MAX } from './pcapng-block.js';
export { type PcapngHeaderOptions, type PcapngPacketOptions, PcapngWriter } from './pcapng-writer.js';
export { BUFFERED_BYTES_MAX, CaptureReader } from './reader.js';
export { type CaptureRecord, type CaptureTimestamp, PACKET_BYTES_MAX } from './record.js';
export type {
  CaptureLayer,
  InfinibandPacket,
  LocateResult,
  RoceV1Packet,
  RoceV2Packet,
  TransportPacket,
  UndecodablePacket,
  UndecodableReason,
} from './transport-packet.js';
