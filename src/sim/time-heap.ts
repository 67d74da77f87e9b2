import { type Instant, NEVER } from '../base/index.js';

/**
 * What is going to happen, earliest first; what is due at the same moment happens in the order in which it was added.
 * A binary heap in typed arrays: an entry is a moment and an integer of 32 bits that its user understands.
 */
export class TimeHeap {
  #times = new Float64Array(1024);
  #orders = new Float64Array(1024);
  #values = new Int32Array(1024);
  #size = 0;
  #added = 0;

  get size(): number {
    return this.#size;
  }

  /** When the first entry is due; NEVER if there is none. */
  get next(): Instant {
    return this.#size === 0 ? NEVER : (this.#times[0] as Instant);
  }

  add(time: number, value: number): void {
    if (this.#size === this.#times.length) this.#grow();
    let place = this.#size;
    this.#size += 1;
    this.#added += 1;
    const times = this.#times;
    // The newest entry is the last among equals, so that times alone decide here.
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if ((times[parent] as number) <= time) break;
      this.#copy(parent, place);
      place = parent;
    }
    times[place] = time;
    this.#orders[place] = this.#added;
    this.#values[place] = value;
  }

  /** Removes the first entry. @returns its value; the heap must not be empty. */
  take(): number {
    const value = this.#values[0] as number;
    this.#size -= 1;
    const last = this.#size;
    if (last > 0) this.#sink(last);
    return value;
  }

  /** Puts the entry at `last` where it belongs, from the top down. */
  #sink(last: number): void {
    const times = this.#times;
    const orders = this.#orders;
    const values = this.#values;
    const time = times[last] as number;
    const order = orders[last] as number;
    let place = 0;
    for (let child = 1; child < last; child = 2 * place + 1) {
      let first = times[child] as number;
      if (child + 1 < last) {
        const other = times[child + 1] as number;
        if (other < first || (other === first && (orders[child + 1] as number) < (orders[child] as number))) {
          child += 1;
          first = other;
        }
      }
      if (time < first || (time === first && order < (orders[child] as number))) break;
      times[place] = first;
      orders[place] = orders[child] as number;
      values[place] = values[child] as number;
      place = child;
    }
    times[place] = time;
    orders[place] = order;
    values[place] = values[last] as number;
  }

  #copy(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#orders[to] = this.#orders[from] as number;
    this.#values[to] = this.#values[from] as number;
  }

  #grow(): void {
    const length = this.#times.length * 2;
    const grow = <T extends Float64Array | Int32Array>(larger: T, old: T): T => {
      larger.set(old);
      return larger;
    };
    this.#times = grow(new Float64Array(length), this.#times);
    this.#orders = grow(new Float64Array(length), this.#orders);
    this.#values = grow(new Int32Array(length), this.#values);
  }
}
