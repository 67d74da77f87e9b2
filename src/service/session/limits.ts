import { ServiceError } from '../error.js';
import type { Limits } from '../messages.js';

/** What a client may have. What is beyond it is said beside each in the published `ibcm.proto`. */
export type ClientLimits = Limits;

export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  ceps: 4_096,
  listens: 256,
  memoryBytes: 256 * 2 ** 20,
  calls: 1_024,
  callsPerSecond: 50_000,
  waiting: 4_096,
};

/** What something costs its client. */
export interface Cost {
  readonly ceps?: number;
  readonly listens?: number;
  readonly memoryBytes?: number;
}

/** What has been taken from an account, until it is given back. */
export interface Hold {
  release(): void;
}

type Counted = Required<Cost>;
const COUNTED = ['ceps', 'listens', 'memoryBytes'] as const satisfies readonly (keyof Counted)[];

/** How much a client has of what is limited. */
export class Account {
  readonly #limits: ClientLimits;
  readonly #used: Counted = { ceps: 0, listens: 0, memoryBytes: 0 };

  constructor(limits: ClientLimits) {
    this.#limits = limits;
  }

  get used(): Readonly<Required<Cost>> {
    return { ...this.#used };
  }

  /** @throws ServiceError `LIMIT_REACHED`; then nothing was taken. */
  take(cost: Cost): Hold {
    for (const name of COUNTED) {
      const [used, more, limit] = [this.#used[name], cost[name] ?? 0, this.#limits[name]];
      if (more > 0 && used + more > limit) {
        const text = `the client has ${used} of its ${limit} ${name}, and asks for ${more}`;
        throw new ServiceError('LIMIT_REACHED', text, { limit: name, maximum: limit, used });
      }
    }
    this.#add(cost, 1);
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#add(cost, -1);
      },
    };
  }

  #add(cost: Cost, sign: 1 | -1): void {
    for (const name of COUNTED)
      (this.#used as { -readonly [Name in keyof Counted]: number })[name] += sign * (cost[name] ?? 0);
  }
}
