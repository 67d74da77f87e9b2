import type {
  AskOptions,
  ConnectOptions,
  DatagramService,
  DatagramSocketOptions,
  ListenOptions,
} from '../../endpoint/index.js';
import type { ServiceError } from '../error.js';
import { given } from '../given.js';
import type { Limits, Welcome } from '../messages.js';
import { Caller, type OpenLink } from './caller.js';
import { ServiceCm } from './service-cm.js';
import { ServiceConnection } from './service-connection.js';
import { ServiceDatagramSocket } from './service-datagram-socket.js';
import { ServiceDatagramListener, ServiceListener } from './service-listener.js';
import { ServiceQueuePairs } from './service-queue-pairs.js';

export interface ClientOptions {
  /** What the client calls itself, for whoever looks at the service; at most 64 characters. Default: its process's title. */
  readonly name?: string;
}

/**
 * An adapter that is elsewhere: in another process, in a thread, or here. It has the interfaces of `Adapter`; what there is a property that changes, here
 * is a call. All that it makes ends with it.
 *
 * All calls throw, besides what their counterparts in process do, ServiceError `DISCONNECTED` (or why else there is no service any more), `LIMIT_REACHED`,
 * and `UNAVAILABLE` when the service is going down.
 */
export class ServiceClient {
  /** The client's number at the service. */
  readonly id: number;
  /** The adapter's addresses. */
  readonly addresses: readonly string[];
  /** What the client may have. */
  readonly limits: Limits;
  /** The CM-only interface of the adapter, for this client. */
  readonly cm: ServiceCm;
  /** Connected queue pairs of the adapter, for this client. */
  readonly queuePairs: ServiceQueuePairs;
  readonly #caller: Caller;
  readonly #onClose: () => Promise<void>;

  private constructor(caller: Caller, { client, addresses, limits }: Welcome, onClose: () => Promise<void>) {
    this.#caller = caller;
    this.#onClose = onClose;
    this.id = client;
    this.addresses = addresses;
    this.limits = limits;
    this.cm = new ServiceCm(caller);
    this.queuePairs = new ServiceQueuePairs(caller, this.cm);
  }

  /** @internal For carriers. @param onClose ends what was made for this client. */
  static async open(
    link: OpenLink,
    { name = process.title }: ClientOptions = {},
    onClose: () => Promise<void> = async () => undefined,
  ): Promise<ServiceClient> {
    const caller = new Caller(link);
    const welcome = await caller.call('hello', { name, pid: process.pid });
    return new ServiceClient(caller, welcome, onClose);
  }

  /** The adapter's address; of several the first. */
  get address(): string {
    return this.addresses[0] as string;
  }

  /** Resolves when there is no service any more, with the reason: `DISCONNECTED`, `OVERFLOW`, `UNAVAILABLE`. */
  get closed(): Promise<ServiceError> {
    return this.#caller.ended;
  }

  /** See `Adapter.connect`. */
  connect({ signal, onAttempt: _, ...options }: ConnectOptions): Promise<ServiceConnection> {
    const adopt = ServiceConnection.adopting(this.#caller);
    return this.#caller.call('connect', given(options), { signal, adopt });
  }

  /** See `Adapter.listen`. */
  listen(options: ListenOptions): Promise<ServiceListener> {
    return this.#caller.call('listen', given(options), {
      adopt: (listener) => new ServiceListener(this.#caller, listener, options.port),
    });
  }

  /** See `Adapter.lookup`. */
  lookup({ signal, onAttempt: _, ...options }: AskOptions): Promise<DatagramService> {
    return this.#caller.call('lookup', given(options), { signal });
  }

  /** See `Adapter.listenDatagram`. */
  listenDatagram(options: ListenOptions): Promise<ServiceDatagramListener> {
    return this.#caller.call('listenDatagram', given(options), {
      adopt: (listener) => new ServiceDatagramListener(this.#caller, listener, options.port),
    });
  }

  /** See `Adapter.openDatagramSocket`. */
  openDatagramSocket(options: DatagramSocketOptions = {}): Promise<ServiceDatagramSocket> {
    const { keepAliveMs: _, ...rest } = options;
    return this.#caller.call('openSocket', given(rest), {
      adopt: (socket) => new ServiceDatagramSocket(this.#caller, socket),
    });
  }

  /** Goes: all that the client owns ends at once, without waiting for peers. Harmless the second time. */
  async close(): Promise<void> {
    this.#caller.close();
    await this.#onClose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
