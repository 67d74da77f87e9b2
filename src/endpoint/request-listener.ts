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
  readonly address: string;
  readonly port: number;
  protected readonly router: EventRouter;
  protected readonly numbers: NumberSource;
  protected readonly queue = new RequestQueue<Request>();
  readonly #id: EndpointId;

  /** @internal Made by the adapter. */
  constructor(router: EventRouter, portSpace: PortSpace, options: ListenOptions, numbers: NumberSource) {
    this.router = router;
    this.numbers = numbers;
    this.address = router.address;
    this.port = options.port;
    this.#id = openListen(router, this, portSpace, options);
    router.wake();
  }

  /** Every iterator takes from the same queue; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<Request, undefined> {
    return this.queue[Symbol.asyncIterator]();
  }

  /** Stops listening. Harmless if it was closed before. */
  close(): void {
    for (const request of this.queue.close()) request.close();
    this.router.destroy(this.#id);
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
    const id = this.router.fetch(this.#id);
    if (id === undefined) return;
    const request = this.requestOf(id, mad);
    // As rdma_cm does with a header that it cannot make sense of, and with a question of another kind: destroying rejects.
    if (request === undefined) this.router.destroy(id);
    else this.queue.add(request);
  }

  /** @internal @returns undefined if the message asks for something else, or makes no sense. */
  protected abstract requestOf(id: EndpointId, mad: EndpointEvent['mad']): Request | undefined;
}
