import { setTimeout as sleep } from 'node:timers/promises';

/** How long something may take that takes a moment on a machine with nothing else to do. */
export const WAIT_SECONDS = 90;

/** Fails when a promise takes longer than it may. */
export async function within<T>(seconds: number, what: string, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(seconds * 1_000, undefined, { signal: over.signal }).then(
    () => {
      throw new Error(`${what}: not within ${seconds} s`);
    },
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}

/** What has come so far, and waiting for what has not. */
export class Log<Entry> {
  readonly entries: Entry[] = [];
  readonly #name: string;
  readonly #describe: (entry: Entry) => string;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  /** @param name whose log it is, for errors. */
  constructor(name: string, describe: (entry: Entry) => string) {
    this.#name = name;
    this.#describe = describe;
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    this.#wake();
  }

  /** Nothing will come any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The first entry that fits, past or to come; or the second, or whichever of those that fit. */
  async find(what: string, fits: (entry: Entry) => boolean, seconds = WAIT_SECONDS, nth = 1): Promise<Entry> {
    const found = new Promise<Entry>((resolve, reject) => {
      const look = (): void => {
        const entry = this.entries.filter(fits)[nth - 1];
        if (entry !== undefined) resolve(entry);
        else if (this.#closed) reject(new Error(`${this.#name}: it ended without ${what}, after ${this.#story()}`));
        else return;
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
    return within(seconds, `${this.#name}: ${what}`, found).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; there was ${this.#story()}`, { cause: error });
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  #story(): string {
    return this.entries.map(this.#describe).slice(-30).join(', ') || 'nothing';
  }
}
