import { type Duration, elapsed, inMilliseconds } from '../base/index.js';
import { Deferred } from './deferred.js';
import { durationText, EndpointError } from './error.js';
import type { EndpointHost, Route, RouteWishes } from './host.js';

export interface LookUpOptions extends RouteWishes {
  readonly host: string;
  readonly signal?: AbortSignal | undefined;
}

/** Look-ups of names in progress. A name service may take minutes: nobody has to wait for it longer than he wants. */
export class LookUps {
  readonly #host: EndpointHost;
  readonly #going = new Set<Deferred<Route>>();

  constructor(host: EndpointHost) {
    this.#host = host;
  }

  /** @throws EndpointError `TIMEOUT` after `limit`; what {@link abandon} is given; the signal's reason; the host's own error. */
  async find({ host, signal, ...wishes }: LookUpOptions, limit: Duration): Promise<Route> {
    const found = new Deferred<Route>();
    const onAbort = (): void => found.reject(signal?.reason as Error);
    const started = this.#host.now();
    const cancel = this.#host.schedule(limit, () => {
      const took = durationText(elapsed(started, this.#host.now()));
      const details = { peer: host, transmissions: 0, timeoutMs: inMilliseconds(limit) };
      found.reject(
        new EndpointError('TIMEOUT', `no address for "${host}" in ${took}: is the name service up?`, details),
      );
    });
    this.#going.add(found);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#host.resolve(host, wishes).then(found.resolve, found.reject);
      return await found.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#going.delete(found);
      cancel();
    }
  }

  /** Ends all of them. */
  abandon(because: Error): void {
    for (const found of this.#going) found.reject(because);
  }
}
