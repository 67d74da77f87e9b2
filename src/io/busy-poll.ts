import type { Watcher } from './readiness.js';

/**
 * Calls in every turn of the event loop, as long as something is waited for, instead of waiting for the system to say that there is something: that takes
 * a processor's whole time, and saves what it takes to be woken up.
 */
export class BusyPoll implements Watcher {
  readonly #onTurn: () => void;
  #next: NodeJS.Immediate | undefined;

  /** @param onTurn may throw: that is an uncaught exception. */
  constructor(onTurn: () => void) {
    this.#onTurn = onTurn;
  }

  watch(readable: boolean, writable: boolean): void {
    if (!readable && !writable) this.close();
    else this.#next ??= setImmediate(this.#turn);
  }

  close(): void {
    clearImmediate(this.#next);
    this.#next = undefined;
  }

  readonly #turn = (): void => {
    this.#next = setImmediate(this.#turn);
    this.#onTurn();
  };
}
