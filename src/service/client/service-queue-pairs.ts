import { given } from '../given.js';
import type { Caller } from './caller.js';
import type { ServiceCm } from './service-cm.js';
import type { ServiceCmEvent } from './service-cm-event.js';
import type { ServiceCmId } from './service-cm-id.js';
import { ServiceQueuePair, type ServiceQueuePairOptions } from './service-queue-pair.js';
import { ServiceQueuePairRequest } from './service-queue-pair-request.js';

/** Connected queue pairs at the service: see `ConnectedQueuePairs`. They are on the adapter's table, and move no data by themselves. */
export class ServiceQueuePairs {
  readonly #caller: Caller;
  readonly #cm: ServiceCm;

  /** @internal */
  constructor(caller: Caller, cm: ServiceCm) {
    this.#caller = caller;
    this.#cm = cm;
  }

  /** See `ConnectedQueuePairs.create`. */
  create<Context>(options: ServiceQueuePairOptions<Context>): Promise<ServiceQueuePair<Context>> {
    return this.#create(options, undefined);
  }

  /** See `ConnectedQueuePairs.createForeign`. */
  createForeign<Context>(qpn: number, options: ServiceQueuePairOptions<Context>): Promise<ServiceQueuePair<Context>> {
    return this.#create(options, qpn);
  }

  /** See `ConnectedQueuePairs.getRequest`. @param listener of the same client's CM-only interface. */
  async getRequest(
    listener: ServiceCmId,
    onWithdrawn?: (event: ServiceCmEvent) => void,
  ): Promise<ServiceQueuePairRequest | undefined> {
    return this.#caller.call(
      'qpGetRequest',
      { handle: this.#cm.handleOf(listener) },
      { adopt: ({ request }) => request && new ServiceQueuePairRequest(this.#caller, request, onWithdrawn) },
    );
  }

  #create<Context>(
    options: ServiceQueuePairOptions<Context>,
    qpn: number | undefined,
  ): Promise<ServiceQueuePair<Context>> {
    const { transport, automatic, accessFlags, minRnrTimer } = options;
    return this.#caller.call('qpCreate', given({ transport, automatic, accessFlags, minRnrTimer, qpn }), {
      adopt: (made) => new ServiceQueuePair(this.#caller, made, options),
    });
  }
}
