import type { MemoryRegion, SharedReceiveQueue, WorkQueues } from '../../transport/index.js';

/** Receives that are posted ahead, at most. */
const OPEN_MAX = 16;
/** Places of a shared queue: so many that a place is not used again before a message that began long ago has come into it. */
const SHARED_PLACES = 256;

/** Places for messages, posted as receives. */
export interface Receives {
  /** A queue pair has been in RESET: what it had posted itself is forgotten. */
  begin(): void;
  /** Posts one, if there are not enough. */
  post(): void;
  /** A receive has ended. @returns the place that its number means. */
  take(id: number): Uint8Array;
}

/** Receives of one queue pair: each has two elements, so that messages are split. */
export class OwnReceives implements Receives {
  readonly memory: MemoryRegion;
  readonly #queues: WorkQueues;
  readonly #bytes: number;
  #next = 0;
  #open = 0;

  /** @param bytes of each. */
  constructor(queues: WorkQueues, register: (bytes: number) => MemoryRegion, bytes: number) {
    this.#queues = queues;
    this.#bytes = bytes;
    this.memory = register(OPEN_MAX * bytes);
  }

  begin(): void {
    this.#open = 0;
  }

  post(): void {
    if (this.#open >= OPEN_MAX) return;
    this.#open += 1;
    const id = this.#next;
    this.#next = (id + 1) % OPEN_MAX;
    this.#queues.postReceive({ id, elements: halves(this.memory, id, this.#bytes) });
  }

  take(id: number): Uint8Array {
    this.#open -= 1;
    return this.memory.bytes.subarray(id * this.#bytes, (id + 1) * this.#bytes);
  }
}

/** Receives that several queue pairs take from. */
export class SharedReceives implements Receives {
  readonly memory: MemoryRegion;
  readonly queue: SharedReceiveQueue;
  readonly #bytes: number;
  #next = 0;

  constructor(queue: SharedReceiveQueue, register: (bytes: number) => MemoryRegion, bytes: number) {
    this.queue = queue;
    this.#bytes = bytes;
    this.memory = register(SHARED_PLACES * bytes);
  }

  begin(): void {
    // They are not its own.
  }

  post(): void {
    if (this.queue.size >= OPEN_MAX) return;
    const id = this.#next;
    this.#next = (id + 1) % SHARED_PLACES;
    this.queue.post({ id, elements: halves(this.memory, id, this.#bytes) });
  }

  take(id: number): Uint8Array {
    return this.memory.bytes.subarray(id * this.#bytes, (id + 1) * this.#bytes);
  }
}

function halves(memory: MemoryRegion, place: number, bytes: number): ReturnType<MemoryRegion['element']>[] {
  const half = bytes / 2;
  return [memory.element(place * bytes, half), memory.element(place * bytes + half, half)];
}
