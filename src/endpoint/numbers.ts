import { PSN_MAX, QPN_MAX, type Random, randomBits, uniform } from '../base/index.js';
import { CepError } from '../cep/index.js';

/** Queue pair numbers below are reserved or known too well. */
const QPN_FIRST = 0x100;
const EPHEMERAL_FIRST = 49_152;
const EPHEMERAL_COUNT = 16_384;

/** Draws the numbers that the user did not choose. */
export class NumberSource {
  readonly #random: Random;
  #lastQpn: number;

  constructor(random: Random) {
    this.#random = random;
    this.#lastQpn = randomBits(random, 24);
  }

  /**
   * Makes a call with the queue pair number that the user chose, or else with the next one that is free. They go round, so that
   * one rests long before it is used again.
   */
  withQpn<T>(chosen: number | undefined, call: (qpn: number) => T): T {
    if (chosen !== undefined) return call(chosen);
    // Ends: there are more numbers than CEPs.
    for (;;) {
      try {
        return call(this.#nextQpn());
      } catch (error) {
        if (!(error instanceof CepError && error.code === 'QPN_IN_USE')) throw error;
      }
    }
  }

  nextPsn(): number {
    return this.#random.uint32() & PSN_MAX;
  }

  nextPort(): number {
    return EPHEMERAL_FIRST + uniform(this.#random, EPHEMERAL_COUNT);
  }

  #nextQpn(): number {
    this.#lastQpn = this.#lastQpn >= QPN_MAX || this.#lastQpn < QPN_FIRST ? QPN_FIRST : this.#lastQpn + 1;
    return this.#lastQpn;
  }
}
