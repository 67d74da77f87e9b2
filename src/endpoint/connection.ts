import { type Cid, type Duration, milliseconds } from '../base/index.js';
import type { State, TimingPolicy } from '../cep/index.js';
import type { MemoryRegion } from '../transport/index.js';
import type { AttributeValues, QpState } from '../verbs/index.js';
import { type Rej, rejectReasonName } from '../wire/index.js';
import { Deferred, unlessAborted } from './deferred.js';
import { EndpointError, type RejectDetails, rejectedBy } from './error.js';
import { checkPrivateData, timingOf, type WaitOptions } from './options.js';
import { ConnectionQueuePair } from './queue-pair.js';
import type { Message } from './received-messages.js';
import type { EndpointEvent, EndpointQueuePair, EventHandler, EventRouter } from './router.js';
import type { ImmediateOption, RegisterRights, RemoteMemory, Transfers } from './transfers.js';

/** Private data of a DREQ and DREP. */
const DREQ_PRIVATE_DATA_MAX = 220;

/** One side of a connection. */
export interface ConnectionEnd {
  readonly address: string;
  /** The port in the TCP port space of rdma_cm. */
  readonly port: number;
  /** Queue pair number. */
  readonly qpn: number;
  /** The PSN that this end wants the other one to begin with. */
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

/** All that there is to know of a connection at a moment, as a value. */
export interface ConnectionStatus extends ConnectionDetails {
  /** The connection manager's state, such as ESTABLISHED, DREQ_SENT or TIMEWAIT; undefined when it knows nothing of the connection any more. */
  readonly state: State | undefined;
  /** See {@link Connection.closeCause}. */
  readonly closeCause: CloseCause | undefined;
  /** The state of the queue pair; of one that is elsewhere, the state that it should be in. */
  readonly queuePairState: QpState;
  /**
   * What the messages have agreed on, as attributes of the queue pair; one that is elsewhere should be given them: path (addresses, traffic class, UDP
   * source port), MTU, P_Key, PSNs, depths, ACK timeout and retries.
   */
  readonly attributes: AttributeValues;
}

/** What a connection is made of when it is established. @internal */
export interface Establishment extends Omit<ConnectionDetails, 'responderResources' | 'initiatorDepth'> {
  readonly cid: Cid;
  /** Whether the queue pair is elsewhere. */
  readonly isForeign: boolean;
}

/**
 * Why a connection ended.
 * - `disconnected`: we disconnected, and the peer acknowledged.
 * - `unacknowledged`: we disconnected, and the peer did not answer in time.
 * - `peer`: the peer disconnected.
 * - `rejected`: the peer took the connection back with a REJ.
 * - `stale`: the peer has forgotten the connection, as after a crash.
 * - `closed`: we closed without waiting.
 * - `broken`: the queue pair failed, because a transfer did or the peer asked for what it may not have; we disconnected.
 */
export type CloseCause = 'disconnected' | 'unacknowledged' | 'peer' | 'rejected' | 'stale' | 'closed' | 'broken';

/** How a connection ended. */
export interface CloseDetails {
  readonly cause: CloseCause;
  /** The private data of the peer's DREQ or DREP, if there was one. */
  readonly privateData: Uint8Array | undefined;
}

/** `close`: the connection has ended. Sent once. */
export class ConnectionCloseEvent extends Event implements CloseDetails {
  readonly cause: CloseCause;
  readonly privateData: Uint8Array | undefined;

