import { GID_BYTES } from '../base/index.js';
import {
  ACCESS,
  type AddressVector,
  type AttributeName,
  type AttributeValues,
  QP_STATES,
  type QpState,
} from './attributes.js';
import { QPN_FIRST, QPN_LAST } from './limits.js';

/** What is wrong with a value. */
export interface Complaint {
  readonly attribute: string;
  readonly value: unknown;
  /** What it must be. */
  readonly allowed: string;
}

/** @returns what is allowed instead, if anything is wrong. */
type Check = (value: unknown) => string | undefined;

/** The bit of a P_Key that says full member; the others name the partition. */
const FULL_MEMBER = 0x8000;
const ACCESS_MASK = ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;

const isInteger = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
const integer =
  (min: number, max: number): Check =>
  (value) =>
    isInteger(value, min, max) ? undefined : `an integer from ${min} to ${max}`;
const bits = (count: number): Check => integer(0, 2 ** count - 1);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);
const gid: Check = (value) =>
  value instanceof Uint8Array && value.length === GID_BYTES ? undefined : `a GID of ${GID_BYTES} bytes`;
const pKey: Check = (value) =>
  isInteger(value, 0, 0xffff) && ((value as number) & ~FULL_MEMBER) !== 0 ? undefined : 'the key of a partition';
const accessFlags: Check = (value) =>
  isInteger(value, 0, ACCESS_MASK) && ((value as number) & ~ACCESS_MASK) === 0 ? undefined : 'bits of ACCESS';

/** Ports are checked against those of the adapter. */
const CHECKS: Readonly<Record<Exclude<AttributeName, 'port' | 'path' | 'alternatePath'>, Check>> = {
  pKey,
  qKey: bits(32),
  accessFlags,
  mtu: integer(1, 5),
  destinationQpn: integer(QPN_FIRST, QPN_LAST),
  receivePsn: bits(24),
  sendPsn: bits(24),
  responderResources: bits(8),
  initiatorDepth: bits(8),
  minRnrTimer: bits(5),
  ackTimeout: bits(5),
  alternateAckTimeout: bits(5),
  retryCount: bits(3),
  rnrRetryCount: bits(3),
};

const ADDRESS_CHECKS: readonly (readonly [part: keyof AddressVector, check: Check])[] = [
  ['localGid', gid],
  ['remoteGid', gid],
  ['trafficClass', bits(8)],
  ['sourcePort', bits(16)],
  ['flowLabel', optional(bits(20))],
  ['hopLimit', optional(bits(8))],
  ['sl', optional(bits(4))],
];

const STATES: ReadonlySet<unknown> = new Set(QP_STATES);

export function isState(state: unknown): state is QpState {
  return STATES.has(state);
}

/** What is wrong with an attribute's value, if anything. @param ports how many the adapter has. */
export function complaintAbout(attribute: AttributeName, value: unknown, ports: number): Complaint | undefined {
  if (attribute === 'path' || attribute === 'alternatePath') return complaintAboutAddress(attribute, value, ports);
  const allowed = attribute === 'port' ? portAmong(ports, value) : CHECKS[attribute](value);
  return allowed === undefined ? undefined : { attribute, value, allowed };
}

function portAmong(ports: number, value: unknown): string | undefined {
  return isInteger(value, 1, ports) ? undefined : `a port, from 1 to ${ports}`;
}

function complaintAboutAddress(attribute: string, address: unknown, ports: number): Complaint | undefined {
  if (typeof address !== 'object' || address === null) {
    return { attribute, value: address, allowed: 'an address vector' };
  }
  const parts: Partial<Record<keyof AddressVector, unknown>> = address;
  const allowed = portAmong(ports, parts.port);
  if (allowed !== undefined) return { attribute: `${attribute}.port`, value: parts.port, allowed };
  for (const [part, check] of ADDRESS_CHECKS) {
    const value = parts[part];
    const allowed = check(value);
    if (allowed !== undefined) return { attribute: `${attribute}.${part}`, value, allowed };
  }
  return undefined;
}

/** What does not go together among values that are each in their range. */
export function contradictionIn({
  port,
  path,
  alternatePath,
  alternateAckTimeout,
}: AttributeValues): Complaint | undefined {
  if (path && path.port !== port) {
    return { attribute: 'path.port', value: path.port, allowed: `the queue pair's port, ${port}` };
  }
  if (alternateAckTimeout !== undefined && !alternatePath) {
    return { attribute: 'alternateAckTimeout', value: alternateAckTimeout, allowed: 'that of an alternate path' };
  }
  return undefined;
}
