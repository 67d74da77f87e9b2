import type { Instant } from '../base/index.js';
import type { CmInterface } from '../cm/index.js';
import type { ConnectedQueuePairs } from '../qp/index.js';

/** What an interface has of its adapter. @internal */
export interface InterfaceHost {
  readonly now: Instant;
  wake(): void;
  closeInterface(cm: CmInterface): void;
}

/**
 * A CM-only interface on an adapter, and connected queue pairs over it: beside the adapter's endpoints, and any number of others (R20). The adapter tells its
 * callbacks what happens. Calls return at once; what they cause is sent when {@link wake} is called.
 */
export class AdapterInterface {
  readonly cm: CmInterface;
  /** On the adapter's table of queue pairs. They move no data. */
  readonly queuePairs: ConnectedQueuePairs;
  readonly #host: InterfaceHost;

  /** @internal Made by `Adapter.openInterface`. */
  constructor(host: InterfaceHost, cm: CmInterface, queuePairs: ConnectedQueuePairs) {
    this.#host = host;
    this.cm = cm;
    this.queuePairs = queuePairs;
  }

  /** The adapter's clock, for the calls that want a moment. */
  get now(): Instant {
    return this.#host.now;
  }

  /** Lets the adapter send what calls have caused, and tell what they have led to. */
  wake(): void {
    this.#host.wake();
  }

  /** Destroys every ID. Queue pairs that were made here are to be destroyed before. Harmless the second time. */
  close(): void {
    if (this.cm.closed) return;
    this.cm.close(this.now);
    this.#host.closeInterface(this.cm);
    this.wake();
  }
}
