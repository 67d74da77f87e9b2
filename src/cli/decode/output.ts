import type { Writable } from 'node:stream';

/** Lines are written when so many bytes wait: a write for each would cost more than all the rest. */
const PENDING_BYTES_MAX = 1 << 16;
/** Bytes that a character takes at most. */
const CHARACTER_BYTES_MAX = 3;
const LINE_END = 0x0a;

/** Writes lines to a stream no faster than it takes them. A reader that goes away (`| head`) is no failure. */
export class LineOutput {
  readonly #stream: Writable;
  /** Where lines wait, as bytes: who collects them in one text has it copied twice. */
  #room = Buffer.allocUnsafe(2 * PENDING_BYTES_MAX);
  #pending = 0;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    // For good: an error may come after the last write has returned.
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** Whether `flush` is due. */
  get full(): boolean {
    return this.#pending >= PENDING_BYTES_MAX;
  }

  /** Why nothing more can be written. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Adds a line. */
  write(line: string): void {
    const needed = this.#pending + line.length * CHARACTER_BYTES_MAX + 1;
    if (needed > this.#room.length) {
      const room = Buffer.allocUnsafe(2 * needed);
      this.#room.copy(room, 0, 0, this.#pending);
      this.#room = room;
    }
    this.#pending += this.#room.write(line, this.#pending);
    this.#room[this.#pending] = LINE_END;
    this.#pending += 1;
  }

  /** Hands the lines over; resolves when the stream has taken them, or has failed. Until then no others may be added, and after that the stream must not keep what it was given. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined || this.#pending === 0) return;
    const lines = this.#room.subarray(0, this.#pending);
    this.#pending = 0;
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      this.#stream.write(lines, resolve);
    });
    if (error) this.#failure ??= error;
  }
}
