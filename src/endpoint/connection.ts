import type { Cid, Duration } from '../base/index.js';
import type { TimingPolicy } from '../cep/index.js';
import { type Rej, rejectReasonName } from '../wire/index.js';
import { Deferred } from './deferred.js';
import { EndpointError, type RejectDetails, rejectedBy } from './error.js';
import { checkPrivateData, timingOf, type WaitOptions } from './options.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/** Private data of a DREQ and DREP. */
const DREQ_PRIVATE_DATA_MAX = 220;

/** One side of a connection. */
export interface ConnectionEnd {
  readonly address: string;
  /** The port in the TCP port space of rdma_cm. */
  readonly port: number;
  /** Queue pair number. */
  readonly qpn: number;
  readonly startingPsn: number;
  /** Communication ID: what this end calls the connection in the messages of the CM. With it a capture is searched. */
  readonly commId: number;
}

export interface ConnectionDetails {
  /** The active side sent the REQ, the passive side the REP. */
  readonly role: 'active' | 'passive';
  readonly local: ConnectionEnd;
  readonly remote: ConnectionEnd;
  /** Incoming RDMA reads and atomics the peer may have outstanding. */
  readonly responderResources: number;
  /** RDMA reads and atomics that we may have outstanding. */
  readonly initiatorDepth: number;
  /** The peer's private data: the whole field, since its length is not on the wire (56 bytes of a REQ, 196 of a REP). */
  readonly privateData: Uint8Array;
}

/**
 * Why a connection ended.
 * - `disconnected`: we disconnected, and the peer acknowledged.
 * - `unacknowledged`: we disconnected, and the peer did not answer in time.
 * - `peer`: the peer disconnected.
 * - `rejected`: the peer took the connection back with a REJ.
 * - `stale`: the peer has forgotten the connection, as after a crash.
 * - `closed`: we closed without waiting.
 */
export type CloseCause = 'disconnected' | 'unacknowledged' | 'peer' | 'rejected' | 'stale' | 'closed';

/** `close`: the connection has ended. Sent once. */
export class ConnectionCloseEvent extends Event {
  readonly cause: CloseCause;
  /** The private data of the peer's DREQ or DREP, if there was one. */
  readonly privateData: Uint8Array | undefined;

  constructor(cause: CloseCause, privateData: Uint8Array | undefined) {
    super('close');
    this.cause = cause;
    this.privateData = privateData;
  }
}

interface ConnectionEventMap {
  close: ConnectionCloseEvent;
  /** The queue pair number may be used again. */
  timewaitexit: Event;
}

export interface DisconnectOptions extends WaitOptions {
  /** At most 220 bytes. */
  readonly privateData?: Uint8Array;
}

/**
 * An established connection. It sends `close` when it has ended, with its cause (librdmacm: `RDMA_CM_EVENT_DISCONNECTED`), and
 * `timewaitexit` when its queue pair number is free again (`RDMA_CM_EVENT_TIMEWAIT_EXIT`).
 */
export class Connection extends EventTarget implements ConnectionDetails, EventHandler {
  readonly role: 'active' | 'passive';
  readonly local: ConnectionEnd;
  readonly remote: ConnectionEnd;
  readonly responderResources: number;
  readonly initiatorDepth: number;
  readonly privateData: Uint8Array;
  readonly #router: EventRouter;
  readonly #id: EndpointId;
  readonly #ended = new Deferred<CloseCause>();
  #disconnecting = false;
  #cause: CloseCause | undefined;

  /** @internal Made by `Adapter.connect` and `ConnectionRequest.accept`. */
  constructor(router: EventRouter, id: EndpointId, details: ConnectionDetails) {
    super();
    this.#router = router;
    this.#id = id;
    this.role = details.role;
    this.local = details.local;
    this.remote = details.remote;
    this.responderResources = details.responderResources;
    this.initiatorDepth = details.initiatorDepth;
    this.privateData = details.privateData;
    id.context.handler = this;
  }

  /** The CM's handle, as in the events that an adapter's `onEvent` sees. */
  get cid(): Cid {
    return this.#id.cid;
  }

  /** Why the connection ended; undefined while it stands. */
  get closeCause(): CloseCause | undefined {
    return this.#cause;
  }

  override addEventListener<Type extends keyof ConnectionEventMap>(
    type: Type,
    listener: (event: ConnectionEventMap[Type]) => void,
    options?: { once?: boolean; signal?: AbortSignal },
  ): void {
    super.addEventListener(type, listener as (event: Event) => void, options);
  }

