import type { LibC, PollHandle } from './native-socket.js';

/** Calls back when a descriptor can be read or written, by the platform's own event loop. Keeps the process alive, as a socket of Node does. */
export class Readiness {
  readonly #libc: LibC;
  readonly #descriptor: number;
  readonly #onReady: () => void;
  /** If it were collected, nobody would be called any more. */
  #handle: PollHandle | undefined;
  readonly #events = { readable: false, writable: false };

  /** @param onReady may throw: that is an uncaught exception. */
  constructor(libc: LibC, descriptor: number, onReady: () => void) {
    this.#libc = libc;
    this.#descriptor = descriptor;
    this.#onReady = onReady;
  }

  /** What is waited for from now on. */
  watch(readable: boolean, writable: boolean): void {
    this.#events.readable = readable;
    this.#events.writable = writable;
    this.#start();
  }

  /** Afterwards the descriptor may be closed. */
  close(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  #start(): void {
    const { readable, writable } = this.#events;
    if (!readable && !writable) this.close();
    else if (this.#handle) this.#handle.start(this.#events, this.#ready);
    else this.#handle = this.#libc.poll(this.#descriptor, this.#events, this.#ready);
  }

  readonly #ready = (status: unknown): void => {
    if (this.#handle === undefined) return;
    try {
      // libuv gives a descriptor up that reports an error. Reading or writing takes the error away.
      if (typeof status === 'number' && status < 0) this.#start();
      this.#onReady();
    } catch (error) {
      // koffi would swallow it, and call back no more.
      setImmediate(() => {
        throw error;
      });
    }
  };
}
