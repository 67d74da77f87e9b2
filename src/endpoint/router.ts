import { type Cid, type Duration, formatAddress, type Instant, ReferenceLedger } from '../base/index.js';
import type { EventCause, EventType } from '../cep/index.js';
import { type CmCallback, type CmId, CmInterface } from '../cm/index.js';
import type { CmMad } from '../wire/index.js';
import type { EndpointHost } from './host.js';

/** An event as a value, for whoever watches. */
export interface EndpointEvent {
  /** The CM's name of the event, such as `rep_received`. */
  readonly type: EventType;
  readonly cause: EventCause;
  /** The CM's handle of the connection, listener or request. */
  readonly cid: Cid;
  /** For a new request: the listener's. Otherwise 0. */
  readonly listener: Cid;
  /** How often the message was sent whose answer is missing. */
  readonly transmissions: number;
  readonly mad: CmMad | undefined;
}

/** Who deals with the events of an ID. */
export interface EventHandler {
  handleEvent(event: EndpointEvent): void;
  /** The adapter is being closed: ends at once, or for a connection within the time. */
  shutDown(timeoutMs: number): Promise<unknown>;
}

/** Whose events an ID's are now: what is an attempt today is a connection tomorrow. */
export interface Seat {
  handler: EventHandler;
}
/** The ID of an endpoint. */
export type EndpointId = CmId<Seat>;

/** Has the IDs of an adapter's endpoints, and brings their events to whom they concern. */
export class EventRouter {
  readonly #host: EndpointHost;
  readonly #cm: CmInterface;
  readonly #ids = new Set<EndpointId>();
  readonly #observe: ((event: EndpointEvent) => void) | undefined;

  constructor(host: EndpointHost, observe: ((event: EndpointEvent) => void) | undefined) {
    this.#host = host;
    this.#observe = observe;
    this.#cm = new CmInterface(host.adapter.cep, new ReferenceLedger());
    host.onTurn(() => this.#cm.poll(this.now));
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
    return Array.from(this.#ids, ({ context }) => context.handler);
  }

  /**
   * Makes an ID and does something with it. If that throws, there is no ID. The driver has its turn only when {@link wake} is called,
   * since anything may happen to the ID in it: first the caller notes what it has got.
   */
  open(handler: EventHandler, call: (cm: CmInterface, id: EndpointId, now: Instant) => void): EndpointId {
    const id = this.#cm.createId(this.#callback, { handler });
    this.#ids.add(id);
    try {
      call(this.#cm, id, this.now);
    } catch (error) {
      this.destroy(id);
      throw error;
    }
    return id;
  }

  /** Lets the driver send what there is to send. */
  wake(): void {
    this.#host.wake();
  }

  /** Gives a listener's oldest request an ID of its own, whose handler is still to be found. @returns undefined if none waits. */
  fetch(listener: EndpointId): EndpointId | undefined {
    const request = this.#cm.getRequestEx<Seat>(listener, this.#callback, { handler: listener.context.handler });
    if (request !== undefined) this.#ids.add(request.id);
    return request?.id;
  }

  /** Runs a call on the CM, and lets the driver send what came of it, whether or not it failed. */
  command<T>(call: (cm: CmInterface, now: Instant) => T): T {
    try {
      return call(this.#cm, this.now);
    } finally {
      this.#host.wake();
    }
  }

  /** Destroys an ID. Harmless if it has been destroyed. */
  destroy(id: EndpointId): void {
    if (this.#ids.delete(id)) this.command((cm, now) => cm.destroyId(id, now));
  }

  /** Destroys every ID; no event is told any more. */
  close(): void {
    this.#ids.clear();
    this.command((cm, now) => cm.close(now));
  }

  readonly #callback: CmCallback<Seat> = (id, event) => {
    const { type, cause, cid, transmissions, message: mad } = event;
    const listener = cid === id.cid ? (0 as Cid) : id.cid;
    const told: EndpointEvent = { type, cause, cid, listener, transmissions, mad };
    shielded(() => this.#observe?.(told));
    // Whoever watches may have ended what the event is about.
    if (!id.destroyed) shielded(() => id.context.handler.handleEvent(told));
  };
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
