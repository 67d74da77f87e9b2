import { type CommId, type Random, randomBits } from '../base/index.js';

const ROUNDS = 4;
const HALF_MASK = 0xffff;

/**
 * Comm IDs name a slot and its generation, but must not be predictable: who can guess them can disturb connections.
 * A keyed permutation of the 32-bit numbers (a Feistel network with keys drawn at start) hides both at no cost in memory.
 */
export class CommIdCipher {
  readonly #keys: readonly number[];

  constructor(random: Random) {
    this.#keys = Array.from({ length: ROUNDS }, () => randomBits(random, 32));
  }

  /** The comm ID of a 32-bit number (slot and generation). */
  encrypt(plain: number): CommId {
    let left = plain >>> 16;
    let right = plain & HALF_MASK;
    for (let round = 0; round < ROUNDS; round += 1) {
      const mixed = left ^ this.#round(right, round);
      left = right;
      right = mixed;
    }
    return (((right << 16) | left) >>> 0) as CommId;
  }

  /** The number that gave this comm ID. Any 32-bit number gives one: the caller checks that it means a live CEP. */
  decrypt(commId: number): number {
    let right = commId >>> 16;
    let left = commId & HALF_MASK;
    for (let round = ROUNDS - 1; round >= 0; round -= 1) {
      const mixed = right ^ this.#round(left, round);
      right = left;
      left = mixed;
    }
    return ((left << 16) | right) >>> 0;
  }

  #round(half: number, round: number): number {
    let mixed = Math.imul(half ^ (this.#keys[round] as number), 0x85eb_ca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2_ae35);
    return (mixed >>> 16) & HALF_MASK;
  }
}
