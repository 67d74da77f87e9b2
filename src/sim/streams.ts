import { type Random, SeededRandom } from '../base/index.js';

/**
 * What is random in a simulation. Each concern (and each attempt, link or adapter within it) draws from a stream of its
 * own, so that leaving one fault out while shrinking does not change what all the others are.
 */
const CONCERNS = {
  settings: 1,
  scripts: 2,
  latency: 3,
  transmissionFaults: 4,
  timedFaults: 5,
  adapters: 6,
  misuse: 7,
  forgeries: 8,
  data: 9,
} as const;
export type Concern = keyof typeof CONCERNS;

/** The stream of one concern. @param seed a safe integer. */
export function streamOf(seed: number, concern: Concern, index = 0, part = 0): SeededRandom {
  const words = [seed | 0, Math.trunc(seed / 2 ** 32), CONCERNS[concern], index, part];
  let low = 0x9747_b28c;
  let high = 0x1b87_3593;
  for (const word of words) {
    low = mix(low ^ word);
    high = mix(high + low);
  }
  return new SeededRandom((high >>> 12) * 2 ** 32 + (low >>> 0));
}

function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

/** True with a probability from 0 to 1. Draws exactly once. */
export function chance(random: Random, probability: number): boolean {
  return random.uint32() < probability * 2 ** 32;
}

/** A number from `minimum` to `maximum`. Draws exactly once. */
export function between(random: Random, minimum: number, maximum: number): number {
  return minimum + (random.uint32() / 2 ** 32) * (maximum - minimum);
}

/** A whole number from 0 to `bound` − 1. Draws exactly once: a bias of 2⁻³² × bound does not matter here. */
export function below(random: Random, bound: number): number {
  return Math.floor((random.uint32() / 2 ** 32) * bound);
}

/** One of several values. Draws exactly once. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}
