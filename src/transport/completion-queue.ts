import { TransportError } from './error.js';
import type { EventQueue, TransportEvent } from './event-queue.js';

/** How a work request ended (IBTA 11.6.2). */
export const COMPLETION_STATUSES = {
  success: 'done',
  localLengthError: 'longer than what it was to go into, or than may be sent',
  localQueuePairOperationError: 'the queue pair is not set up for such a request',
  localProtectionError: 'an element of its list is not memory that it may use',
  flushed: 'not done, because the queue pair is in an error state',
  badResponse: "the peer's response is not one to this request",
  remoteInvalidRequest: 'the peer says that the request makes no sense, or was too long for its receive',
  remoteAccessError: 'the peer does not let us do that to its memory',
  remoteOperationalError: 'the peer could not do it',
  retryExceeded: 'the peer has not answered, however often it was asked',
  rnrRetryExceeded: 'the peer has had no receive ready, however often it was asked',
} as const;
export type CompletionStatus = keyof typeof COMPLETION_STATUSES;

export type CompletionOpcode =
  | 'send'
  | 'rdmaWrite'
  | 'rdmaRead'
  | 'fetchAndAdd'
  | 'compareAndSwap'
  | 'receive'
  /** A receive whose data was written elsewhere: it says only that, and the immediate data. */
  | 'receiveRdmaWithImmediate';

/**
 * The end of a work request (`ibv_wc`). Without `success`, only `id`, `status`, `opcode` and `qpn` mean anything. Valid until the next poll of
 * its queue; the object is used again.
 */
export interface WorkCompletion {
  /** As in the request. */
  readonly id: number;
  readonly status: CompletionStatus;
  readonly opcode: CompletionOpcode;
  /** The queue pair's number. */
  readonly qpn: number;
  /** Bytes that were received or read. A datagram's has 40 more, in front: see `WorkQueues.postReceive`. */
  readonly byteLength: number;
  /** Received immediate data, 32 bits. */
  readonly immediate: number | undefined;
  /** The key of ours that the peer has invalidated with its send. */
  readonly invalidatedKey: number | undefined;
  /** Of a datagram: who has sent it. */
  readonly sourceQpn: number | undefined;
}

/** @internal */
export type MutableCompletion = { -readonly [Name in keyof WorkCompletion]: WorkCompletion[Name] };

const blank = (): MutableCompletion => ({
  id: 0,
  status: 'success',
  opcode: 'send',
  qpn: 0,
  byteLength: 0,
  immediate: undefined,
  invalidatedKey: undefined,
  sourceQpn: undefined,
});

const NOT_ARMED = 0;
const ARMED_SOLICITED = 1;
const ARMED = 2;

/**
 * Completions of any number of queue pairs, oldest first (IBTA 10.2.5). To wait for one: {@link arm}, then poll until it is empty; the event `completion`
 * of the transport layer says when to poll again.
 */
export class CompletionQueue {
  /** The consumer's own: what it wants to find with an event. */
  context: unknown;
  readonly capacity: number;
  readonly #events: EventQueue;
  readonly #completionEvent: TransportEvent = { type: 'completion', completionQueue: this };
  readonly #overflowEvent: TransportEvent = { type: 'completionQueueOverflow', completionQueue: this };
  /** A ring; one place more than the capacity, for the completion that the consumer is looking at. */
  readonly #ring: MutableCompletion[] = [];
  #head = 0;
  #size = 0;
  #lent = 0;
  #armed = NOT_ARMED;
  #overflowed = false;
  #users = 0;
  #destroyed = false;

  /** @internal Made by `TransportLayer.createCompletionQueue`. */
  constructor(events: EventQueue, capacity: number, context: unknown) {
    this.#events = events;
    this.capacity = capacity;
    this.context = context;
  }

  /** Completions to be polled. */
  get size(): number {
    return this.#size;
  }

  /** Whether a completion was lost: then it takes no more, and queue pairs that need it break. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** The oldest completion, taken out; undefined if there is none. */
  poll(): WorkCompletion | undefined {
    this.#head = this.#after(this.#lent);
    this.#lent = 0;
    if (this.#size === 0) return undefined;
    this.#size -= 1;
    this.#lent = 1;
    return this.#ring[this.#head];
  }

  /**
   * Asks for one event `completion`, when the next completion comes.
   * @param solicitedOnly only when one comes that the sender has marked (`solicited`), or one that is no success.
   * @returns whether there are completions to be polled already: they cause no event.
   */
  arm(solicitedOnly = false): boolean {
    if (this.#armed !== ARMED) this.#armed = solicitedOnly ? ARMED_SOLICITED : ARMED;
    return this.#size > 0;
  }

  /** @throws TransportError `IN_USE` while a queue pair has it, `DESTROYED` the second time. */
  destroy(): void {
    if (this.#destroyed) throw new TransportError('DESTROYED', 'the completion queue was destroyed', {});
    if (this.#users > 0) throw new TransportError('IN_USE', 'queue pairs use the completion queue', {});
    this.#destroyed = true;
    this.#events.remove(this.#completionEvent);
    this.#events.remove(this.#overflowEvent);
  }

  /** @internal */
  hold(): void {
    if (this.#destroyed) throw new TransportError('DESTROYED', 'the completion queue was destroyed', {});
    this.#users += 1;
  }

  /** @internal */
  unhold(): void {
    this.#users -= 1;
  }

  /** Room for a completion, to be filled in; undefined if there is none. {@link notify} follows. @internal */
  push(id: number, status: CompletionStatus, opcode: CompletionOpcode, qpn: number): MutableCompletion | undefined {
    if (this.#overflowed) return undefined;
    if (this.#size === this.capacity) {
      this.#overflowed = true;
      this.#events.push(this.#overflowEvent);
      return undefined;
    }
    const place = this.#after(this.#lent + this.#size);
    const completion = this.#ring[place] ?? this.#grow(place);
    this.#size += 1;
    completion.id = id;
    completion.status = status;
    completion.opcode = opcode;
    completion.qpn = qpn;
    completion.byteLength = 0;
    completion.immediate = undefined;
    completion.invalidatedKey = undefined;
    completion.sourceQpn = undefined;
    return completion;
  }

  /** Says that a completion was pushed. @internal */
  notify(solicited: boolean): void {
    if (this.#armed === NOT_ARMED || (this.#armed === ARMED_SOLICITED && !solicited)) return;
    this.#armed = NOT_ARMED;
    this.#events.push(this.#completionEvent);
  }

  #after(count: number): number {
    const place = this.#head + count;
    return place > this.capacity ? place - this.capacity - 1 : place;
  }

  #grow(place: number): MutableCompletion {
    const completion = blank();
    this.#ring[place] = completion;
    return completion;
  }
}
