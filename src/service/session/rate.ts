import type { Instant } from '../../base/index.js';

const MICROSECONDS = 1_000_000;

/** So many a second, and as many at once after a pause. */
export class Rate {
  readonly #perSecond: number;
  #left: number;
  #at: Instant;

  constructor(perSecond: number, now: Instant) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#at = now;
  }

  /** Takes one. @returns how many milliseconds to wait before the next is taken: 0 if it may come at once. */
  take(now: Instant): number {
    const earned = ((now - this.#at) / MICROSECONDS) * this.#perSecond;
    this.#left = Math.min(this.#perSecond, this.#left + earned) - 1;
    this.#at = now;
    return this.#left > 0 ? 0 : Math.ceil(((1 - this.#left) * 1_000) / this.#perSecond);
  }
}
