import { type Duration, IbcmError, inMilliseconds } from '../base/index.js';
import { type RejectReason, rejectReasonName } from '../wire/index.js';

/**
 * - `TIMEOUT`: nobody answered; `details` say who was asked, how often and how long.
 * - `REJECTED`: the peer said no; see {@link RejectedError}.
 * - `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT`: the caller's fault; nothing was sent.
 * - `PORT_IN_USE`: something in this adapter listens on the port already.
 * - `CLOSED`: the adapter, listener, request or connection has been closed.
 * - `NO_QUEUE_PAIR`: data cannot be moved here, since the queue pair is elsewhere.
 * - `WITHDRAWN`: the peer took its request back, or vanished, before it was answered.
 */
export type EndpointErrorCode =
  | 'TIMEOUT'
  | 'REJECTED'
  | 'PRIVATE_DATA_TOO_LONG'
  | 'INVALID_ARGUMENT'
  | 'PORT_IN_USE'
  | 'CLOSED'
  | 'NO_QUEUE_PAIR'
  | 'WITHDRAWN';

export class EndpointError<Details extends object = object> extends IbcmError<EndpointErrorCode, Details> {}

export interface RejectDetails {
  /** Who was asked. */
  readonly peer: string;
  /** The number on the wire. */
  readonly reason: number;
  /** Its name, undefined if IBTA gives none. */
  readonly reasonName: RejectReason | undefined;
  /** Who said it: the peer's CM, on its own, or the consumer (application) above it. */
  readonly by: 'cm' | 'consumer';
  /** All 148 bytes: the length is not on the wire. */
  readonly privateData: Uint8Array;
  /** Additional reject information, as long as the peer said. */
  readonly additionalInformation: Uint8Array;
}

/** What to look at, for the reasons that people meet. */
const ADVICE: Partial<Record<RejectReason, string>> = {
  invalidServiceId: 'nothing listens on that port there',
  noResources: "the peer's backlog or table is full; try again later",
  timeout: 'the peer gave up waiting for us',
  staleConnection: 'the peer still holds an earlier connection with this queue pair; it is ending it now, so try again',
  consumerReject: 'the application there refused, or its rdma_cm did not like the addresses',
  primaryRemotePortGid: 'the peer does not have the address that we called it by, or not the P_Key',
  invalidTransportServiceType: 'the peer does not serve this transport',
};

export class RejectedError extends EndpointError<RejectDetails> {
  constructor(details: RejectDetails) {
    const { peer, reason, reasonName, by } = details;
    const name = reasonName ?? 'unknown reason';
    const advice = reasonName && ADVICE[reasonName];
    const who = by === 'consumer' ? 'the consumer' : 'the CM';
    super('REJECTED', `rejected by ${who} at ${peer}: ${name} (${reason})${advice ? `: ${advice}` : ''}`, details);
  }
}

/** Reasons that a consumer gives; all others come from the CM itself. */
const CONSUMER_REASONS: ReadonlySet<RejectReason | undefined> = new Set<RejectReason>([
  'consumerReject',
  'vendorOptionNotSupported',
]);

export function rejectedBy(reason: number): 'cm' | 'consumer' {
  return CONSUMER_REASONS.has(rejectReasonName(reason)) ? 'consumer' : 'cm';
}

/** A span of time for people. */
export function durationText(duration: Duration): string {
  const ms = Math.round(inMilliseconds(duration));
  return ms < 1_000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`;
}

/** An end of a connection for people: brackets keep an IPv6 address and its port apart. */
export function endText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
