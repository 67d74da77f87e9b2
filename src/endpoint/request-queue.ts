import { Deferred } from './deferred.js';

type Waiting<Request> = Deferred<IteratorResult<Request, undefined>>;
const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/** Requests of a listener and those who wait for them. */
export class RequestQueue<Request> implements AsyncIterable<Request> {
  /** Requests that nobody has taken and nobody took back, oldest first. */
  readonly #requests = new Set<Request>();
  /** Those who wait for a request, oldest first. */
  readonly #waiting = new Set<Waiting<Request>>();
  #closed = false;

  /** A request has come: whoever has waited longest gets it. */
  add(request: Request): void {
    const [waiting] = this.#waiting;
    if (waiting === undefined) {
      this.#requests.add(request);
      return;
    }
    this.#waiting.delete(waiting);
    waiting.resolve({ done: false, value: request });
  }

  /** Requests that their peers have taken back meanwhile are nobody's business. Harmless if somebody has taken it. */
  remove(request: Request): void {
    this.#requests.delete(request);
  }

  /** Ends all iterations. @returns the requests that nobody has taken. */
  close(): Request[] {
    this.#closed = true;
    const left = [...this.#requests];
    this.#requests.clear();
    for (const waiting of this.#waiting) waiting.resolve(DONE);
    this.#waiting.clear();
    return left;
  }

  /**
   * Every iterator takes from the same queue; leaving a loop does not close it. `return` ends what the iterator still waits
   * for, so that no request goes to somebody who has left.
   */
  [Symbol.asyncIterator](): AsyncIterator<Request, undefined> {
    const own = new Set<Waiting<Request>>();
    let left = false;
    return {
      next: () => (left ? Promise.resolve(DONE) : this.#next(own)),
      return: () => {
        left = true;
        for (const each of own) {
          this.#waiting.delete(each);
          each.resolve(DONE);
        }
        own.clear();
        return Promise.resolve(DONE);
      },
    };
  }

  async #next(own: Set<Waiting<Request>>): Promise<IteratorResult<Request, undefined>> {
    const [request] = this.#requests;
    if (request !== undefined) {
      this.#requests.delete(request);
      return { done: false, value: request };
    }
    if (this.#closed) return DONE;
    const waiting: Waiting<Request> = new Deferred();
    this.#waiting.add(waiting);
    own.add(waiting);
    const next = await waiting.promise;
    own.delete(waiting);
    return next;
  }
}
