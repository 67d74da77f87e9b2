import type { Brand } from './brand.js';
import { IbcmError } from './error.js';

/** Global identifier of a port: 16 bytes, the form of an IPv6 address. An IPv4 address is `::ffff:a.b.c.d` (IBTA A17.4). */
export type Gid = Brand<Uint8Array, 'Gid'>;
export const GID_BYTES = 16;

export class AddressSyntaxError extends IbcmError<'ADDRESS_SYNTAX', { text: string }> {
  constructor(text: string) {
    super('ADDRESS_SYNTAX', `"${text}" is not an IPv4 or IPv6 address`, { text });
  }
}

/** True if the GID at `offset` stands for an IPv4 address. */
export function isIpv4Gid(bytes: Uint8Array, offset = 0): boolean {
  for (let i = 0; i < 10; i += 1) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
}

/** True if the 16 bytes at the two places are equal. */
export function gidEquals(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): boolean {
  // From the end: addresses of one network differ there.
  for (let i = GID_BYTES - 1; i >= 0; i -= 1) if (a[aOffset + i] !== b[bOffset + i]) return false;
  return true;
}

/** A copy of the GID at `offset`. */
export function gidAt(bytes: Uint8Array, offset = 0): Gid {
  const gid = new Uint8Array(GID_BYTES) as Gid;
  // So few bytes are copied faster one by one.
  for (let i = 0; i < GID_BYTES; i += 1) gid[i] = bytes[offset + i] as number;
  return gid;
}

/**
 * Reads an IPv4 address, an IPv6 address or a GID.
 * @throws {@link AddressSyntaxError} when it is none of them. Zones (`%eth0`) are not accepted.
 */
export function parseGid(text: string): Gid {
  const gid = new Uint8Array(GID_BYTES) as Gid;
  const [head, tail, ...more] = text.split('::') as [string, string?, ...string[]];
  if (!text.includes(':')) {
    gid.set([0xff, 0xff], 10);
    gid.set(parseIpv4(text, text), 12);
    return gid;
  }
  const left = parseGroups(head, tail === undefined, text);
  const right = tail === undefined ? [] : parseGroups(tail, true, text);
  const room = GID_BYTES - left.length - right.length;
  if (more.length > 0 || (tail === undefined ? room !== 0 : room < 2)) throw new AddressSyntaxError(text);
  gid.set(left, 0);
  gid.set(right, GID_BYTES - right.length);
  return gid;
}

/** The bytes of colon-separated groups; the last may be an IPv4 address if they end the text. */
function parseGroups(groups: string, atEnd: boolean, text: string): number[] {
  if (groups === '') return [];
  const parts = groups.split(':');
  return parts.flatMap((part, index) => {
    if (atEnd && index === parts.length - 1 && part.includes('.')) return parseIpv4(part, text);
    if (!/^[0-9a-f]{1,4}$/i.test(part)) throw new AddressSyntaxError(text);
    const value = Number.parseInt(part, 16);
    return [value >> 8, value & 0xff];
  });
}

function parseIpv4(part: string, text: string): number[] {
  const octets = part.split('.');
  // No leading zeros: some readers take them for octal.
  if (octets.length !== 4 || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)) {
    throw new AddressSyntaxError(text);
  }
  return octets.map(Number);
}

/** The GID as IPv6 text (RFC 5952); a mapped IPv4 address as `::ffff:a.b.c.d`. */
export function formatGid(bytes: Uint8Array, offset = 0): string {
  if (isIpv4Gid(bytes, offset)) return `::ffff:${formatIpv4(bytes, offset)}`;
  // Messages have many: that of the alternate path that there is not.
  if (isZero(bytes, offset)) return '::';
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((bytes[offset + 2 * i] ?? 0) << 8) | (bytes[offset + 2 * i + 1] ?? 0),
  );
  const { start, length } = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < GID_BYTES; i += 1) if (bytes[offset + i] !== 0) return false;
  return true;
}

/** The address that a GID stands for, in the notation of its own family: `10.0.0.1`, `fd77::1`. */
export function formatAddress(bytes: Uint8Array, offset = 0): string {
  return isIpv4Gid(bytes, offset) ? formatIpv4(bytes, offset) : formatGid(bytes, offset);
}

function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}
