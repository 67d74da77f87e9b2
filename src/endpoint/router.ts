import { assert, type Cid, type Duration, type Instant, type Random, ReferenceLedger } from '../base/index.js';
import { CepError, type EventCause, type EventType } from '../cep/index.js';
import { type CmCallback, type CmEvent, type CmId, CmInterface } from '../cm/index.js';
import {
  type ConnectedQueuePair,
  ConnectedQueuePairs,
  type ConnectionRequest as IncomingRequest,
  type QpCallback,
} from '../qp/index.js';
import type { TransportEvent } from '../transport/index.js';
import { type QueuePair, type QueuePairLimits, QueuePairTable } from '../verbs/index.js';
import type { CmMad } from '../wire/index.js';
import { AdapterInterface } from './adapter-interface.js';
import { EndpointError } from './error.js';
import type { EndpointHost } from './host.js';
import { LocalAddresses } from './local-addresses.js';
import type { QueuePairOptions } from './options.js';
import type { TransferOptions } from './transfer-options.js';
import { MIN_RNR_TIMER, REMOTE_ACCESS, Transfers } from './transfers.js';

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

/** Who deals with the events of an ID or a queue pair. */
export interface EventHandler {
  handleEvent(event: EndpointEvent): void;
  /** The adapter is being closed: ends at once, or for a connection within the time. */
  shutDown(timeoutMs: number): Promise<unknown>;
}

/** Whose events they are now: what is an attempt today is a connection tomorrow. */
export interface Seat {
  handler: EventHandler;
  /** The data of the queue pair, if it is ours and the adapter moves data. */
  transfers?: Transfers;
}
/** The ID of an endpoint that has no queue pair. */
export type EndpointId = CmId<Seat>;
/** The queue pair of an endpoint that connects, or what stands for one elsewhere. */
export type EndpointQueuePair = ConnectedQueuePair<Seat>;

/** What a queue pair for datagrams is given. */
export interface DatagramAttributes {
  readonly port: number;
  readonly pKey: number;
  readonly qKey: number;
  readonly sendPsn: number;
}

/** A queue pair and its data. */
export interface Moving {
  readonly queuePair: QueuePair;
  readonly transfers: Transfers;
}

/** A request to connect that was fetched, and whose its events are. */
export interface FetchedRequest {
  readonly request: IncomingRequest;
  readonly seat: Seat;
}

/** Something that has events and must be destroyed in the end. */
interface Held {
  readonly seat: Seat;
  destroy(now: Instant): void;
}

export interface EventRouterOptions {
  readonly random: Random;
  readonly observe: ((event: EndpointEvent) => void) | undefined;
  readonly limits: Partial<QueuePairLimits> | undefined;
}

/** After which a queue pair is in ERR. */
const BREAKING: ReadonlySet<TransportEvent['type']> = new Set([
  'queuePairRequestError',
  'queuePairAccessError',
  'queuePairFatal',
]);

/** Has the IDs and queue pairs of an adapter's endpoints, and brings their events to whom they concern. */
export class EventRouter {
  /** The adapter's own addresses. */
  readonly local: LocalAddresses;
  readonly #host: EndpointHost;
  readonly #ledger = new ReferenceLedger();
  readonly #cm: CmInterface;
  readonly #queuePairs: QueuePairTable;
  readonly #connected: ConnectedQueuePairs;
  /** By ID, request or queue pair. */
  readonly #held = new Map<object, Held>();
  readonly #observe: ((event: EndpointEvent) => void) | undefined;
  /** Others on the same manager. */
  readonly #interfaces = new Set<CmInterface>();
  /** Whose data is moved. */
  readonly #moving = new Map<QueuePair, EndpointQueuePair>();

