/**
 * Linux's structures for many messages with one system call, as 64-bit little-endian machines have them (sys/socket.h, sys/uio.h). Offsets in bytes.
 */
/** `struct mmsghdr`. */
export const MESSAGE = {
  name: 0,
  nameLength: 8,
  vectors: 16,
  vectorCount: 24,
  control: 32,
  controlLength: 40,
  /** How many bytes came or went. */
  length: 56,
  bytes: 64,
} as const;

/** `struct iovec`. */
export const IOVEC = { base: 0, length: 8, bytes: 16 } as const;

/** `struct cmsghdr` with its value. */
export const CONTROL = { length: 0, level: 8, type: 12, value: 16 } as const;

export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** Writes 64 bits, such as an address, at a multiple of four bytes. */
export function put64(words: Uint32Array, at: number, value: number): void {
  words[at >> 2] = value;
  words[(at >> 2) + 1] = value / 2 ** 32;
}
