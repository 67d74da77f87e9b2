import { CepError } from '../cep/index.js';
import { serviceIdOfPort } from '../wire/index.js';
import { Deferred } from './deferred.js';
import { EndpointError } from './error.js';
import type { NumberSource } from './numbers.js';
import { checkInteger } from './options.js';
import { ConnectionRequest, readAddresses } from './request.js';
import type { EndpointEvent, EndpointId, EventHandler, EventRouter } from './router.js';

export interface ListenOptions {
  /** Port in the TCP port space of rdma_cm, 1 to 65,535. */
  readonly port: number;
  /** Requests that may wait to be answered, 1 to 65,535; those beyond are refused with "no resources". Default 1024. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 1024;
const BACKLOG_MAX = 65_535;

type Next = IteratorResult<ConnectionRequest, undefined>;
type Waiting = Deferred<Next>;
const DONE: Next = { done: true, value: undefined };

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
  /** Requests that nobody has taken and nobody took back, oldest first. */
  readonly #requests = new Set<ConnectionRequest>();
  /** Those who wait for a request, oldest first. */
  readonly #waiting = new Set<Waiting>();
  #closed = false;

  /** @internal Made by `Adapter.listen`. */
  constructor(router: EventRouter, options: ListenOptions, numbers: NumberSource) {
    const { port, backlog = DEFAULT_BACKLOG } = options;
    checkInteger('port', port, 1, 65_535);
    checkInteger('backlog', backlog, 1, BACKLOG_MAX);
    this.#router = router;
    this.#numbers = numbers;
    this.address = router.address;
    this.port = port;
    this.#id = router.open(this, (cm, id, now) => {
      try {
        cm.listen(id, { serviceId: serviceIdOfPort('tcp', port), backlog }, now);
      } catch (error) {
        if (!(error instanceof CepError && error.code === 'LISTEN_CONFLICT')) throw error;
        throw new EndpointError(
          'PORT_IN_USE',
          `something listens on port ${port} of ${this.address} already`,
          { port },
          { cause: error },
        );
      }
    });
    router.wake();
  }

  /**
   * Every iterator takes from the same queue; leaving a loop does not close the listener. `return` ends what the iterator still waits
   * for, so that no request goes to somebody who has left.
   */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionRequest, undefined> {
    const waiting = new Set<Waiting>();
    let left = false;
    return {
      next: () => (left ? Promise.resolve(DONE) : this.#next(waiting)),
      return: () => {
        left = true;
        for (const each of waiting) {
          this.#waiting.delete(each);
          each.resolve(DONE);
        }
        waiting.clear();
        return Promise.resolve(DONE);
      },
    };
  }

  /** Stops listening. Harmless if it was closed before. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of this.#requests) request.close();
    this.#requests.clear();
    this.#router.destroy(this.#id);
    for (const waiting of this.#waiting) waiting.resolve(DONE);
    this.#waiting.clear();
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
      // Requests that their peers have taken back meanwhile are nobody's business.
      onOver: () => this.#requests.delete(request),
    });
    const [waiting] = this.#waiting;
    if (waiting === undefined) {
      this.#requests.add(request);
      return;
    }
    this.#waiting.delete(waiting);
    waiting.resolve({ done: false, value: request });
  }

  async #next(own: Set<Waiting>): Promise<Next> {
    const [request] = this.#requests;
    if (request !== undefined) {
      this.#requests.delete(request);
      return { done: false, value: request };
    }
    if (this.#closed) return DONE;
    const waiting: Waiting = new Deferred();
    this.#waiting.add(waiting);
    own.add(waiting);
    const next = await waiting.promise;
    own.delete(waiting);
    return next;
  }
}
