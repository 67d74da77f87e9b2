import type { ListenOptions } from './listen.js';
import { openListen } from './listen.js';
import { LookupRequest } from './lookup-request.js';
import type { NumberSource } from './numbers.js';
import { RequestQueue } from './request-queue.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

/**
 * Listens for those who look a datagram service up; iterate over it to get their requests. Closing it ends the iteration; requests that were
 * not taken are rejected, those that were taken are not touched.
 */
export class DatagramListener implements EventHandler, AsyncIterable<LookupRequest> {
  readonly address: string;
  readonly port: number;
  readonly #router: EventRouter;
  readonly #numbers: NumberSource;
  readonly #id: EndpointId;
  readonly #queue = new RequestQueue<LookupRequest>();

  /** @internal Made by `Adapter.listenDatagram`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    this.#router = router;
    this.#numbers = numbers;
    this.address = router.address;
    this.port = options.port;
    this.#id = openListen(router, this, 'udp', options);
    router.wake();
  }

  /** Every iterator takes from the same queue; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<LookupRequest, undefined> {
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
    const request =
      mad?.message === 'SIDR_REQ'
        ? LookupRequest.of(this.#router, id, mad.fields, this.port, this.#numbers)
        : undefined;
    // As rdma_cm does with a header that it cannot make sense of, and with who wants to connect here: destroying rejects.
    if (request === undefined) this.#router.destroy(id);
    else this.#queue.add(request);
  }
}