  constructor(host: EndpointHost, { random, observe, limits }: EventRouterOptions) {
    const { adapter } = host;
    this.#host = host;
    this.#observe = observe;
    this.local = new LocalAddresses(adapter.gids);
    const ledger = this.#ledger;
    this.#cm = new CmInterface(adapter.cep, ledger);
    const ports = adapter.gids.length;
    this.#queuePairs = new QueuePairTable({ random, ledger, ports, ...(limits && { limits }) });
    this.#connected = new ConnectedQueuePairs({ cm: this.#cm, queuePairs: this.#queuePairs, ledger });
    host.onTurn(() => {
      // What the transport tells may be news for the CM, and the other way round.
      do this.#pollInterfaces();
      while (this.#pollTransport());
    });
  }

  get now(): Instant {
    return this.#host.now();
  }

  /** See `EndpointHost`. */
  schedule(delay: Duration, call: () => void): () => void {
    return this.#host.schedule(delay, call);
  }

  /** All that deal with events now. */
  get handlers(): EventHandler[] {
    return Array.from(this.#held.values(), ({ seat }) => seat.handler);
  }

  /** What exists: queue pairs that are ours, and objects that somebody holds a reference to. */
  get usage(): { readonly queuePairs: number; readonly references: number } {
    return { queuePairs: this.#queuePairs.size, references: this.#ledger.size };
  }

  /**
   * Makes an ID and does something with it. If that throws, there is no ID. The driver has its turn only when {@link wake} is called,
   * since anything may happen to the ID in it: first the caller notes what it has got.
   */
  open(handler: EventHandler, call: (cm: CmInterface, id: EndpointId, now: Instant) => void): EndpointId {
    const id = this.#holdId(this.#cm.createId(this.#onIdEvent, { handler }));
    try {
      call(this.#cm, id, this.now);
    } catch (error) {
      this.destroy(id);
      throw error;
    }
    return id;
  }

  /**
   * The same with a queue pair. One of ours is taken if no number is given; while the CM has its number in use, as in somebody else's
   * connection or in timewait, the next. It can receive from then on.
   */
  openQueuePair(
    options: QueuePairOptions,
    handler: EventHandler,
    call: (queuePair: EndpointQueuePair, now: Instant) => void,
  ): EndpointQueuePair {
    const tried = new Set<number>();
    for (;;) {
      const queuePair = this.#createQueuePair(options, { handler });
      try {
        call(queuePair, this.now);
        queuePair.context.transfers?.start();
        return queuePair;
      } catch (error) {
        this.destroy(queuePair);
        const isTaken = error instanceof CepError && error.code === 'QPN_IN_USE';
        // The table gives a number again when it has given all the others.
        if (options.qpn !== undefined || !isTaken || tried.has(queuePair.qpn)) throw error;
        tried.add(queuePair.qpn);
      }
    }
  }

  /** Lets the driver send what there is to send. */
  wake(): void {
    this.#host.wake();
  }

  /** A queue pair is about to be taken out of service: what it owes its peer goes out before. */
  flush(): void {
    this.#host.flush?.();
  }

  /** Gives a listener's oldest request an ID of its own, whose handler is still to be found. @returns undefined if none waits. */
  fetch(listener: EndpointId): EndpointId | undefined {
    const { handler } = listener.context;
    const request = this.#cm.getRequestEx<Seat>(listener, this.#onIdEvent, { handler });
    return request && this.#holdId(request.id);
  }

  /** Fetches a listener's oldest request for a queue pair to accept, likewise. */
  fetchRequest(listener: EndpointId): FetchedRequest | undefined {
    const { handler } = listener.context;
    const seat: Seat = { handler };
    const request = this.#connected.getRequest(listener, (event) => {
      this.#tell(event, seat, 0 as Cid, () => !this.#held.has(seat));
    });
    if (request === undefined) return undefined;
    this.#held.set(seat, { seat, destroy: (now) => request.destroy(now) });
    return { request, seat };
  }

  /** Runs a call on the CM, and lets the driver send what came of it, whether or not it failed. */
  command<T>(call: (cm: CmInterface, now: Instant) => T): T {
    try {
      return call(this.#cm, this.now);
    } finally {
      this.#host.wake();
    }
  }

  /** Destroys an ID, a queue pair, or the request with a seat. Harmless if it has been destroyed. */
  destroy(what: EndpointId | EndpointQueuePair | Seat): void {
    const held = this.#held.get(what);
    if (held === undefined) return;
    this.#held.delete(what);
    this.flush();
    this.command((_, now) => held.destroy(now));
  }

  /** The request with a seat is a queue pair's from now on. */
  handOver(seat: Seat): void {
    this.#held.delete(seat);
  }

  /** See `Adapter.openInterface`. */
  openInterface(): AdapterInterface {
    const cm = new CmInterface(this.#host.adapter.cep, this.#ledger);
    this.#interfaces.add(cm);
    const queuePairs = new ConnectedQueuePairs({ cm, queuePairs: this.#queuePairs, ledger: this.#ledger });
    return new AdapterInterface(this, cm, queuePairs);
  }

  /** @internal What is left to be told of a closed interface is told by ours: all have one ledger. */
  closeInterface(cm: CmInterface): void {
    this.#interfaces.delete(cm);
  }

  /** Destroys everything; no event is told any more. */
  close(): void {
    this.flush();
    this.command((cm, now) => {
      for (const other of this.#interfaces) other.close(now);
      this.#interfaces.clear();
      for (const held of this.#held.values()) held.destroy(now);
      this.#held.clear();
      cm.close(now);
    });
  }

  #pollInterfaces(): void {
    this.#cm.poll(this.now);
    for (const each of this.#interfaces) shielded(() => each.poll(this.now));
  }

  #holdId(id: EndpointId): EndpointId {
    this.#held.set(id, { seat: id.context, destroy: (now) => this.#cm.destroyId(id, now) });
    return id;
  }

  #createQueuePair(options: QueuePairOptions, seat: Seat): EndpointQueuePair {
    // What the peer asks is answered here, when whoever watches has been told of it.
    const shared = { transport: 'rc', automatic: false, context: seat, callback: this.#onQueuePairEvent } as const;
    if (options.qpn !== undefined) {
      const foreign = this.#connected.createForeign<Seat>(options.qpn, shared);
      this.#held.set(foreign, { seat, destroy: (now) => foreign.destroy(now) });
      return foreign;
    }
    let own: QueuePair | undefined;
    const queuePair = this.#connected.create<Seat>(
      { ...shared, accessFlags: REMOTE_ACCESS, minRnrTimer: MIN_RNR_TIMER },
      (created) => {
        own = created;
        this.#attach(created, seat, options);
      },
    );
    if (own !== undefined && seat.transfers !== undefined) this.#moving.set(own, queuePair);
    this.#held.set(queuePair, {
      seat,
      destroy: (now) => {
        if (own !== undefined) this.#moving.delete(own);
        endTransfers(seat, () => queuePair.destroy(now));
      },
    });
    return queuePair;
  }

  /** A queue pair for datagrams, which sends and receives. @throws EndpointError `NO_QUEUE_PAIR`; VerbsError, TransportError `LIMIT_REACHED` */
  openDatagramQueuePair(
    handler: EventHandler,
    attributes: DatagramAttributes,
    options: TransferOptions,
  ): Seat & Moving {
    const queuePair = this.#queuePairs.create({ transport: 'ud' });
    const seat: Seat = { handler };
    try {
      this.#attach(queuePair, seat, options);
      const { sendPsn, ...initial } = attributes;
      queuePair.modify({ state: 'INIT', ...initial });
      queuePair.modify({ state: 'RTR' });
      queuePair.modify({ state: 'RTS', sendPsn });
      const { transfers } = seat;
      if (transfers === undefined) throw new EndpointError('NO_QUEUE_PAIR', 'the adapter moves no data', {});
      transfers.start();
      this.#held.set(seat, { seat, destroy: () => endTransfers(seat, () => queuePair.destroy()) });
      return Object.assign(seat, { queuePair, transfers });
    } catch (error) {
      endTransfers(seat, () => queuePair.destroy());
      throw error;
    }
  }

  /** Gives a queue pair what moves its data. */
  #attach(queuePair: QueuePair, seat: Seat, options: TransferOptions): void {
    const { transport } = this.#host.adapter;
    if (transport === undefined) return;
    const now = (): Instant => this.now;
    const wake = (): void => this.wake();
    const schedule = (delay: Duration, call: () => void): (() => void) => this.schedule(delay, call);
    seat.transfers = new Transfers({ transport, queuePair, now, wake, schedule, options });
  }

  /** @returns whether there was anything. */
  #pollTransport(): boolean {
    const { transport } = this.#host.adapter;
    if (transport === undefined) return false;
    let any = false;
    for (let event = transport.pollEvent(); event !== undefined; event = transport.pollEvent()) {
      const each = event;
      any = true;
      shielded(() => this.#handle(each));
    }
    return any;
  }

  #handle(event: TransportEvent): void {
    if (event.type === 'completion') {
      (event.completionQueue.context as Transfers).handleCompletions();
      return;
    }
    assert('queuePair' in event, 'the queues of a connection have room for all that its work queues hold');
    const queuePair = this.#moving.get(event.queuePair);
    if (queuePair === undefined) return;
    if (event.type === 'communicationEstablished') this.#establish(queuePair);
    else if (BREAKING.has(event.type)) queuePair.context.transfers?.handleBroken();
  }

  /** The peer's data came before its RTU: the RTU is not needed any more. */
  #establish(queuePair: EndpointQueuePair): void {
    if (queuePair.connectionState !== 'REP_SENT' && queuePair.connectionState !== 'REP_MRA_RCVD') return;
    this.command((_, now) => queuePair.established(now));
  }

  readonly #onIdEvent: CmCallback<Seat> = (id, event) => {
    const listener = event.cid === id.cid ? (0 as Cid) : id.cid;
    this.#tell(event, id.context, listener, () => id.destroyed);
  };

  readonly #onQueuePairEvent: QpCallback<Seat> = (queuePair, event, failure) => {
    assert(failure === undefined, 'what events lead a queue pair to was checked when the REP was sent or answered');
    this.#tell(event, queuePair.context, 0 as Cid, () => queuePair.destroyed);
  };

  #tell(event: CmEvent, seat: Seat, listener: Cid, isDestroyed: () => boolean): void {
    const { type, cause, cid, transmissions, message: mad } = event;
    const told: EndpointEvent = { type, cause, cid, listener, transmissions, mad };
    shielded(() => this.#observe?.(told));
    // Whoever watches may have ended what the event is about.
    if (!isDestroyed()) shielded(() => seat.handler.handleEvent(told));
  }
}

/** Destroys a queue pair between the end of its data and the end of what its data needed. */
function endTransfers({ transfers }: Seat, destroy: () => void): void {
  transfers?.end();
  destroy();
  transfers?.dispose();
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
