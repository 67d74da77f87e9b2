import { equal, ok } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'ibcm';
import type { Family, Role, Stage } from './stage.js';
import { WAIT_SECONDS } from './waiting.js';

/** Something that two connection managers go through together. */
export interface Scenario {
  readonly name: string;
  /** What Linux is in it. */
  readonly linux: Role;
  /** Default IPv4 alone. */
  readonly families?: readonly Family[];
  /** Whether it also runs with an MTU of 4200. */
  readonly largeMtu?: boolean;
  /** How long it may take, if that is more than three minutes. */
  readonly seconds?: number;
  /** It waits more than it works, so it runs at once with others of its kind; the kernel's counters are compared for all of them together. */
  readonly patient?: boolean;
  /** Whether it belongs to the subset that each change is tested with: with all its families, or one. */
  readonly inSubset?: boolean | Family;
  /** So many messages at once that the guest's queues may lose some: the kernel may have received fewer than we sent. */
  readonly storm?: boolean;
  /** A process of ours plays our part: the messages are not all seen here, so they are not compared with the kernel's counters. */
  readonly unseen?: boolean;
  readonly run: (stage: Stage) => Promise<void>;
}

/** The main ones run over both, and with both MTUs. */
export const MAIN = { families: ['IPv4', 'IPv6'], largeMtu: true } as const satisfies Partial<Scenario>;

const DISTURBED_PERCENT = 5;
const LATE_MS = 20;
/** Of the name of a scenario that is disturbed. */
export const DISTURBED = `with ${DISTURBED_PERCENT} % of the packets lost, as many twice, as many late`;

/** From now on packets of data are lost, come twice or late. */
export function disturb(stage: Stage): void {
  stage.us.port.disturbData(DISTURBED_PERCENT, LATE_MS, stage.random());
}

/** Fails if there was no bad weather, though there should have been. */
export function checkDisturbed({ us }: Stage, disturbed: boolean): void {
  const { lost, twice, late } = us.port.disturbedData;
  equal(lost > 0 && twice > 0 && late > 0, disturbed, `${lost} packets lost, ${twice} twice, ${late} late`);
  if (disturbed) ok(us.transport.counters.retransmitted > 0, 'nothing had to be sent again');
}

/** The path MTU that a network's allows, and IBTA's code of it. */
export const pathMtuOf = ({ mtu }: Stage): { readonly bytes: 1024 | 4096; readonly code: number } =>
  mtu >= 4_200 ? { bytes: 4096, code: 5 } : { bytes: 1024, code: 3 };

/** A scenario that is one whether Linux connects or listens. */
export function bothRoles({
  run,
  ...about
}: Omit<Scenario, 'linux' | 'run'> & {
  readonly run: (stage: Stage, role: Role) => Promise<void>;
}): readonly Scenario[] {
  return (['client', 'server'] as const).map((role) => ({ ...about, linux: role, run: (stage) => run(stage, role) }));
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Text of so many bytes, none of them zero, all places told apart. */
export const textOf = (length: number): string =>
  Array.from({ length }, (_, index) => String.fromCharCode(48 + (index % 75))).join('');

export const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** Private data as the peer sees it: the whole field, filled up with zeros. */
export const padded = (text: string, length: number): string => hex(bytes(text)).padEnd(2 * length, '0');

/** For connections that may take their time: the machine may be slow, and the lab's guest is. */
export const QUICK = { responseTimeoutMs: 1_000, timeoutMs: 60_000 } as const;

/** How a connection of ours ends. */
export function closed(connection: Connection): Promise<string> {
  if (connection.closeCause !== undefined) return Promise.resolve(connection.closeCause);
  return new Promise((resolve) => {
    connection.addEventListener('close', ({ cause }) => resolve(cause), { once: true });
  });
}

/** The error's code and message, for a promise that must fail. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { readonly code?: string; readonly details?: object }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it succeeded, and should have failed');
}

/** Fails unless our side has heard so many of a message. */
export function heard(stage: Stage, message: keyof Stage['us']['port']['received'], times: number): void {
  equal(stage.us.port.received[message] ?? 0, times, `${message} received by us`);
}

/** Waits until our side has heard so many of a message. */
export async function untilHeard(
  stage: Stage,
  message: keyof Stage['us']['port']['received'],
  times: number,
): Promise<void> {
  const end = performance.now() + WAIT_SECONDS * 1_000;
  while ((stage.us.port.received[message] ?? 0) < times) {
    if (performance.now() > end) heard(stage, message, times);
    await sleep(50);
  }
}

/** Fails unless our side has heard more than one of a message: it was repeated. */
export function heardAgain(stage: Stage, message: keyof Stage['us']['port']['received']): void {
  const count = stage.us.port.received[message] ?? 0;
  ok(count > 1, `${message} received by us ${count} times, and should have been repeated`);
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** As commands take it. */
export const target = (address: string, port: number): string => `${bracketed(address)}:${port}`;
