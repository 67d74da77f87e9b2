import { MAD_BYTES } from '../wire/index.js';

/** Of so many buffers a view is kept, a hundred bytes each: those that are used over and over again. */
const VIEWS_MAX = 4_096;

/**
 * Buffers of 256 bytes with a count of their users: a sent message waits for its answer and in the transmit queue at
 * once, without being copied. Numbered from 1; buffer 0 takes what is written when none is left, and is never sent.
 */
export class MadPool {
  readonly bytes: Uint8Array;
  readonly #views: Uint8Array[] = [];
  readonly #references: Uint32Array;
  readonly #freeList: Int32Array;
  readonly #capacity: number;
  #fresh = 1;
  #freeCount = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.bytes = new Uint8Array((capacity + 1) * MAD_BYTES);
    this.#references = new Uint32Array(capacity + 1);
    this.#freeList = new Int32Array(capacity);
  }

  /** Buffers that are free. */
  get available(): number {
    return this.#capacity - (this.#fresh - 1) + this.#freeCount;
  }

  /** Buffers in use. */
  get size(): number {
    return this.#capacity - this.available;
  }

  /** Where a buffer begins in {@link bytes}. */
  offset(mad: number): number {
    return mad * MAD_BYTES;
  }

  /** A buffer's bytes. Making a view takes longer than copying what it shows. */
  view(mad: number): Uint8Array {
    const known = this.#views[mad];
    if (known !== undefined) return known;
    const view = this.bytes.subarray(this.offset(mad), this.offset(mad + 1));
    if (mad < VIEWS_MAX) this.#views[mad] = view;
    return view;
  }

  /** Takes a buffer, with one user and any content; 0 if none is left. */
  take(): number {
    let mad: number;
    if (this.#freeCount > 0) {
      this.#freeCount -= 1;
      mad = this.#freeList[this.#freeCount] as number;
    } else {
      if (this.#fresh > this.#capacity) return 0;
      mad = this.#fresh;
      this.#fresh += 1;
    }
    this.#references[mad] = 1;
    return mad;
  }

  share(mad: number): void {
    if (mad !== 0) this.#references[mad] = (this.#references[mad] as number) + 1;
  }

  drop(mad: number): void {
    if (mad === 0) return;
    const references = (this.#references[mad] as number) - 1;
    this.#references[mad] = references;
    if (references > 0) return;
    this.#freeList[this.#freeCount] = mad;
    this.#freeCount += 1;
  }
}