  override removeEventListener<Type extends keyof ConnectionEventMap>(
    type: Type,
    listener: (event: ConnectionEventMap[Type]) => void,
  ): void {
    super.removeEventListener(type, listener as (event: Event) => void);
  }

  /**
   * Disconnects, and waits until the peer has acknowledged or the time is over. Never fails because of the peer: the cause
   * tells. If the connection has ended already, that cause is the answer; if it is ending, this waits for the same end, but not
   * longer than its own time.
   * @throws EndpointError `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT`; CepError `LIMIT_REACHED`: the connection still stands then.
   */
  async disconnect(options: DisconnectOptions = {}): Promise<CloseCause> {
    checkPrivateData(options.privateData, DREQ_PRIVATE_DATA_MAX, 'DREQ');
    const timing = timingOf(options);
    if (this.#cause !== undefined) return this.#cause;
    if (this.#disconnecting || !this.#sendDreq(timing, options.privateData)) this.#endWithin(timing.deadline);
    return this.#ended.promise;
  }

  /**
   * Ends the connection at once: the DREQ is sent, and repeated as needed, but nobody waits for the answer, and no `timewaitexit`
   * follows. Never fails; harmless if the connection has ended.
   */
  close(): void {
    this.#router.destroy(this.#id);
    this.#end('closed', undefined);
  }

  /** Disconnects, with the default deadline. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  /** @internal */
  async shutDown(timeoutMs: number): Promise<void> {
    if (timeoutMs === 0) {
      this.close();
      return;
    }
    try {
      await this.disconnect({ timeoutMs });
    } catch {
      // Not even the DREQ could be made. The adapter closes all the same.
      this.close();
    }
  }

  /** @internal */
  handleEvent(event: EndpointEvent): void {
    const privateData =
      event.mad?.message === 'DREQ' || event.mad?.message === 'DREP' ? event.mad.fields.privateData : undefined;
    switch (event.type) {
      case 'dreq_received':
        this.#sendDrep();
        this.#end(this.#disconnecting ? 'disconnected' : 'peer', privateData);
        return;
      case 'drep_received':
        this.#end(event.cause === 'stale' ? 'stale' : 'disconnected', privateData);
        return;
      case 'dreq_error':
        this.#end(event.cause === 'stale' ? 'stale' : 'unacknowledged', undefined);
        return;
      case 'rej_received':
        this.#end('rejected', undefined);
        return;
      case 'timewait_exit':
        this.#router.destroy(this.#id);
        this.dispatchEvent(new Event('timewaitexit'));
        return;
      default:
        // Repetitions of the establishment, such as a late mra_received, change nothing for an established connection.
        return;
    }
  }

  /** @returns false if the connection is ending already, because the peer has forgotten it. */
  #sendDreq(timing: TimingPolicy, privateData: Uint8Array | undefined): boolean {
    return this.#router.command((cm, now) => {
      if (cm.state(this.#id) !== 'ESTABLISHED') return false;
      cm.sendDreq(this.#id, { timing, ...(privateData && { privateData }) }, now);
      this.#disconnecting = true;
      return true;
    });
  }

  #sendDrep(): void {
    try {
      this.#router.command((cm, now) => cm.sendDrep(this.#id, {}, now));
    } catch {
      // No buffers. Destroying answers as well, or leaves it to the peer's next DREQ.
      this.#router.destroy(this.#id);
    }
  }

  /** Somebody else waits for the end already, perhaps longer. */
  #endWithin(limit: Duration): void {
    const cancel = this.#router.schedule(limit, () => {
      this.#router.destroy(this.#id);
      this.#end('unacknowledged', undefined);
    });
    void this.#ended.promise.then(cancel);
  }

  #end(cause: CloseCause, privateData: Uint8Array | undefined): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#ended.resolve(cause);
    this.dispatchEvent(new ConnectionCloseEvent(cause, privateData));
  }
}

/** What a REJ said, as an error's details. */
export function rejectDetails(peer: string, rej: Rej): RejectDetails {
  const { reason, rejectInfoLength, additionalRejectInformation, privateData } = rej;
  return {
    peer,
    reason,
    reasonName: rejectReasonName(reason),
    by: rejectedBy(reason),
    privateData,
    additionalInformation: additionalRejectInformation.subarray(0, rejectInfoLength),
  };
}

export function closedError(what: string): EndpointError {
  return new EndpointError('CLOSED', `${what} has been closed`, {});
}
