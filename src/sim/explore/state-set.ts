const FIRST_CAPACITY = 2 ** 16;

type Columns = [Uint32Array, Uint32Array, Uint32Array];

/**
 * Triples of 32-bit numbers, each kept and numbered once, from 0, in the order in which they came. Whole numbers are compared,
 * not hashes, so two different states are never taken for one.
 */
export class StateSet {
  #capacity = FIRST_CAPACITY;
  #columns: Columns = [0, 1, 2].map(() => new Uint32Array(FIRST_CAPACITY)) as Columns;
  /** Numbers + 1 by hash, open addressing; 0 is empty. At most half full. */
  #places = new Uint32Array(FIRST_CAPACITY * 2);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  first(state: number): number {
    return this.#columns[0][state] as number;
  }

  second(state: number): number {
    return this.#columns[1][state] as number;
  }

  third(state: number): number {
    return this.#columns[2][state] as number;
  }

  /** The triple's number; {@link size} before the call if it is new. */
  add(first: number, second: number, third: number): number {
    if (this.#size === this.#capacity) this.#grow();
    const [firsts, seconds, thirds] = this.#columns;
    const mask = this.#places.length - 1;
    let place = hash(first, second, third) & mask;
    for (let number = this.#places[place] as number; number !== 0; number = this.#places[place] as number) {
      const state = number - 1;
      if (firsts[state] === first && seconds[state] === second && thirds[state] === third) return state;
      place = (place + 1) & mask;
    }
    const state = this.#size;
    firsts[state] = first;
    seconds[state] = second;
    thirds[state] = third;
    this.#size += 1;
    this.#places[place] = this.#size;
    return state;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#columns = this.#columns.map((column) => grown(column, this.#capacity)) as Columns;
    this.#places = new Uint32Array(this.#capacity * 2);
    const mask = this.#places.length - 1;
    for (let state = 0; state < this.#size; state += 1) {
      let place = hash(this.first(state), this.second(state), this.third(state)) & mask;
      while (this.#places[place] !== 0) place = (place + 1) & mask;
      this.#places[place] = state + 1;
    }
  }
}

/** Numbers by place, 0 where none was put. */
export class GrowingNumbers {
  #numbers = new Uint32Array(FIRST_CAPACITY);

  get(place: number): number {
    return this.#numbers[place] ?? 0;
  }

  set(place: number, value: number): void {
    if (place >= this.#numbers.length)
      this.#numbers = grown(this.#numbers, Math.max(place + 1, this.#numbers.length * 2));
    this.#numbers[place] = value;
  }
}

function grown(column: Uint32Array, capacity: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(capacity);
  larger.set(column);
  return larger;
}

function hash(first: number, second: number, third: number): number {
  let mixed = Math.imul(first, 0x9e37_79b1) ^ Math.imul(second, 0x85eb_ca77);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed ^ Math.imul(third, 0xc2b2_ae3d), 0x27d4_eb2f);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0x1656_67b1);
  return mixed ^ (mixed >>> 16);
}
