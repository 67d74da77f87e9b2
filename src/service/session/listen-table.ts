import type { Hold } from './limits.js';

interface Listen {
  readonly client: object;
  readonly port: number;
}

/**
 * Which clients listen for which service IDs. For the manager, who names a port or compares private data goes before who listens for all of a service ID:
 * that is for a client to arrange among its own listens, and not to take others' requests away.
 */
export class ListenTable {
  readonly #byServiceId = new Map<bigint, Set<Listen>>();

  /** @param port of the adapter, from 1; 0 for all. @returns undefined when it would go before what another client listens for. */
  add(client: object, serviceId: bigint, port: number): Hold | undefined {
    const listens = this.#byServiceId.get(serviceId) ?? new Set<Listen>();
    for (const other of listens) {
      if (other.client !== client && (other.port === 0 || other.port === port)) return undefined;
    }
    const listen: Listen = { client, port };
    listens.add(listen);
    this.#byServiceId.set(serviceId, listens);
    return {
      release: () => {
        if (listens.delete(listen) && listens.size === 0) this.#byServiceId.delete(serviceId);
      },
    };
  }
}

/** What an ID that may listen holds while it does. */
export class Listening implements Hold {
  #hold: Hold | undefined;

  begin(hold: Hold): void {
    this.release();
    this.#hold = hold;
  }

  release(): void {
    this.#hold?.release();
    this.#hold = undefined;
  }
}
