export type { Crc32 } from './crc32.js';
export * from './extended-headers.js';
export * from './headers.js';
export {
  type FramedPacket,
  Icrc,
  IDENTIFICATION_UNKNOWN,
  icrcOfFrame,
  type RocePath,
  storedIcrc,
  storeIcrc,
  verifyFrameIcrc,
} from './icrc.js';
export { IPV4_HEADER_BYTES, IPV6_HEADER_BYTES, writeNetworkHeader } from './network-header.js';
export * from './opcodes.js';
export * from './psn.js';
export { Renumbering } from './renumbering.js';
