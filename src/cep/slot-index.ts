/** Mixes a word into a hash. Hashes start from a random seed, so that peers cannot choose keys that collide. */
export function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e_2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593) ^ hash;
  mixed = Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  return mixed ^ (mixed >>> 13);
}

/** Homes of a table that is still empty. */
const HOMES_MIN = 64;
/**
 * Homes begin to be split when there are more entries than 3/8 of them, and so many at each insertion that all are before there are more than a half: where runs are long, they are still short.
 */
const FULL = 3 / 8;
const SPLITS = 8;

/**
 * A hash table of slots (positive numbers) with open addressing. The keys stand in the records that the slots name, so an
 * entry costs four bytes, and the caller compares:
 * ```ts
 * for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) if (matches(index.at(place))) …
 * ```
 * Few entries stay close together, where the cache holds them: there are few more homes than there ever were entries, and as there come to be more,
 * a few homes at a time are split in two (linear hashing), so that no insertion takes long.
 */
export class SlotIndex {
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #hashOf: (slot: number) => number;
  #size = 0;
  /** Homes are the places below `#homes + #split`: of {@link #homes}, a power of two, those below {@link #split} have been split. */
  #homes: number;
  #split = 0;

  /** @param hashOf the hash of the key that a slot's record holds. */
  constructor(capacity: number, hashOf: (slot: number) => number) {
    const places = 2 ** Math.ceil(Math.log2(capacity * 2 + 2));
    this.#slots = new Int32Array(places);
    this.#mask = places - 1;
    this.#hashOf = hashOf;
    this.#homes = Math.min(HOMES_MIN, places);
  }

  get size(): number {
    return this.#size;
  }

  /** A key's home, where its run begins. */
  first(hash: number): number {
    const home = hash & (this.#homes - 1);
    return home < this.#split ? hash & (2 * this.#homes - 1) : home;
  }

  after(place: number): number {
    return (place + 1) & this.#mask;
  }

  /** The slot at a place, 0 at the end of the run. */
  at(place: number): number {
    return this.#slots[place] as number;
  }

  insert(slot: number): void {
    this.#place(slot);
    this.#size += 1;
    if (this.#size > FULL * this.#homes && 2 * this.#homes <= this.#slots.length) this.#splitSome();
  }

  /** Removes a slot whose record still holds the key. */
  remove(slot: number): void {
    let place = this.first(this.#hashOf(slot));
    while (this.at(place) !== slot) {
      if (this.at(place) === 0) return;
      place = this.after(place);
    }
    this.#empty(place);
    this.#size -= 1;
  }

  #place(slot: number): void {
    let place = this.first(this.#hashOf(slot));
    while (this.at(place) !== 0) place = this.after(place);
    this.#slots[place] = slot;
  }

  /** Empties a place, and moves back whatever would not be found across the hole. */
  #empty(place: number): void {
    let hole = place;
    for (let next = this.after(hole); this.at(next) !== 0; next = this.after(next)) {
      const home = this.first(this.#hashOf(this.at(next)));
      if (((next - home) & this.#mask) >= ((next - hole) & this.#mask)) {
        this.#slots[hole] = this.at(next);
        hole = next;
      }
    }
    this.#slots[hole] = 0;
  }

  #splitSome(): void {
    for (let left = SPLITS; left > 0 && this.#split < this.#homes; left -= 1) this.#splitNext();
    if (this.#split < this.#homes) return;
    this.#homes *= 2;
    this.#split = 0;
  }

  /** Half of the entries at home there move to a home of their own. */
  #splitNext(): void {
    const home = this.#split;
    const other = home + this.#homes;
    this.#split += 1;
    // No run from the one home reaches the other: there are fewer entries than places between them.
    for (let place = home; this.at(place) !== 0; ) {
      const slot = this.at(place);
      if (this.first(this.#hashOf(slot)) === other) {
        // What moves back comes to this place.
        this.#empty(place);
        this.#place(slot);
      } else {
        place = this.after(place);
      }
    }
  }
}
