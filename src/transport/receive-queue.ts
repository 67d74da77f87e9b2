import type { ScatterGatherElement } from './memory-region.js';
import { ScatterList } from './scatter-list.js';

/** A place for one message (`ibv_recv_wr`). */
export interface ReceiveRequest {
  /** Comes back with the completion; default 0. */
  readonly id?: number;
  /** Memory with `localWrite`. A message may leave some of it untouched; one that is longer breaks the connection. Default: none. */
  readonly elements?: readonly ScatterGatherElement[];
}

/** A posted receive. @internal */
export class ReceiveEntry {
  id = 0;
  readonly list = new ScatterList();
}

/** Receives in the order in which they were posted. Those that were taken out count until they are released. @internal */
export class ReceiveQueue {
  readonly capacity: number;
  readonly #ring: ReceiveEntry[] = [];
  readonly #free: ReceiveEntry[] = [];
  #head = 0;
  #size = 0;
  #taken = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Receives that wait for a message. */
  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size + this.#taken >= this.capacity;
  }

  /** The caller has checked that it is not full. */
  push(id: number, elements: readonly ScatterGatherElement[]): void {
    const entry = this.#free.pop() ?? new ReceiveEntry();
    entry.id = id;
    entry.list.set(elements);
    this.#ring[(this.#head + this.#size) % this.capacity] = entry;
    this.#size += 1;
  }

  /** The oldest receive, for a message; undefined if there is none. */
  take(): ReceiveEntry | undefined {
    if (this.#size === 0) return undefined;
    const entry = this.#ring[this.#head] as ReceiveEntry;
    this.#head = (this.#head + 1) % this.capacity;
    this.#size -= 1;
    this.#taken += 1;
    return entry;
  }

  /** A receive that was taken is done with. */
  release(entry: ReceiveEntry): void {
    entry.list.clear();
    this.#free.push(entry);
    this.#taken -= 1;
  }

  /** Forgets all that wait. */
  clear(): void {
    for (let entry = this.take(); entry !== undefined; entry = this.take()) this.release(entry);
  }
}
