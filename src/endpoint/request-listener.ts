import type { Cid } from '../base/index.js';
import type { PortSpace } from '../wire/index.js';
import { type ListenOptions, openListen } from './listen.js';
import type { NumberSource } from './numbers.js';
import { RequestQueue } from './request-queue.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/**
 * What listens for requests of a kind; iterate over it to get them. Closing it ends the iteration; requests that were not taken are
 * rejected, those that were taken are not touched.
 */
export abstract class RequestListener<Request extends { close(): void }>
  implements EventHandler, AsyncIterable<Request>
{
  /** Where it listens: one address of the adapter, or all. */
  readonly addresses: readonly string[];
  readonly port: number;
  protected readonly router: EventRouter;
  protected readonly numbers: NumberSource;
  protected readonly queue = new RequestQueue<Request>();
  /** @internal */
  protected readonly id: EndpointId;

  /** @internal Made by the adapter. */
  constructor(router: EventRouter, portSpace: PortSpace, options: ListenOptions, numbers: NumberSource) {
    this.router = router;
    this.numbers = numbers;
    const { address, port } = options;
    this.addresses =
      address === undefined ? router.local.all : [router.local.at(router.local.portOf('address', address))];
    this.port = port;
    this.id = openListen(router, this, portSpace, options);
    router.wake();
  }

  /** The CM's handle of the listener, as in events. */
  get cid(): Cid {
    return this.id.cid;
  }

  /** The first of {@link addresses}. */
  get address(): string {
    return this.addresses[0] as string;
  }

  /** Every iterator takes from the same queue; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<Request, undefined> {
    return this.queue[Symbol.asyncIterator]();
  }

  /** Stops listening. Harmless if it was closed before. */
  close(): void {
    for (const request of this.queue.close()) request.close();
    this.router.destroy(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** @internal */
  async shutDown(): Promise<void> {
    this.close();
  }

  /** @internal */
  handleEvent({ mad }: EndpointEvent): void {
    const request = this.fetch(mad);
    if (request !== undefined) this.queue.add(request);
  }

  /**
   * Fetches a request. One that asks for something else, or makes no sense, is destroyed, and so rejected, as rdma_cm does with a header that it
   * cannot make sense of. @internal @returns undefined then, or if none waits.
   */
  protected abstract fetch(mad: EndpointEvent['mad']): Request | undefined;
}
