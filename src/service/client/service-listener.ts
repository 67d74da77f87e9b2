import type * as wire from '../messages.js';
import type { Caller } from './caller.js';
import { ServiceLookupRequest } from './service-lookup-request.js';
import { ServiceRequest } from './service-request.js';

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/** What listens at the service for requests of a kind; iterate over it to get them. See `Listener` and `DatagramListener`. */
abstract class RequestSource<Request> implements AsyncIterable<Request> {
  /** Where it listens: one address of the adapter, or all. */
  readonly addresses: readonly string[];
  readonly port: number;
  protected readonly caller: Caller;
  protected readonly handle: number;
  #closed = false;

  /** @internal */
  constructor(caller: Caller, { handle, addresses }: wire.Listener, port: number) {
    this.caller = caller;
    this.handle = handle;
    this.addresses = addresses;
    this.port = port;
  }

  /** The first of {@link addresses}. */
  get address(): string {
    return this.addresses[0] as string;
  }

  /** Every iterator takes from the same queue, which is at the service; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<Request, undefined> {
    const left = new AbortController();
    const isOver = (): boolean => this.#closed || left.signal.aborted;
    return {
      next: async () => {
        if (isOver()) return DONE;
        try {
          const value = await this.next(left.signal);
          return value === undefined ? DONE : { done: false, value };
        } catch (error) {
          if (isOver()) return DONE;
          throw error;
        }
      },
      return: async () => {
        left.abort();
        return DONE;
      },
    };
  }

  /** Stops listening. Does not wait for the service; harmless if it was closed before. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.caller.end === undefined) this.caller.call('close', { handle: this.handle }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Waits for a request. @returns undefined when the listener is closed. */
  protected abstract next(signal: AbortSignal): Promise<Request | undefined>;
}

/** Listens for those who want to connect. */
export class ServiceListener extends RequestSource<ServiceRequest> {
  /** @internal */
  protected override next(signal: AbortSignal): Promise<ServiceRequest | undefined> {
    const adopt = ({ request }: wire.NextRequest): ServiceRequest | undefined =>
      request && new ServiceRequest(this.caller, request);
    return this.caller.call('nextRequest', { handle: this.handle }, { signal, adopt });
  }
}

/** Listens for those who look a datagram service up. */
export class ServiceDatagramListener extends RequestSource<ServiceLookupRequest> {
  /** @internal */
  protected override next(signal: AbortSignal): Promise<ServiceLookupRequest | undefined> {
    const adopt = ({ request }: wire.NextLookup): ServiceLookupRequest | undefined =>
      request && new ServiceLookupRequest(this.caller, request);
    return this.caller.call('nextLookup', { handle: this.handle }, { signal, adopt });
  }
}
