import { type ListenOptions, openListen } from './listen.js';
import type { NumberSource } from './numbers.js';
import { ConnectionRequest, readAddresses } from './request.js';
import { RequestQueue } from './request-queue.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/**
 * Listens for requests; iterate over it to get them. Closing it ends the iteration; requests that were not taken are
 * rejected, those that were taken are not touched.
 */
export class Listener implements EventHandler, AsyncIterable<ConnectionRequest> {
  readonly address: string;
  readonly port: number;
  readonly #router: EventRouter;
  readonly #numbers: NumberSource;
  readonly #id: EndpointId;
  readonly #queue = new RequestQueue<ConnectionRequest>();

  /** @internal Made by `Adapter.listen`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    this.#router = router;
    this.#numbers = numbers;
    this.address = router.address;
    this.port = options.port;
    this.#id = openListen(router, this, 'tcp', options);
    router.wake();
  }

  /** Every iterator takes from the same queue; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionRequest, undefined> {
    return this.#queue[Symbol.asyncIterator]();
  }

  /** Stops listening. Harmless if it was closed before. */
  close(): void {
    for (const request of this.#queue.close()) request.close();
    this.#router.destroy(this.#id);
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
    const id = this.#router.fetch(this.#id);
    if (id === undefined) return;
    const req = mad?.message === 'REQ' ? mad.fields : undefined;
    const header = req && readAddresses(req);
    if (req === undefined || header === undefined) {
      // As rdma_cm does with a header that it cannot make sense of: destroying rejects as the consumer.
      this.#router.destroy(id);
      return;
    }
    const request = new ConnectionRequest(this.#router, id, {
      req,
      header,
      port: this.port,
      numbers: this.#numbers,
      onOver: () => this.#queue.remove(request),
    });
    this.#queue.add(request);
  }
}
