import { counting, fields, join, patch, zeros } from './bytes.js';

/** Builds packets of all the link types, right or wrong. */

export const TRANSPORT_BYTES = 280;
/** A BTH, some payload and an ICRC; the contents do not matter here. */
export const transport = counting(TRANSPORT_BYTES, 0x64);

export const SOURCE_IPV4 = [10, 77, 0, 3];
export const DESTINATION_IPV4 = [10, 77, 0, 2];
export const SOURCE_IPV6 = fields([[(0xfd77n << 112n) | 3n, 16]]);
export const DESTINATION_IPV6 = fields([[(0xfd77n << 112n) | 2n, 16]]);
export const SOURCE_PORT = 55_410;

export function ethernet(type: number, payload: Uint8Array, tags: readonly number[] = []): Uint8Array {
  const types = [...tags, type];
  const rest = types.map((value, i) =>
    i === 0
      ? fields([[value, 2]])
      : fields([
          [0x0064, 2],
          [value, 2],
        ]),
  );
  return join(counting(12, 0x52), ...rest, payload);
}

export function udp(payload: Uint8Array, options: { port?: number; length?: number } = {}): Uint8Array {
  const { port = 4791, length = payload.length + 8 } = options;
  return join(
    fields([
      [SOURCE_PORT, 2],
      [port, 2],
      [length, 2],
      [0, 2],
    ]),
    payload,
  );
}

export interface Ipv4Options {
  version?: number;
  /** In words of 4 bytes. */
  headerWords?: number;
  totalLength?: number;
  fragmentation?: number;
  protocol?: number;
}

export function ipv4(payload: Uint8Array, options: Ipv4Options = {}): Uint8Array {
  const { version = 4, headerWords = 5, fragmentation = 0x4000, protocol = 17 } = options;
  const optionBytes = Math.max(0, 4 * headerWords - 20);
  const { totalLength = 20 + optionBytes + payload.length } = options;
  const fixed = fields([
    [version * 16 + headerWords, 1],
    [0, 1],
    [totalLength, 2],
    [0, 2],
    [fragmentation, 2],
    [64, 1],
    [protocol, 1],
    [0, 2],
  ]);
  const addresses = Uint8Array.from([...SOURCE_IPV4, ...DESTINATION_IPV4]);
  // Options of one byte each: no operation.
  return join(fixed, addresses, zeros(optionBytes).fill(1), payload);
}

export function ipv6(payload: Uint8Array, options: { version?: number; next?: number; length?: number } = {}) {
  const { version = 6, next = 17, length = payload.length } = options;
  const fixed = fields([
    [version * 2 ** 28, 4],
    [length, 2],
    [next, 1],
    [64, 1],
  ]);
  return join(fixed, SOURCE_IPV6, DESTINATION_IPV6, payload);
}

/** An IPv6 extension header of (1 + units) × 8 bytes; its options are padding (PadN). */
export function extension(next: number, units = 0): Uint8Array {
  return join(
    fields([
      [next, 1],
      [units, 1],
      [1, 1],
      [4 + 8 * units, 1],
    ]),
    zeros(4 + 8 * units),
  );
}

/** An IPv6 fragment header. @param offset in units of 8 bytes. */
export function fragment(next: number, offset: number, more: boolean): Uint8Array {
  return fields([
    [next, 1],
    [0, 1],
    [offset * 8 + (more ? 1 : 0), 2],
    [1, 4],
  ]);
}

/** A global route header and what follows. */
export function grh(payload: Uint8Array, options: { version?: number; next?: number; length?: number } = {}) {
  return ipv6(payload, { next: 0x1b, ...options });
}

/** A local route header and what follows, and the variant CRC. */
export function lrh(payload: Uint8Array, options: { next?: number; version?: number; words?: number } = {}) {
  const { next = 2, version = 0, words = (8 + payload.length) / 4 } = options;
  const header = fields([
    [0x10 + version, 1],
    [0x30 + next, 1],
    [0x0011, 2],
    [words, 2],
    [0x0022, 2],
  ]);
  return join(header, payload, Uint8Array.of(0xcc, 0xcc));
}

export function erf(type: number, payload: Uint8Array, extensions = 0, recordLength?: number): Uint8Array {
  const headers = Array.from({ length: extensions }, (_, i) => {
    return patch(zeros(8), 0, [(i < extensions - 1 ? 0x80 : 0) | 0x03]);
  });
  const body = join(...headers, payload);
  const header = fields([
    [0x1234, 8],
    [(extensions > 0 ? 0x80 : 0) | type, 1],
    [4, 1],
    [recordLength ?? 16 + body.length, 2],
    [0, 2],
    [payload.length, 2],
  ]);
  return join(header, body);
}

/** Linux cooked capture. */
export function cooked(protocol: number, payload: Uint8Array, device = 1): Uint8Array {
  return join(
    fields([
      [0, 2],
      [device, 2],
      [6, 2],
      [0x5254_0077_0001n << 16n, 8],
      [protocol, 2],
    ]),
    payload,
  );
}

/** Linux cooked capture, version 2. */
export function cooked2(protocol: number, payload: Uint8Array, device = 1): Uint8Array {
  const header = fields([
    [protocol, 2],
    [0, 2],
    [3, 4],
    [device, 2],
    [0, 1],
    [6, 1],
    [0x5254_0077_0001n << 16n, 8],
  ]);
  return join(header, payload);
}

export const roceIpv4 = ipv4(udp(transport));
export const roceIpv6 = ipv6(udp(transport));
