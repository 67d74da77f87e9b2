import { type Cid, elapsed, formatAddress, type Instant, seconds } from '../base/index.js';
import {
  decodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  type IpCmHeader,
  REJECT_REASONS,
  type RejectReason,
  type Req,
} from '../wire/index.js';
import { checkInteger } from './check-integer.js';
import { Connection, type ConnectionEnd, closedError, rejectDetails } from './connection.js';
import { Deferred } from './deferred.js';
import { durationText, EndpointError, endText, RejectedError } from './error.js';
import type { NumberSource } from './numbers.js';
import { checkPrivateData, checkQueuePair, type QueuePairOptions, timingOf, type WaitOptions } from './options.js';
import type { EndpointEvent, EndpointQueuePair, EventHandler, EventRouter, FetchedRequest } from './router.js';

const REP_PRIVATE_DATA_MAX = 196;
const REJ_PRIVATE_DATA_MAX = 148;
const REASON_MAX = 0xffff;

export interface AcceptOptions extends WaitOptions, QueuePairOptions {
  /** At most 196 bytes. */
  readonly privateData?: Uint8Array;
  /** Aborting it takes the acceptance back: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

interface RequestParameters {
  readonly req: Req;
  readonly header: IpCmHeader;
  readonly port: number;
  readonly numbers: NumberSource;
  /** Called when the request cannot be answered any more. */
  readonly onOver: () => void;
}

interface Acceptance {
  readonly result: Deferred<Connection>;
  readonly options: AcceptOptions;
  readonly queuePair: EndpointQueuePair;
  readonly startingPsn: number;
  readonly startedAt: Instant;
}

