import { PSN_MAX, QPN_MAX, type Random, randomBits } from '../base/index.js';
import { Connecting, type ConnectOptions } from './connecting.js';
import { type Connection, closedError } from './connection.js';
import type { EndpointHost } from './host.js';
import { Listener, type ListenOptions } from './listener.js';
import { checkInteger } from './options.js';
import { type EndpointEvent, EventRouter } from './router.js';

export interface AdapterOptions {
  readonly random: Random;
  /** Sees every event of every connection and listener, before it is acted on. For logs and ladders; it must not throw. */
  readonly onEvent?: (event: EndpointEvent) => void;
}

/** Queue pair numbers below are reserved or known too well. */
const QPN_FIRST = 0x100;
const EPHEMERAL_FIRST = 49_152;
const EPHEMERAL_COUNT = 16_384;
/** How long {@link Adapter.close} waits for peers to acknowledge, by default. */
const CLOSE_TIMEOUT_MS = 2_000;

/** An address from which connections are made and on which they are accepted. */
export class Adapter {
  readonly #host: EndpointHost;
  readonly #router: EventRouter;
  readonly #random: Random;
  #lastQpn: number;
  #closing: Promise<void> | undefined;

  /** Use `openAdapter`; this is for those who bring a driver of their own. */
  constructor(host: EndpointHost, { random, onEvent }: AdapterOptions) {
    this.#host = host;
    this.#router = new EventRouter(host, onEvent);
    this.#random = random;
    this.#lastQpn = randomBits(random, 24);
  }

  /** The adapter's address. */
  get address(): string {
    return this.#router.address;
  }

  /** Listens on a port. @throws EndpointError `PORT_IN_USE`, `INVALID_ARGUMENT`, `CLOSED` */
  async listen(options: ListenOptions): Promise<Listener> {
    this.#checkOpen();
    return new Listener(this.#router, options, this.#numbers);
  }

  /**
   * Connects to a listener.
   * @throws RejectedError when the peer says no; EndpointError `TIMEOUT` when it says nothing, `PRIVATE_DATA_TOO_LONG`,
   * `INVALID_ARGUMENT`, `CLOSED`; CepError `QPN_IN_USE`; IoError when the host is not known or there is no route; the signal's reason.
   */
  async connect(options: ConnectOptions): Promise<Connection> {
    this.#checkOpen();
    options.signal?.throwIfAborted();
    checkInteger('port', options.port, 1, 65_535);
    const remoteGid = await this.#host.resolve(options.host);
    // Either may have happened while the name was looked up.
    this.#checkOpen();
    options.signal?.throwIfAborted();
    return new Connecting(this.#router, options, {
      localGid: this.#host.adapter.gid(1),
      remoteGid,
      localPort: EPHEMERAL_FIRST + (this.#random.uint32() % EPHEMERAL_COUNT),
      qpn: options.qpn ?? this.#numbers.nextQpn(),
      startingPsn: options.startingPsn ?? this.#numbers.nextPsn(),
    }).result;
  }

  /**
   * Ends everything: listeners and attempts at once, connections by disconnecting, for which it waits at most `timeoutMs`
   * (default 2,000). Closing again waits for the same.
   */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    await Promise.all(this.#router.handlers.map((handler) => handler.shutDown(timeoutMs)));
    this.#router.close();
    await this.#host.close();
  }

  #checkOpen(): void {
    if (this.#closing) throw closedError('the adapter');
  }

  /** Queue pair numbers go round, so that one rests long before it is used again; PSNs are random. */
  readonly #numbers = {
    nextQpn: (): number => {
      this.#lastQpn = this.#lastQpn >= QPN_MAX || this.#lastQpn < QPN_FIRST ? QPN_FIRST : this.#lastQpn + 1;
      return this.#lastQpn;
    },
    nextPsn: (): number => this.#random.uint32() & PSN_MAX,
  };
}
