import { type Random, randomBits, uniform } from '../base/index.js';
import { TransportError } from './error.js';
import type { MemoryRegion } from './memory-region.js';

const INDEX_BITS = 16;
const INDEX_MASK = 2 ** INDEX_BITS - 1;
/** One less than could be: numbers of 31 bits need no memory in JavaScript. */
const VARIANT_BITS = 15;
const VARIANT_MASK = 2 ** VARIANT_BITS - 1;
/** Two steps of at most this many never come back to where they began. */
const STEP_MAX = 2 ** (VARIANT_BITS - 1) - 1;

/**
 * Memory regions by their keys. A key's lower half is a region's number under an operand that is drawn at the start, its upper half is drawn for
 * each registration: whoever guesses one has little hope, and a key that was given up is not given again by the next registration.
 */
export class MemoryTable {
  readonly #random: Random;
  readonly #capacity: number;
  readonly #operand: number;
  readonly #regions: (MemoryRegion | undefined)[] = [];
  /** By number: the upper half of the last key. */
  readonly #variants: number[] = [];
  readonly #free: number[] = [];
  #size = 0;

  constructor(random: Random, capacity: number) {
    this.#random = random;
    this.#capacity = capacity;
    this.#operand = randomBits(random, INDEX_BITS);
  }

  /** Regions that are registered. */
  get size(): number {
    return this.#size;
  }

  /**
   * Enters a region.
   * @returns its key, 31 bits. @throws TransportError `LIMIT_REACHED`
   */
  insert(region: MemoryRegion): number {
    if (this.#size >= this.#capacity) {
      const message = `there are ${this.#capacity} memory regions (maxMemoryRegions)`;
      throw new TransportError('LIMIT_REACHED', message, { limit: 'maxMemoryRegions' });
    }
    const index = this.#free.pop() ?? this.#regions.length;
    const last = this.#variants[index] ?? randomBits(this.#random, VARIANT_BITS);
    const variant = (last + 1 + uniform(this.#random, STEP_MAX)) & VARIANT_MASK;
    this.#variants[index] = variant;
    this.#regions[index] = region;
    this.#size += 1;
    return (variant << INDEX_BITS) | (index ^ this.#operand);
  }

  /** The region with a key: any 32 bits, as they come from a packet or a request. */
  find(key: number): MemoryRegion | undefined {
    const region = this.#regions[(key & INDEX_MASK) ^ this.#operand];
    return region !== undefined && region.lkey === key ? region : undefined;
  }

  /** Its key means nothing any more. */
  remove(region: MemoryRegion): void {
    const index = (region.lkey & INDEX_MASK) ^ this.#operand;
    this.#regions[index] = undefined;
    this.#free.push(index);
    this.#size -= 1;
  }
}
