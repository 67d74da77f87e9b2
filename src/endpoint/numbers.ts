import { PSN_MAX, QPN_MAX, type Random, randomBits, uniform } from '../base/index.js';

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

  nextPsn(): number {
    return this.#random.uint32() & PSN_MAX;
  }

  nextPort(): number {
    return EPHEMERAL_FIRST + uniform(this.#random, EPHEMERAL_COUNT);
  }

  /** For a service whose queue pair is not said. They go round, so that one rests long before it is told again. */
  nextQpn(): number {
    this.#lastQpn = this.#lastQpn >= QPN_MAX || this.#lastQpn < QPN_FIRST ? QPN_FIRST : this.#lastQpn + 1;
    return this.#lastQpn;
  }
}
