import { type Duration, exponentAtLeast, GSI_QPN, milliseconds, PSN_MAX, QPN_MAX } from '../base/index.js';
import type { TimingPolicy } from '../cep/index.js';
import { checkInteger } from './check-integer.js';
import { EndpointError } from './error.js';
import { checkTransfers, type TransferOptions } from './transfer-options.js';

/** A policy with an end. */
export type BoundedTiming = TimingPolicy & { readonly deadline: Duration };

/** How long an operation may take. All in milliseconds. */
export interface WaitOptions {
  /** The total time, after which the operation fails. Default 10,000. */
  readonly timeoutMs?: number;
  /** How long to wait for an answer before the message is sent again. Default 1,000. */
  readonly responseTimeoutMs?: number;
  /** How often to send a message again at most, 0 to 255. Default 15. */
  readonly retries?: number;
}

export const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_RESPONSE_TIMEOUT_MS = 1_000;
const DEFAULT_RETRIES = 15;
const RETRIES_MAX = 255;
/** What the wire can say: 4 bits. */
const WIRE_RETRIES_MAX = 15;
/** 24 hours: longer than any CM time. */
export const TIMEOUT_MS_MAX = 86_400_000;

/** What a queue pair offers and wants; numbers go into the REQ or REP as they are. */
export interface QueuePairOptions extends TransferOptions {
  /**
   * The number of a queue pair that you have elsewhere (in firmware, in the kernel's verbs, in a transport of your own), 2 to 16,777,215: the connection
   * is CM-only then, and you lead the queue pair. Default: a queue pair of this adapter, which the connection leads.
   */
  readonly qpn?: number;
  /** The PSN that the peer is to begin with, 24 bits; default random. */
  readonly startingPsn?: number;
  /** Incoming RDMA reads and atomics that we can hold, 0 to 255. Default 16; with a `qpn` 0. */
  readonly responderResources?: number;
  /** Outgoing RDMA reads and atomics that we want, 0 to 255. Default 16; with a `qpn` 0. */
  readonly initiatorDepth?: number;
  /** Retries for receiver-not-ready, 0 to 7. Default 7: for ever. */
  readonly rnrRetryCount?: number;
}

/** @throws {@link EndpointError} `INVALID_ARGUMENT` */
export function timingOf({
  timeoutMs = DEFAULT_TIMEOUT_MS,
  responseTimeoutMs = DEFAULT_RESPONSE_TIMEOUT_MS,
  retries = DEFAULT_RETRIES,
}: WaitOptions): BoundedTiming {
  checkInteger('timeoutMs', timeoutMs, 1, TIMEOUT_MS_MAX);
  checkInteger('responseTimeoutMs', responseTimeoutMs, 1, TIMEOUT_MS_MAX);
  checkInteger('retries', retries, 0, RETRIES_MAX);
  return { responseTimeout: milliseconds(responseTimeoutMs), retries, deadline: milliseconds(timeoutMs) };
}

/** RDMA reads and atomics, each way, that queue pairs of ours offer and want. */
const DEFAULT_DEPTH = 16;

/** What is offered and wanted, as far as the options do not say it. */
export const defaultDepth = ({ qpn }: QueuePairOptions): number => (qpn === undefined ? DEFAULT_DEPTH : 0);

/** @throws {@link EndpointError} `INVALID_ARGUMENT` */
export function checkQueuePair(options: QueuePairOptions): void {
  const { qpn, startingPsn, responderResources, initiatorDepth, rnrRetryCount } = options;
  if (qpn !== undefined) checkInteger('qpn', qpn, GSI_QPN + 1, QPN_MAX);
  if (startingPsn !== undefined) checkInteger('startingPsn', startingPsn, 0, PSN_MAX);
  if (responderResources !== undefined) checkInteger('responderResources', responderResources, 0, 0xff);
  if (initiatorDepth !== undefined) checkInteger('initiatorDepth', initiatorDepth, 0, 0xff);
  if (rnrRetryCount !== undefined) checkInteger('rnrRetryCount', rnrRetryCount, 0, 7);
  checkTransfers(options);
}

/** A policy as the REQ can say it: the next larger exponent, and at most 15 retries. */
export function wireTiming({ responseTimeout, retries }: TimingPolicy): { exponent: number; retries: number } {
  return { exponent: exponentAtLeast(responseTimeout), retries: Math.min(retries, WIRE_RETRIES_MAX) };
}

/** @throws {@link EndpointError} `PRIVATE_DATA_TOO_LONG`, which says the limit and why. */
export function checkPrivateData(data: Uint8Array | undefined, maximum: number, message: string, why = ''): void {
  if (data !== undefined && data.length > maximum) {
    throw new EndpointError(
      'PRIVATE_DATA_TOO_LONG',
      `private data has ${data.length} bytes; a ${message} carries at most ${maximum}${why}`,
      { length: data.length, maximum, message },
    );
  }
}
