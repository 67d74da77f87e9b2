import { randomFillSync } from 'node:crypto';
import type { Random } from '../base/index.js';

const BATCH = 64;

/** Random numbers that nobody can predict, drawn from the system a few at a time. */
export class SecureRandom implements Random {
  readonly #batch = new Uint32Array(BATCH);
  #used = BATCH;

  uint32(): number {
    if (this.#used === BATCH) {
      randomFillSync(this.#batch);
      this.#used = 0;
    }
    const value = this.#batch[this.#used] as number;
    this.#used += 1;
    return value;
  }
}
