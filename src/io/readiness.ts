import type { LibC, PollHandle } from './native-socket.js';

/** Sees to it that somebody is called when there is something to be read or written. Keeps the process alive meanwhile, as a socket of Node does. */
export interface Watcher {
  /** What is waited for from now on. */
  watch(readable: boolean, writable: boolean): void;
  /** Nobody is called any more. Afterwards the descriptor may be closed. */
  close(): void;
}

/** Calls back when a descriptor can be read or written, by the platform's own event loop. */
export class Readiness implements Watcher {
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

  watch(readable: boolean, writable: boolean): void {
    this.#events.readable = readable;
    this.#events.writable = writable;
    this.#start();
  }

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