  constructor({ cause, privateData }: CloseDetails) {
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

/** A NAK says why, and is worth more than a DREQ that overtakes it. */
const LAST_WORD_TIME = milliseconds(10);
/** When what has come already is done with, and who waited for the connection has it. */
const NEXT_TURN = milliseconds(0);

/** In which no DREQ can be sent any more. In all others an established connection may be, as when its peer proposes an alternate path. */
const ENDING: ReadonlySet<State | undefined> = new Set(['DREQ_SENT', 'DREQ_RCVD', 'TIMEWAIT', 'IDLE', undefined]);

export interface ReceiveOptions {
  /** Aborting it ends the waiting: the promise is rejected with the signal's reason, and no message is lost. */
  readonly signal?: AbortSignal;
}

export interface DisconnectOptions extends WaitOptions {
  /** At most 220 bytes. */
  readonly privateData?: Uint8Array;
  /** Aborting it ends the waiting: the promise is rejected with the signal's reason. The connection is disconnected all the same. */
  readonly signal?: AbortSignal;
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
  /** The CM's handle, as in the events that an adapter's `onEvent` sees. */
  readonly cid: Cid;
  /** The queue pair that the connection leads; undefined if it is elsewhere, since a `qpn` was given: then the connection is CM-only. */
  readonly queuePair: ConnectionQueuePair | undefined;
  readonly #router: EventRouter;
  readonly #queuePair: EndpointQueuePair;
  readonly #attributes: AttributeValues;
  readonly #transfers: Transfers | undefined;
  readonly #ended = new Deferred<CloseDetails>();
  #disconnecting = false;
  /** Takes back that it will end because its queue pair is broken. */
  #breaking: (() => void) | undefined;
  #cause: CloseCause | undefined;
  /** Whoever waited for the connection has it, and has had the chance to ask for its events. */
  #isHandedOver = false;

  /** @internal Made by `Adapter.connect` and `ConnectionRequest.accept`. */
  constructor(router: EventRouter, queuePair: EndpointQueuePair, establishment: Establishment) {
    super();
    const { role, local, remote, privateData, cid, isForeign } = establishment;
    const { state: _, ...attributes } = queuePair.query();
    this.#router = router;
    this.#queuePair = queuePair;
    this.#attributes = attributes;
    this.role = role;
    this.local = local;
    this.remote = remote;
    this.responderResources = attributes.responderResources ?? 0;
    this.initiatorDepth = attributes.initiatorDepth ?? 0;
    this.privateData = privateData;
    this.cid = cid;
    this.queuePair = isForeign ? undefined : new ConnectionQueuePair(queuePair);
    const { context } = queuePair;
    context.handler = this;
    this.#transfers = context.transfers;
    if (context.transfers !== undefined) context.transfers.onBroken = () => this.#break();
    queueMicrotask(() => {
      this.#isHandedOver = true;
    });
  }

  /** All that there is to know of it now; afterwards, too. */
  query(): ConnectionStatus {
    const { role, local, remote, responderResources, initiatorDepth, privateData, closeCause } = this;
    const { connectionState: state, state: queuePairState } = this.#queuePair;
    const details = { role, local, remote, responderResources, initiatorDepth, privateData };
    return { ...details, state, closeCause, queuePairState, attributes: this.#attributes };
  }

  // ---- data, through the queue pair. All throw EndpointError `NO_QUEUE_PAIR` if it is elsewhere.

  /**
   * Sends a message (RDMA send), and waits until the peer's queue pair has it: in order, and as slowly as the peer receives.
   * The data must not be changed before that. @throws TransferError, TransportError `INVALID_REQUEST`
   */
  async send(data: Uint8Array, options: ImmediateOption = {}): Promise<void> {
    await this.#moving.send(data, options);
  }

  /**
   * The peer's next message; undefined when the connection has ended and all were received. Calls are served in their order.
   * @throws the signal's reason.
   */
  async receive({ signal }: ReceiveOptions = {}): Promise<Message | undefined> {
    return this.#moving.received.next(signal);
  }

  /**
   * Writes to memory of the peer's (RDMA write), and waits until it is there: the data must not be changed before that. With immediate data the peer is told, as
   * of an empty message.
   * @throws TransferError, `REMOTE_ACCESS_ERROR` if the peer does not allow it; TransportError `INVALID_REQUEST`
   */
  async write(to: RemoteMemory, data: Uint8Array, options: ImmediateOption = {}): Promise<void> {
    await this.#moving.write(to, data, options);
  }

  /** Reads memory of the peer's (RDMA read) into ours, in which other things may stand until then. @throws as {@link write}. */
  async read(from: RemoteMemory, into: Uint8Array): Promise<void> {
    await this.#moving.read(from, into);
  }

  /** Adds to 64 bits of the peer's memory (atomic fetch and add), at a multiple of 8. @returns what was there before. @throws as {@link write}. */
  async fetchAdd(at: RemoteMemory, add: bigint): Promise<bigint> {
    return this.#moving.fetchAdd(at, add);
  }

  /** Replaces 64 bits of the peer's memory if they are `compare` (atomic compare and swap). @returns what was there before. @throws as {@link write}. */
  async compareSwap(at: RemoteMemory, compare: bigint, swap: bigint): Promise<bigint> {
    return this.#moving.compareSwap(at, compare, swap);
  }

  /**
   * Lets the peer work on memory of ours, until it is deregistered or the connection has ended. Tell the peer its `address` and `rkey`.
   * @throws TransportError `LIMIT_REACHED`, `INVALID_ARGUMENT`; TransferError `FLUSHED` when the connection has ended.
   */
  register(memory: Uint8Array | ArrayBuffer, rights: RegisterRights = {}): MemoryRegion {
    return this.#moving.register(memory, rights);
  }

  /** Resolves when the connection has ended, whoever ended it; never rejects. */
  get closed(): Promise<CloseDetails> {
    return this.#ended.promise;
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
   * @throws EndpointError `PRIVATE_DATA_TOO_LONG`, `INVALID_ARGUMENT`; CepError `LIMIT_REACHED`: the connection still stands then, as with a signal that
   * was aborted before. The signal's reason.
   */
  async disconnect(options: DisconnectOptions = {}): Promise<CloseCause> {
    options.signal?.throwIfAborted();
    checkPrivateData(options.privateData, DREQ_PRIVATE_DATA_MAX, 'DREQ');
    const timing = timingOf(options);
    if (this.#cause !== undefined) return this.#cause;
    if (this.#disconnecting || !this.#sendDreq(timing, options.privateData)) this.#endWithin(timing.deadline);
    return (await unlessAborted(this.#ended.promise, options.signal)).cause;
  }

  /**
   * Ends the connection at once: the DREQ is sent, and repeated as needed, but nobody waits for the answer, and no `timewaitexit`
   * follows. Never fails; harmless if the connection has ended.
   */
  close(): void {
    this.#abandon('closed');
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
        this.#router.destroy(this.#queuePair);
        this.dispatchEvent(new Event('timewaitexit'));
        return;
      default:
        // Repetitions of the establishment, such as a late mra_received, change nothing for an established connection.
        return;
    }
  }

  get #moving(): Transfers {
    if (this.#transfers !== undefined) return this.#transfers;
    const text = this.queuePair === undefined ? 'its queue pair is elsewhere' : 'its adapter moves no data';
    throw new EndpointError('NO_QUEUE_PAIR', `the connection cannot move data: ${text}`, {});
  }

  /** The queue pair is in ERR, though the connection stands: there is no use for it, but for a last word to the peer's queue pair. */
  #break(): void {
    if (this.#breaking !== undefined || this.#disconnecting || this.#cause !== undefined) return;
    this.#breaking = this.#router.schedule(LAST_WORD_TIME, () => {
      if (!ENDING.has(this.#queuePair.connectionState)) this.#abandon('broken');
    });
  }

  /** @returns false if the connection is ending already, because the peer has forgotten it. */
  #sendDreq(timing: TimingPolicy, privateData: Uint8Array | undefined): boolean {
    this.#router.flush();
    return this.#router.command((_, now) => {
      if (ENDING.has(this.#queuePair.connectionState)) return false;
      this.#queuePair.disconnect({ timing, ...(privateData && { privateData }) }, now);
      this.#disconnecting = true;
      return true;
    });
  }

  #sendDrep(): void {
    try {
      this.#router.command((_, now) => this.#queuePair.sendDrep({}, now));
    } catch {
      // No buffers. Destroying answers as well, or leaves it to the peer's next DREQ.
      this.#router.destroy(this.#queuePair);
    }
  }

  #abandon(cause: CloseCause): void {
    this.#router.destroy(this.#queuePair);
    this.#end(cause, undefined);
  }

  /** Somebody else waits for the end already, perhaps longer. */
  #endWithin(limit: Duration): void {
    const cancel = this.#router.schedule(limit, () => {
      this.#router.destroy(this.#queuePair);
      this.#end('unacknowledged', undefined);
    });
    void this.#ended.promise.then(cancel);
  }

  #end(cause: CloseCause, privateData: Uint8Array | undefined): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#breaking?.();
    this.#transfers?.end();
    this.#ended.resolve({ cause, privateData });
    const tell = (): unknown => this.dispatchEvent(new ConnectionCloseEvent({ cause, privateData }));
    // The peer's confirmation and its DREQ may come together. Who closes before that, knows.
    if (this.#isHandedOver || cause === 'closed') tell();
    else this.#router.schedule(NEXT_TURN, tell);
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
