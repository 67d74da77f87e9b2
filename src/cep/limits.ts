import { seconds } from '../base/index.js';
import { invalid } from './parameter-check.js';

/** What a manager may hold. Each limit's effect stands beside it. Memory that is not used costs nothing. */
export interface CepLimits {
  /** CEPs at once, timewait included. `create` fails with `LIMIT_REACHED`; a REQ is rejected with "no resources". 1 to 1,048,575. */
  readonly maxCeps: number;
  /** Messages kept: sent and unanswered, queued to be sent, or received and not yet polled. Beyond it datagrams are dropped and calls fail. 4 to 4,194,303. */
  readonly maxMads: number;
  /** Messages queued to be sent. Beyond it the newest is dropped, as a full link would. 1 to 4,194,303. */
  readonly maxTransmits: number;
  /** New requests (REQ and SIDR_REQ) that one source may send a second, and at once after a pause: at least 1, Infinity for no limit. Beyond it they are dropped. */
  readonly maxRequestsPerSecond: number;
  /** Answers a second to one source's messages that belong to no connection: likewise. Beyond it they are left unanswered. */
  readonly maxStrayAnswersPerSecond: number;
}

export const DEFAULT_LIMITS: CepLimits = {
  maxCeps: 65_535,
  maxMads: 65_535,
  maxTransmits: 16_384,
  maxRequestsPerSecond: 50_000,
  maxStrayAnswersPerSecond: 10_000,
};
/** Sources are counted in so many buckets, whatever their number: a power of two. */
export const RATE_BUCKETS = 1_024;
export const MAX_CEPS = 2 ** 20 - 1;
/** A gigabyte of message buffers: what every platform can reserve. */
export const MAX_MADS = 2 ** 22 - 1;
/** A CEP's path, its alternate path, and the one that is proposed. */
export const PATHS_PER_CEP = 3;
/** The fewest buffers with which one input can always be handled: the message kept, its answer, and a reject. */
export const SPARE_MADS = 3;
/** Events that a CEP queues at most. Those that end something always fit. */
export const MAX_EVENTS_PER_CEP = 8;
/** Beyond so many unread events, those that may be repeated (mra_received) are dropped, and nothing new is begun. */
export const MAX_UNREAD_EVENTS = 4;
/** By how much a peer's MRAs may lengthen the waits for one answer: as long as Linux's last with all its retries (18 min). */
export const MAX_MRA_EXTENSION = seconds(1_100);
/** How long an unbound CEP goes on disconnecting, and how long it stays in timewait, whatever times its peer named. */
export const MAX_UNBOUND_WAIT = seconds(300);

/** @throws CepError `INVALID_PARAMETER`: `details.parameter` names the limit. */
export function checkLimits(limits: CepLimits): void {
  checkCount(limits, 'maxCeps', 1, MAX_CEPS);
  checkCount(limits, 'maxMads', SPARE_MADS + 1, MAX_MADS);
  checkCount(limits, 'maxTransmits', 1, MAX_MADS);
  checkRate(limits, 'maxRequestsPerSecond');
  checkRate(limits, 'maxStrayAnswersPerSecond');
}

function checkCount(limits: CepLimits, name: keyof CepLimits, min: number, max: number): void {
  const count = limits[name];
  if (!(Number.isInteger(count) && count >= min && count <= max))
    throw invalid(`limits.${name}`, count, `an integer from ${min} to ${max}`);
}

function checkRate(limits: CepLimits, name: keyof CepLimits): void {
  if (!(limits[name] >= 1)) throw invalid(`limits.${name}`, limits[name], 'at least 1 a second');
}
