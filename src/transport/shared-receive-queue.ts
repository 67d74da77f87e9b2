import { TransportError } from './error.js';
import type { EventQueue, TransportEvent } from './event-queue.js';
import type { ProtectionDomain } from './protection-domain.js';
import { type ReceiveEntry, ReceiveQueue, type ReceiveRequest } from './receive-queue.js';
import { checkElements } from './work-request.js';

export interface SharedReceiveQueueOptions {
  readonly domain: ProtectionDomain;
  /** Requests that it holds. */
  readonly capacity: number;
  /** Elements that a request may have; default 1. */
  readonly maxElements?: number;
  /** The consumer's own: what it wants to find with an event. */
  readonly context?: unknown;
}

/** Receives that several queue pairs take from, as their messages come (IBTA 10.2.9). */
export class SharedReceiveQueue {
  context: unknown;
  readonly domain: ProtectionDomain;
  readonly #events: EventQueue;
  readonly #limitEvent: TransportEvent = { type: 'sharedReceiveQueueLimit', sharedReceiveQueue: this };
  readonly #queue: ReceiveQueue;
  readonly #maxElements: number;
  #limit = 0;
  #users = 0;
  #destroyed = false;

  /** @internal Made by `TransportLayer.createSharedReceiveQueue`. */
  constructor(events: EventQueue, { domain, capacity, maxElements = 1, context }: SharedReceiveQueueOptions) {
    domain.hold();
    this.#events = events;
    this.domain = domain;
    this.#queue = new ReceiveQueue(capacity);
    this.#maxElements = maxElements;
    this.context = context;
  }

  /** Receives that wait for a message. */
  get size(): number {
    return this.#queue.size;
  }

  /** Adds a receive. @throws TransportError `QUEUE_FULL`, `INVALID_REQUEST`, `DESTROYED` */
  post({ id = 0, elements = [] }: ReceiveRequest): void {
    this.#refuseIfDestroyed();
    checkElements(elements, this.#maxElements);
    if (this.#queue.isFull) throw new TransportError('QUEUE_FULL', 'the shared receive queue is full', {});
    this.#queue.push(id, elements);
  }

  /** One event `sharedReceiveQueueLimit` comes when fewer than `limit` receives are left; 0: none (IBTA 11.2.3.3). */
  arm(limit: number): void {
    this.#limit = limit;
    this.#checkLimit();
  }

  /** @throws TransportError `IN_USE` while a queue pair has it, `DESTROYED` the second time. */
  destroy(): void {
    this.#refuseIfDestroyed();
    if (this.#users > 0) throw new TransportError('IN_USE', 'queue pairs use the shared receive queue', {});
    this.#destroyed = true;
    this.#queue.clear();
    this.#events.remove(this.#limitEvent);
    this.domain.unhold();
  }

  /** @internal */
  hold(): void {
    this.#refuseIfDestroyed();
    this.#users += 1;
  }

  /** @internal */
  unhold(): void {
    this.#users -= 1;
  }

  /** @internal */
  take(): ReceiveEntry | undefined {
    const entry = this.#queue.take();
    if (this.#limit > 0) this.#checkLimit();
    return entry;
  }

  /** @internal */
  release(entry: ReceiveEntry): void {
    this.#queue.release(entry);
  }

  #checkLimit(): void {
    if (this.#queue.size >= this.#limit) return;
    this.#limit = 0;
    this.#events.push(this.#limitEvent);
  }

  #refuseIfDestroyed(): void {
    if (this.#destroyed) throw new TransportError('DESTROYED', 'the shared receive queue was destroyed', {});
  }
}
