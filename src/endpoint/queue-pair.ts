import type { Qpn } from '../base/index.js';
import type { QpState, QueuePairValues } from '../verbs/index.js';
import type { EndpointQueuePair } from './router.js';

/**
 * The queue pair of a connection. The connection leads it: to RTS while it is established, to ERR when either side disconnects. When timewait is
 * over it is destroyed, and remains in ERR.
 */
export class ConnectionQueuePair {
  readonly #queuePair: EndpointQueuePair;

  /** @internal Made by the connection. */
  constructor(queuePair: EndpointQueuePair) {
    this.#queuePair = queuePair;
  }

  /** Its number. */
  get qpn(): Qpn {
    return this.#queuePair.qpn;
  }

  get state(): QpState {
    return this.#queuePair.state;
  }

  /** Its state and attributes, as a copy. */
  query(): QueuePairValues {
    return this.#queuePair.query();
  }
}
