import { InvalidArgumentError } from 'commander';
import { REJECT_REASONS, type RejectReason, SIDR_STATUSES, type SidrStatus } from '../wire/index.js';

/** How the command line's words are read. Each throws commander's error, which ends with status 2 and says what was wrong. */

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT` or `[ADDRESS]:PORT`. */
export function parseHostAndPort(text: string): HostAndPort {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (match === null || host === undefined) {
    throw new InvalidArgumentError('It must be HOST:PORT; an IPv6 address stands in brackets, as in [fd00::1]:7471.');
  }
  return { host, port: integer('The port', 1, 65_535)(match[3] ?? '') };
}

/** The same, or `HOST` or `[ADDRESS]` alone for a port that goes without saying. */
export function parseHostAndOptionalPort(port: number): (text: string) => HostAndPort {
  return (text) => parseHostAndPort(/^(\[[^\]]*\]|[^:[\]]+)$/.test(text) ? `${text}:${port}` : text);
}

/** The same as text. */
export const formatHostAndPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Text as it is, or bytes as 0xHEX; at most so many bytes. */
export function privateData(maximum: number): (text: string) => Uint8Array {
  return (text) => {
    const data = parseBytes(text);
    if (data.length > maximum) throw new InvalidArgumentError(tooLong(data, maximum));
    return data;
  };
}

export const tooLong = (data: Uint8Array, maximum: number): string =>
  `It has ${data.length} bytes; there is room for ${maximum}.`;

function parseBytes(text: string): Uint8Array {
  if (!text.startsWith('0x')) return new TextEncoder().encode(text);
  const digits = text.slice(2);
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    throw new InvalidArgumentError('After 0x there must be an even number of hexadecimal digits.');
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The name or number of a reject reason. */
export function parseReason(text: string): RejectReason | number {
  if (/^\d+$/.test(text)) return integer('A reason', 1, 0xffff)(text);
  return nameAmong(Object.keys(REJECT_REASONS) as RejectReason[], text);
}

/** The name or number of a status with which a look-up (SIDR) is rejected. */
export function parseStatus(text: string): Exclude<SidrStatus, 'valid'> | number {
  if (/^\d+$/.test(text)) return integer('A status', 1, 0xff)(text);
  const { valid: _, ...rejecting } = SIDR_STATUSES;
  return nameAmong(Object.keys(rejecting) as Exclude<SidrStatus, 'valid'>[], text);
}

/** One of some names, however its words are joined. */
function nameAmong<Name extends string>(names: readonly Name[], text: string): Name {
  const wanted = text.replaceAll(/[-_ ]/g, '').toLowerCase();
  const name = names.find((candidate) => candidate.toLowerCase() === wanted);
  if (name === undefined) throw new InvalidArgumentError(`It must be a number or one of: ${names.join(', ')}.`);
  return name;
}

/** A whole number within bounds. */
export function integer(what: string, minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(text) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`${what} must be a whole number from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}