/** A peer that asks to be connected (librdmacm: `RDMA_CM_EVENT_CONNECT_REQUEST`). Answer it once, with accept or reject. */
export class ConnectionRequest implements EventHandler {
  /** The peer's address and the port, queue pair, PSN and communication ID it names. */
  readonly remote: ConnectionEnd;
  /** Our address and port, and our communication ID. */
  readonly local: Pick<ConnectionEnd, 'address' | 'port' | 'commId'>;
  /** The whole field after rdma_cm's header, 56 bytes: the length is not on the wire. */
  readonly privateData: Uint8Array;
  /** The REQ as it came. */
  readonly req: Req;
  readonly #router: EventRouter;
  readonly #fetched: FetchedRequest;
  readonly #numbers: NumberSource;
  #state: 'pending' | 'accepting' | 'over' = 'pending';
  #overBecause: Error | undefined;
  readonly #onOver: () => void;
  #accepting: Acceptance | undefined;
  readonly #onAbort = (): void => {
    const reason: unknown = this.#accepting?.options.signal?.reason;
    this.#finish(new EndpointError('CLOSED', 'accepting the request was aborted', {}, { cause: reason }));
    this.#accepting?.result.reject(reason as Error);
  };

  /** @internal */
  constructor(router: EventRouter, fetched: FetchedRequest, { req, header, port, numbers, onOver }: RequestParameters) {
    this.#router = router;
    this.#fetched = fetched;
    this.#numbers = numbers;
    this.#onOver = onOver;
    this.req = req;
    this.privateData = req.privateData.subarray(IP_CM_HEADER_BYTES);
    this.local = { address: formatAddress(header.destination), port, commId: fetched.request.commIds.local };
    this.remote = {
      address: formatAddress(header.source),
      port: header.sourcePort,
      qpn: req.localQpn,
      startingPsn: req.startingPsn,
      commId: req.localCommId,
    };
    fetched.seat.handler = this;
  }

  /** The CM's handle, as in the events that an adapter's `onEvent` sees. */
  get cid(): Cid {
    return this.#fetched.request.event.cid;
  }

  /** Whether it can still be answered: not if it was, or if the peer took it back. */
  get isPending(): boolean {
    return this.#state === 'pending';
  }

  /**
   * Accepts, and waits until the peer has confirmed.
   * @throws EndpointError `TIMEOUT` when the peer does not confirm, `WITHDRAWN` when it took its request back, `REJECTED` when it
   * refuses our answer, `CLOSED` when the request was answered before; `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT`,
   * CepError `QPN_IN_USE` for a number of yours, `LIMIT_REACHED`, and VerbsError `LIMIT_REACHED` for what can be corrected: the request is still pending then.
   * VerbsError `INVALID_ATTRIBUTE`, `MISSING_ATTRIBUTE` when the request asks of the queue pair what it cannot do: it was rejected, with the reason that fits.
   */
  async accept(options: AcceptOptions = {}): Promise<Connection> {
    this.#checkPending();
    options.signal?.throwIfAborted();
    checkPrivateData(options.privateData, REP_PRIVATE_DATA_MAX, 'REP');
    checkQueuePair(options);
    const { privateData, responderResources, initiatorDepth, rnrRetryCount, signal } = options;
    const startingPsn = options.startingPsn ?? this.#numbers.nextPsn();
    const timing = timingOf(options);
    const reply = {
      startingPsn,
      timing,
      ...(privateData && { privateData }),
      responderResources: responderResources ?? this.req.initiatorDepth,
      initiatorDepth: initiatorDepth ?? this.req.responderResources,
      ...(rnrRetryCount !== undefined && { rnrRetryCount }),
    };
    const result = new Deferred<Connection>();
    this.#open(options, (queuePair, now) => {
      queuePair.accept(this.#fetched.request, reply, now);
      this.#router.handOver(this.#fetched.seat);
      this.#state = 'accepting';
      this.#accepting = { result, options, queuePair, startingPsn, startedAt: now };
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    });
    // Only now: in the driver's turn, anything may happen to the request.
    this.#router.wake();
    return result.promise;
  }

  /** A queue pair that accepts the request, in RTR. */
  #open(options: QueuePairOptions, accept: (queuePair: EndpointQueuePair, now: Instant) => void): void {
    try {
      this.#router.openQueuePair(options, this, accept);
    } catch (error) {
      // The peer has been told why.
      if (this.#fetched.request.over && this.#state === 'pending') this.#finish(error as Error);
      throw error;
    }
  }

  /**
   * Refuses. Does not wait: the peer will hear of it or ask again.
   * @param options.reason by name or number; default `consumerReject`. @param options.privateData at most 148 bytes.
   * @throws EndpointError `CLOSED` or `WITHDRAWN` when it cannot be answered any more; `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT` and
   * CepError `LIMIT_REACHED` for what can be corrected.
   */
  reject({
    reason = 'consumerReject',
    privateData,
  }: {
    reason?: RejectReason | number;
    privateData?: Uint8Array;
  } = {}): void {
    this.#checkPending();
    checkPrivateData(privateData, REJ_PRIVATE_DATA_MAX, 'REJ');
    const number = typeof reason === 'number' ? reason : REJECT_REASONS[reason];
    checkInteger('reason', number, 1, REASON_MAX);
    this.#router.command((_, now) =>
      this.#fetched.request.reject({ reason: number, ...(privateData && { privateData }) }, now),
    );
    this.#finish(answeredError('rejected'));
  }

  /** @internal */
  async shutDown(): Promise<void> {
    this.close();
  }

  /** @internal The listener or adapter is being closed. */
  close(): void {
    if (this.#state !== 'over') this.#fail(closedError('the adapter'));
  }

  /** @internal */
  handleEvent(event: EndpointEvent): void {
    const { mad } = event;
    const peer = endText(this.remote.address, this.remote.port);
    switch (event.type) {
      case 'rtu_received':
        this.#establish();
        return;
      case 'rej_received':
        if (mad?.message === 'REJ') this.#fail(this.#withdrawal(new RejectedError(rejectDetails(peer, mad.fields))));
        return;
      case 'rep_error':
        this.#fail(
          event.cause === 'stale'
            ? new EndpointError('WITHDRAWN', `${peer} has forgotten its request`, { peer })
            : this.#timeout(peer, event.transmissions),
        );
        return;
      case 'dreq_received':
        // Destroying answers the DREQ.
        this.#fail(new EndpointError('WITHDRAWN', `${peer} disconnected at once`, { peer }));
        return;
      default:
        return;
    }
  }

  /** Before we answered, a REJ takes the request back; afterwards it refuses our answer. */
  #withdrawal(rejected: RejectedError): EndpointError {
    if (this.#state === 'accepting') return rejected;
    return new EndpointError('WITHDRAWN', `the peer took its request back: ${rejected.message}`, rejected.details);
  }

  #timeout(peer: string, transmissions: number): EndpointError {
    const now = this.#router.now;
    const took = elapsed(this.#accepting?.startedAt ?? now, now);
    const times = transmissions === 1 ? 'once' : `${transmissions} times`;
    return new EndpointError(
      'TIMEOUT',
      `${peer} did not confirm: answered ${times} in ${durationText(took)}. Has it gone, or can it not hear us?`,
      { peer, transmissions, seconds: took / seconds(1) },
    );
  }

  #establish(): void {
    const accepting = this.#accepting;
    if (accepting === undefined) return;
    const { result, options, queuePair, startingPsn } = accepting;
    this.#settled();
    this.#state = 'over';
    result.resolve(
      new Connection(this.#router, queuePair, {
        role: 'passive',
        cid: this.cid,
        isForeign: options.qpn !== undefined,
        local: { ...this.local, qpn: queuePair.qpn, startingPsn },
        remote: this.remote,
        privateData: this.privateData,
      }),
    );
  }

  #fail(error: Error): void {
    this.#finish(error);
    this.#accepting?.result.reject(error);
  }

  #finish(because: Error): void {
    this.#settled();
    this.#state = 'over';
    this.#overBecause = because;
    this.#router.destroy(this.#accepting?.queuePair ?? this.#fetched.seat);
    this.#onOver();
  }

  #settled(): void {
    this.#accepting?.options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #checkPending(): void {
    if (this.#state === 'pending') return;
    throw this.#overBecause ?? answeredError('accepted');
  }
}

function answeredError(how: 'accepted' | 'rejected'): EndpointError {
  return new EndpointError('CLOSED', `the request has been ${how} already`, {});
}

/** The addresses of a request as rdma_cm writes them; undefined if they are wrong or lie. */
export function readAddresses(req: Req): IpCmHeader | undefined {
  const header = decodeIpCmHeader(req.privateData);
  if (header instanceof Error) return undefined;
  const { localGid, remoteGid } = req.primaryPath;
  const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((octet, i) => octet === b[i]);
  return same(header.source, localGid) && same(header.destination, remoteGid) ? header : undefined;
}
