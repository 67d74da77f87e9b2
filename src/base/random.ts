import { assert } from './error.js';

/** A source of randomness. It is always injected: seeded in simulations, cryptographic in production. */
export interface Random {
  /** The next 32 bits, as an integer from 0 to 2³² − 1. */
  uint32(): number;
}

/** xoshiro128** (Blackman and Vigna): fast, repeatable from a seed, not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param seed any safe integer; equal seeds give equal sequences. */
  constructor(seed: number) {
    // SplitMix-style expansion, so that neighbouring seeds give unrelated sequences.
    let state = Math.trunc(seed / 2 ** 32) ^ 0x9e37_79b9;
    const next = (low: number): number => {
      state = (state + 0x9e37_79b9 + low) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0_aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a_2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = next(seed | 0);
    this.#b = next(0);
    this.#c = next(0);
    this.#d = next(0) | 1;
  }

  uint32(): number {
    const scaled = Math.imul(this.#b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }
}

/** A uniform integer from 0 to `bound` − 1, without bias. @param bound from 1 to 2³². */
export function uniform(random: Random, bound: number): number {
  // Outside this range the search below would not end, or not be uniform.
  assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'a bound is an integer from 1 to 2³²');
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const value = random.uint32();
    if (value < limit) return value % bound;
  }
}

/** A random integer with `bits` bits (1 to 32). */
export function randomBits(random: Random, bits: number): number {
  return random.uint32() >>> (32 - bits);
}
