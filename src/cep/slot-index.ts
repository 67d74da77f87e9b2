/** Mixes a word into a hash. Hashes start from a random seed, so that peers cannot choose keys that collide. */
export function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e_2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593) ^ hash;
  mixed = Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  return mixed ^ (mixed >>> 13);
}

/**
 * A hash table of slots (positive numbers) with open addressing. The keys stand in the records that the slots name, so an
 * entry costs four bytes, and the caller compares:
 * ```ts
 * for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) if (matches(index.at(place))) …
 * ```
 */
export class SlotIndex {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #hashOf: (slot: number) => number;
  #size = 0;

  /** @param hashOf the hash of the key that a slot's record holds. */
  constructor(capacity: number, hashOf: (slot: number) => number) {
    const places = 2 ** Math.ceil(Math.log2(capacity * 2 + 2));
    this.#slots = new Int32Array(places);
    this.#mask = places - 1;
    this.#hashOf = hashOf;
  }

  get size(): number {
    return this.#size;
  }

  first(hash: number): number {
    return hash & this.#mask;
  }

  after(place: number): number {
    return (place + 1) & this.#mask;
  }

  /** The slot at a place, 0 at the end of the run. */
  at(place: number): number {
    return this.#slots[place] as number;
  }

  insert(slot: number): void {
    let place = this.first(this.#hashOf(slot));
    while (this.at(place) !== 0) place = this.after(place);
    this.#slots[place] = slot;
    this.#size += 1;
  }

  /** Removes a slot whose record still holds the key. */
  remove(slot: number): void {
    let hole = this.first(this.#hashOf(slot));
    while (this.at(hole) !== slot) {
      if (this.at(hole) === 0) return;
      hole = this.after(hole);
    }
    // Move back whatever would not be found across the hole.
    for (let place = this.after(hole); this.at(place) !== 0; place = this.after(place)) {
      const home = this.first(this.#hashOf(this.at(place)));
      if (((place - home) & this.#mask) >= ((place - hole) & this.#mask)) {
        this.#slots[hole] = this.at(place);
        hole = place;
      }
    }
    this.#slots[hole] = 0;
    this.#size -= 1;
  }
}
