import type { Writable } from 'node:stream';

/** Lines are written when so many characters wait: a write for each would cost more than all the rest. */
const PENDING_CHARACTERS_MAX = 1 << 16;

/** Writes lines to a stream no faster than it takes them. A reader that goes away (`| head`) is no failure. */
export class LineOutput {
  readonly #stream: Writable;
  #pending = '';
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
    return this.#pending.length >= PENDING_CHARACTERS_MAX;
  }

  /** Why nothing more can be written. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Adds a line. */
  write(line: string): void {
    this.#pending += `${line}\n`;
  }

  /** Hands the lines over; resolves when the stream has taken them, or has failed. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined || this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      this.#stream.write(text, resolve);
    });
    if (error) this.#failure ??= error;
  }
}
