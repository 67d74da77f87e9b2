/** Messages to be sent, oldest first: a ring of pairs (MAD, path). */
export class TransmitQueue {
  readonly #entries: Int32Array;
  readonly #capacity: number;
  #head = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#entries = new Int32Array(capacity * 2);
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size === this.#capacity;
  }

  /** The caller has checked that the queue is not full. */
  push(mad: number, path: number): void {
    const place = ((this.#head + this.#size) % this.#capacity) * 2;
    this.#entries[place] = mad;
    this.#entries[place + 1] = path;
    this.#size += 1;
  }

  get mad(): number {
    return this.#entries[this.#head * 2] as number;
  }

  get path(): number {
    return this.#entries[this.#head * 2 + 1] as number;
  }

  shift(): void {
    this.#head = (this.#head + 1) % this.#capacity;
    this.#size -= 1;
  }
}
