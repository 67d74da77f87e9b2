import { type Duration, elapsed, type Instant, inMilliseconds, milliseconds, type Random } from '../base/index.js';
import type { PacketDropReason } from '../ca/index.js';
import type { CepInspector, CepManager, Counters } from '../cep/index.js';
import type { TransportCounters } from '../transport/index.js';
import type { QueuePairLimits } from '../verbs/index.js';
import type { AdapterInterface } from './adapter-interface.js';
import type { AskOptions, Question } from './asking.js';
import { checkInteger } from './check-integer.js';
import { Connecting, type ConnectOptions, checkConnect } from './connecting.js';
import { type Connection, closedError } from './connection.js';
import { DatagramListener } from './datagram-listener.js';
import { DatagramSocket, type DatagramSocketOptions } from './datagram-socket.js';
import { Deferred } from './deferred.js';
import type { EndpointHost } from './host.js';
import type { ListenOptions } from './listen.js';
import { Listener } from './listener.js';
import { checkLookup, type DatagramService, Lookup } from './lookup.js';
import { LookUps } from './name-look-ups.js';
import { NumberSource } from './numbers.js';
import { TIMEOUT_MS_MAX, timingOf } from './options.js';
import { type EndpointEvent, EventRouter } from './router.js';

export interface AdapterOptions {
  readonly random: Random;
  /** What the adapter's table of queue pairs may hold. */
  readonly limits?: Partial<QueuePairLimits>;
  /**
   * Sees every event of every connection and listener, before it is acted on. For logs and ladders. What it throws is reported as an
   * uncaught exception, as with any event listener, and changes nothing here.
   */
  readonly onEvent?: (event: EndpointEvent) => void;
}

/** How long {@link Adapter.close} waits for peers to acknowledge, by default. */
const CLOSE_TIMEOUT_MS = 2_000;

/** What an adapter holds: the connection manager's counts, and ours. All are 0 when it was closed and the protocol owes peers nothing more. */
export type AdapterUsage = ReturnType<CepManager['usage']> & {
  /** Queue pairs of this adapter that move data. */
  readonly movingQueuePairs: number;
  readonly memoryRegions: number;
  /** Queue pairs of this adapter. */
  readonly queuePairs: number;
  /** Objects that somebody holds a reference to: IDs of the CM-only interface, queue pairs, what stands for queue pairs elsewhere. */
  readonly references: number;
};

/** What an adapter counts: its connection manager, its own checks of packets, and its transport layer if it has one. */
export interface AdapterCounters {
  readonly cm: Readonly<Counters>;
  /** Datagrams dropped before anybody looked at what they hold. */
  readonly packetDrops: Readonly<Record<PacketDropReason, number>>;
  readonly transport: Readonly<TransportCounters> | undefined;
}

/** An adapter of one or more addresses, from which connections are made and on which they are accepted. */
export class Adapter {
  readonly #host: EndpointHost;
  readonly #router: EventRouter;
  readonly #lookUps: LookUps;
  readonly #numbers: NumberSource;
  #closing: Deferred<void> | undefined;

  /** Use `openAdapter`; this is for those who bring a driver of their own. */
  constructor(host: EndpointHost, { random, limits, onEvent }: AdapterOptions) {
    this.#host = host;
    this.#router = new EventRouter(host, { random, limits, observe: onEvent });
    this.#lookUps = new LookUps(host);
    this.#numbers = new NumberSource(random);
  }

  /** The adapter's address; of several the first. */
  get address(): string {
    return this.#router.local.first;
  }

  /** All addresses of the adapter. */
  get addresses(): readonly string[] {
    return this.#router.local.all;
  }

