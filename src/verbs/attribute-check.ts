import { GID_BYTES, QPN_MAX } from '../base/index.js';
import {
  ACCESS,
  ADDRESS_DEFAULTS,
  type AttributeName,
  type AttributeValues,
  QP_STATES,
  type QpState,
} from './attributes.js';

/** What is wrong with a value. */
export interface Complaint {
  readonly attribute: string;
  readonly value: unknown;
  /** What it must be. */
  readonly allowed: string;
}

/** @returns what is allowed instead, if anything is wrong. */
type Check = (value: unknown) => string | undefined;

/** The first number that is a queue pair's own: 0 is the SMI, 1 the GSI. */
export const QPN_FIRST = 2;
/** The last: 2²⁴ − 1 is every queue pair of a multicast group. */
export const QPN_LAST = QPN_MAX - 1;
/** The bit of a P_Key that says full member; the others name the partition. */
const FULL_MEMBER = 0x8000;
const ACCESS_MASK = ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;

const integer =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : `an integer from ${min} to ${max}`;
const bits = (count: number): Check => integer(0, 2 ** count - 1);
const gid: Check = (value) =>
  value instanceof Uint8Array && value.length === GID_BYTES ? undefined : `a GID of ${GID_BYTES} bytes`;
const pKey: Check = (value) =>
  bits(16)(value) ?? (((value as number) & ~FULL_MEMBER) === 0 ? 'the key of a partition' : undefined);
const accessFlags: Check = (value) =>
  bits(4)(value) === undefined && ((value as number) & ~ACCESS_MASK) === 0 ? undefined : 'bits of ACCESS';

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

const ADDRESS_CHECKS: Readonly<Record<string, Check>> = {
  localGid: gid,
  remoteGid: gid,
  trafficClass: bits(8),
  sourcePort: bits(16),
  flowLabel: bits(20),
  hopLimit: bits(8),
  sl: bits(4),
};

const STATES: ReadonlySet<unknown> = new Set(QP_STATES);

export function isState(state: unknown): state is QpState {
  return STATES.has(state);
}

/** The first value that is out of its range. @param ports how many the adapter has. */
export function complaintAbout(given: AttributeValues, ports: number): Complaint | undefined {
  const port = integer(1, ports);
  for (const [attribute, value] of Object.entries(given)) {
    const name = attribute as AttributeName;
    if (name === 'path' || name === 'alternatePath') {
      const complaint = complaintAboutAddress(name, value, port);
      if (complaint) return complaint;
      continue;
    }
    const allowed = (name === 'port' ? port : CHECKS[name])(value);
    if (allowed !== undefined) return { attribute, value, allowed };
  }
  return undefined;
}

function complaintAboutAddress(name: string, address: unknown, port: Check): Complaint | undefined {
  if (typeof address !== 'object' || address === null) {
    return { attribute: name, value: address, allowed: 'an address vector' };
  }
  const parts: Readonly<Record<string, unknown>> = { ...ADDRESS_DEFAULTS, ...address };
  for (const [part, check] of Object.entries({ port, ...ADDRESS_CHECKS })) {
    const value = parts[part];
    const allowed = check(value);
    if (allowed !== undefined) return { attribute: `${name}.${part}`, value, allowed };
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
