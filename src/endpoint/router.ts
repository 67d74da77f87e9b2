import { type Cid, copyOf, type Duration, formatAddress, type Instant } from '../base/index.js';
import type { CepEvent, CepOwner } from '../cep/index.js';
import { type CmMad, decodeMad, MAD_BYTES } from '../wire/index.js';
import type { EndpointHost } from './host.js';

/** An event as a value: its message is decoded, from a copy. */
export interface EndpointEvent {
  /** The CM's name of the event, such as `rep_received`. */
  readonly type: CepEvent['type'];
  readonly cause: CepEvent['cause'];
  readonly cid: Cid;
  readonly listener: Cid;
  /** How often the message was sent whose answer is missing. */
  readonly transmissions: number;
  readonly mad: CmMad | undefined;
}

/** Who deals with the events of a CEP. */
export interface EventHandler {
  handleEvent(event: EndpointEvent): void;
  /** The adapter is being closed: ends at once, or for a connection within the time. */
  shutDown(timeoutMs: number): Promise<unknown>;
}

/** Owns the CEPs of an adapter's endpoints and brings their events to whom they concern. */
export class EventRouter {
  readonly owner: CepOwner;
  readonly #host: EndpointHost;
  readonly #handlers = new Map<Cid, EventHandler>();
  #closed = false;
  readonly #observe: ((event: EndpointEvent) => void) | undefined;

  constructor(host: EndpointHost, observe: ((event: EndpointEvent) => void) | undefined) {
    this.#host = host;
    this.#observe = observe;
    this.owner = host.adapter.cep.openOwner();
    host.onTurn(() => this.#turn());
  }

  get now(): Instant {
    return this.#host.now();
  }

  /** See `EndpointHost`. */
  schedule(delay: Duration, call: () => void): () => void {
    return this.#host.schedule(delay, call);
  }

  /** This adapter's address as text. */
  get address(): string {
    return formatAddress(this.#host.adapter.gid(1));
  }

  /** All that deal with events now. */
  get handlers(): EventHandler[] {
    return [...this.#handlers.values()];
  }

  /** Who creates a CEP attaches its handler within the same {@link command}: afterwards events may have passed. */
  attach(cid: Cid, handler: EventHandler): void {
    this.#handlers.set(cid, handler);
  }

  /** Runs a call on the manager, and lets the driver send what came of it, whether or not it failed. */
  command<T>(call: (owner: CepOwner, now: Instant) => T): T {
    try {
      return call(this.owner, this.#host.now());
    } finally {
      this.#host.wake();
    }
  }

  /** Destroys a CEP. Harmless if it has been destroyed. */
  destroy(cid: Cid): void {
    if (this.#handlers.delete(cid)) this.command((owner, now) => owner.destroy(cid, now));
  }

  /** Destroys every CEP; no event is delivered any more. */
  close(): void {
    this.#closed = true;
    this.#handlers.clear();
    this.command((owner, now) => owner.close(now));
  }

  #turn(): void {
    if (this.#closed) return;
    for (let event = this.owner.pollEvent(); event !== undefined; event = this.owner.pollEvent()) {
      const { type, cause, cid, listener, transmissions, hasMessage, bytes, at } = event;
      const mad = hasMessage ? decodeMad(copyOf(bytes, at, at + MAD_BYTES)) : undefined;
      this.#deliver({ type, cause, cid, listener, transmissions, mad: mad instanceof Error ? undefined : mad });
    }
  }

  #deliver(event: EndpointEvent): void {
    const request = event.type === 'req_received';
    // A new request belongs to its listener until the listener has made something of it.
    const key = request ? event.listener : event.cid;
    const known = this.#handlers.has(key);
    shielded(() => this.#observe?.(event));
    const handler = this.#handlers.get(key);
    if (handler) shielded(() => handler.handleEvent(event));
    // If the observer itself ended what the event is about, nothing is left to do, except that a listener leaves its request behind.
    else if (request || !known) this.owner.destroy(event.cid, this.#host.now());
  }
}

/** One bad callback must not keep others from their events: what it throws is reported by the platform. */
function shielded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
