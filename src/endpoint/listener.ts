import type { Cid } from '../base/index.js';
import { CepError } from '../cep/index.js';
import { REJECT_REASONS, serviceIdOfPort } from '../wire/index.js';
import { Deferred } from './deferred.js';
import { EndpointError } from './error.js';
import { checkInteger } from './options.js';
import { ConnectionRequest, type NumberSource, readAddresses } from './request.js';
import type { EndpointEvent, EventHandler, EventRouter } from './router.js';

export interface ListenOptions {
  /** Port in the TCP port space of rdma_cm, 1 to 65,535. */
  readonly port: number;
  /** Requests that may wait to be answered, 1 to 65,535; those beyond are refused with "no resources". Default 1024. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 1024;
const BACKLOG_MAX = 65_535;

/**
 * Listens for requests; iterate over it to get them. Closing it ends the iteration; requests that were not taken are
 * rejected, those that were taken are not touched.
 */
export class Listener implements EventHandler, AsyncIterable<ConnectionRequest> {
  readonly address: string;
  readonly port: number;
  readonly #router: EventRouter;
  readonly #numbers: NumberSource;
  readonly #cid: Cid;
  /** Requests that nobody has taken, oldest first. */
  #requests: ConnectionRequest[] = [];
  /** Those who wait for a request, oldest first. */
  readonly #waiting: Deferred<IteratorResult<ConnectionRequest, undefined>>[] = [];
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
    this.#cid = router.command((owner, now) => {
      const cid = owner.create();
      try {
        owner.listen(cid, { serviceId: serviceIdOfPort('tcp', port), backlog }, now);
      } catch (error) {
        owner.destroy(cid, now);
        if (!(error instanceof CepError && error.code === 'LISTEN_CONFLICT')) throw error;
        throw new EndpointError(
          'PORT_IN_USE',
          `something listens on port ${port} of ${this.address} already`,
          { port },
          { cause: error },
        );
      }
      return cid;
    });
    router.attach(this.#cid, this);
  }

  /** Every iterator takes from the same queue; leaving a loop does not close the listener. */
  [Symbol.asyncIterator](): AsyncIterator<ConnectionRequest, undefined> {
    return { next: () => this.#next() };
  }

  /** Stops listening. Harmless if it was closed before. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of this.#requests.splice(0)) request.close();
    this.#router.destroy(this.#cid);
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** @internal */
  async shutDown(): Promise<void> {
    this.close();
  }

  /** @internal */
  handleEvent(event: EndpointEvent): void {
    if (event.type !== 'req_received' || event.mad?.message !== 'REQ') return;
    const req = event.mad.fields;
    const header = readAddresses(req);
    if (header === undefined) {
      // As rdma_cm does with a header that it cannot make sense of.
      this.#router.command((owner, now) => {
        owner.sendRej(event.cid, { reason: REJECT_REASONS.consumerReject }, now);
        owner.destroy(event.cid, now);
      });
      return;
    }
    const request = new ConnectionRequest(this.#router, event.cid, req, header, this.port, this.#numbers);
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value: request });
    else this.#requests.push(request);
  }

  #next(): Promise<IteratorResult<ConnectionRequest, undefined>> {
    // Requests that their peers have taken back meanwhile are nobody's business.
    this.#requests = this.#requests.filter((request) => request.isPending);
    const request = this.#requests.shift();
    if (request) return Promise.resolve({ done: false, value: request });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const waiting = new Deferred<IteratorResult<ConnectionRequest, undefined>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }
}