  /** What the adapter holds. After {@link close}, what the protocol still owes peers: retries and timewait. */
  get usage(): AdapterUsage {
    const { cep, transport } = this.#host.adapter;
    const { queuePairs: movingQueuePairs = 0, memoryRegions = 0 } = transport?.usage() ?? {};
    return { ...cep.usage(), ...this.#router.usage, movingQueuePairs, memoryRegions };
  }

  /** What has gone through the adapter since it was opened. The objects are the adapter's own, and count on. */
  get counters(): AdapterCounters {
    const { cep, drops, transport } = this.#host.adapter;
    return { cm: cep.counters, packetDrops: drops, transport: transport?.counters };
  }

  /** The present moment of the adapter's clock. */
  now(): Instant {
    return this.#host.now();
  }

  /** Looks at every CEP of the adapter, whoever owns it. Good for the adapter's life. */
  inspect(): CepInspector {
    return this.#host.adapter.cep.inspect();
  }

  /** Listens on a port. @throws EndpointError `PORT_IN_USE`, `INVALID_ARGUMENT`, `CLOSED` */
  async listen(options: ListenOptions): Promise<Listener> {
    this.#checkOpen();
    return new Listener(this.#router, options, this.#numbers);
  }

  /**
   * Connects to a listener. Looking up the host's name counts towards the time-out.
   * @throws RejectedError when the peer says no; EndpointError `TIMEOUT` when it says nothing, `PRIVATE_DATA_TOO_LONG`,
   * `INVALID_ARGUMENT`, `CLOSED`; CepError `QPN_IN_USE` for a number of yours, `LIMIT_REACHED`; VerbsError `LIMIT_REACHED`, or `INVALID_ATTRIBUTE` when
   * the options or the peer's answer ask of the queue pair what it cannot do; IoError when the host is not known, there is no route, or the
   * source port cannot be had; the signal's reason.
   */
  async connect(options: ConnectOptions): Promise<Connection> {
    checkConnect(options);
    return this.#ask(options, (question) => {
      const startingPsn = options.startingPsn ?? this.#numbers.nextPsn();
      return new Connecting(this.#router, options, { ...question, startingPsn }).result;
    });
  }

  /**
   * Listens for those who look a datagram service up on a port.
   * @throws EndpointError `PORT_IN_USE`, `INVALID_ARGUMENT`, `CLOSED`
   */
  async listenDatagram(options: ListenOptions): Promise<DatagramListener> {
    this.#checkOpen();
    return new DatagramListener(this.#router, options, this.#numbers);
  }

  /**
   * Asks a peer where datagrams for a service go (SIDR). Looking up the host's name counts towards the time-out.
   * @throws LookupRejectedError when the peer does not serve it or says no; the rest as {@link connect}.
   */
  async lookup(options: AskOptions): Promise<DatagramService> {
    checkLookup(options);
    return this.#ask(options, (question) => new Lookup(this.#router, options, question).result);
  }

  /** Opens a queue pair for datagrams. @throws EndpointError `INVALID_ARGUMENT`, `CLOSED`; VerbsError or TransportError `LIMIT_REACHED` */
  async openDatagramSocket(options: DatagramSocketOptions = {}): Promise<DatagramSocket> {
    this.#checkOpen();
    return new DatagramSocket(this.#router, { ...options, sendPsn: this.#numbers.nextPsn() });
  }

  /** Opens a CM-only interface on this adapter, with connected queue pairs: beside the endpoints, and independent of them (R20). @throws EndpointError `CLOSED` */
  openInterface(): AdapterInterface {
    this.#checkOpen();
    return this.#router.openInterface();
  }

  /**
   * Ends everything: listeners and attempts at once, connections by disconnecting, for which it waits at most `timeoutMs`
   * (default 2,000; 0 does not wait). Closing again waits for the same.
   * @throws EndpointError `INVALID_ARGUMENT`; then nothing is closed.
   */
  async close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    checkInteger('timeoutMs', timeoutMs, 0, TIMEOUT_MS_MAX);
    if (this.#closing === undefined) {
      // First of all: whoever is told of an end must find the adapter closed.
      const closing = new Deferred<void>();
      this.#closing = closing;
      this.#close(timeoutMs).then(closing.resolve, closing.reject);
    }
    await this.#closing.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#lookUps.abandon(closedError('the adapter'));
    await Promise.all(this.#router.handlers.map((handler) => handler.shutDown(timeoutMs)));
    this.#router.close();
    await this.#host.close();
  }

  /** Finds whom to ask, and asks. */
  async #ask<Answer>(options: AskOptions, ask: (question: Question) => Promise<Answer>): Promise<Answer> {
    this.#checkOpen();
    options.signal?.throwIfAborted();
    const timing = timingOf(options);
    const startedAt = this.#host.now();
    const { from, host, sourcePort, signal } = options;
    const wishes = {
      ...(from !== undefined && { port: this.#router.local.portOf('from', from) }),
      ...(sourcePort !== undefined && { sourcePort }),
    };
    const { port: adapterPort, remoteGid } = await this.#lookUps.find({ host, signal, ...wishes }, timing.deadline);
    // Either may have happened in the last moment. From here on nobody is waited for until the question can be ended like any other.
    this.#checkOpen();
    options.signal?.throwIfAborted();
    const deadline = remaining(timing.deadline, startedAt, this.#host.now());
    const localGid = this.#router.local.gidAt(adapterPort);
    const localPort = this.#numbers.nextPort();
    return ask({ adapterPort, localGid, remoteGid, localPort, startedAt, timing: { ...timing, deadline } });
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError('the adapter');
  }
}

/** What is left of a total time, in whole milliseconds: connections with equal times share one record of them. */
function remaining(total: Duration, startedAt: Instant, now: Instant): Duration {
  const spentMs = Math.floor(inMilliseconds(elapsed(startedAt, now)));
  return Math.max(milliseconds(1), total - milliseconds(spentMs)) as Duration;
}
