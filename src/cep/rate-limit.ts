import { type Instant, type Random, randomBits } from '../base/index.js';
import { mix } from './slot-index.js';

const MICROSECONDS = 1_000_000;

/**
 * How often something may happen: a bucket fills at a rate up to a second's worth, and each event takes one. Buckets are few and
 * fixed; sources are spread over them by a keyed hash, so that a flood costs no memory and shares its limit with few others.
 */
export class RateLimit {
  readonly #rate: number;
  readonly #tokens: Float64Array;
  readonly #filled: Float64Array;
  readonly #seed: number;

  /** @param rate events a second, and at once after a pause; Infinity for no limit. @param buckets a power of two. */
  constructor(rate: number, buckets: number, random: Random) {
    this.#rate = rate;
    this.#tokens = new Float64Array(buckets).fill(rate);
    this.#filled = new Float64Array(buckets);
    this.#seed = randomBits(random, 32);
  }

  /** Takes one from the bucket of a source. @returns false if it is empty. */
  take(source: Uint8Array, now: Instant): boolean {
    if (this.#rate === Number.POSITIVE_INFINITY) return true;
    const bucket = this.#bucketOf(source);
    const last = this.#filled[bucket] as number;
    const gained = ((now - last) / MICROSECONDS) * this.#rate;
    const tokens = Math.min(this.#rate, (this.#tokens[bucket] as number) + Math.max(0, gained));
    this.#filled[bucket] = Math.max(now, last);
    this.#tokens[bucket] = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1;
  }

  #bucketOf(source: Uint8Array): number {
    let hash = this.#seed;
    for (let i = 0; i < source.length; i += 1) hash = mix(hash, source[i] as number);
    return hash & (this.#tokens.length - 1);
  }
}
