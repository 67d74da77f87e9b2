import { assert, type Qpn, type Random, uniform } from '../base/index.js';
import { QPN_COUNT_MAX, QPN_FIRST, QPN_LAST } from './limits.js';

const END = 0;

/**
 * Numbers for slots, and slots for numbers. A number that is given up is given again only after all others that are free: first those
 * that never were, then those that have rested longest. So what is still on its way to an old queue pair does not meet a new one.
 *
 * The numbers are a stretch of all 24-bit numbers (going round past the last) from a random one on: another start gives others.
 */
export class QpnTable {
  readonly #first: number;
  readonly #count: number;
  /** By number: the slot if it is in use (positive), else the next free number (negative, counted from −1), or END. */
  readonly #entries: Int32Array;
  /** Numbers never used yet begin here. */
  #fresh = 0;
  /** The free numbers that were used, longest at rest first; END if there are none. */
  #head = END;
  #tail = END;

  constructor(random: Random, count: number) {
    this.#first = uniform(random, QPN_COUNT_MAX);
    this.#count = count;
    this.#entries = new Int32Array(count);
  }

  /** A number for a slot (from 1). At least one must be free. */
  allocate(slot: number): Qpn {
    const index = this.#fresh < this.#count ? this.#fresh++ : this.#takeRested();
    this.#entries[index] = slot;
    return (QPN_FIRST + ((this.#first + index) % QPN_COUNT_MAX)) as Qpn;
  }

  /** The slot that a number is in use for, 0 if it is not. Any number may be asked for. */
  slotOf(qpn: number): number {
    // The stretch goes round: outside of it, other numbers would lead into it.
    if (qpn < QPN_FIRST || qpn > QPN_LAST) return 0;
    const entry = this.#entries[this.#indexOf(qpn)];
    return entry === undefined || entry < 0 ? 0 : entry;
  }

  /** Gives a number up. */
  free(qpn: Qpn): void {
    assert(this.slotOf(qpn) !== 0, 'a number that is in use');
    const index = this.#indexOf(qpn);
    const link = -1 - index;
    this.#entries[index] = END;
    if (this.#tail === END) this.#head = link;
    else this.#entries[-1 - this.#tail] = link;
    this.#tail = link;
  }

  #takeRested(): number {
    assert(this.#head !== END, 'a number is free');
    const index = -1 - this.#head;
    this.#head = this.#entries[index] as number;
    if (this.#head === END) this.#tail = END;
    return index;
  }

  #indexOf(qpn: number): number {
    const index = qpn - QPN_FIRST - this.#first;
    return index < 0 ? index + QPN_COUNT_MAX : index;
  }
}
