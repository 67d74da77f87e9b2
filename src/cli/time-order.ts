import { calendarNow } from '../io/index.js';
import type { EventLine } from './event-printer.js';

/**
 * Puts the events of several processes into the order of their times. Pipes deliver them late, and several of one process at
 * once; so each event waits for a moment in which an earlier one of another process may still come.
 */
export class TimeOrder<Event extends Pick<EventLine, 'time'>> {
  readonly #waitMs: number;
  readonly #release: (event: Event) => void;
  /** By time; of equal times the first come. */
  #pending: Event[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(waitMs: number, release: (event: Event) => void) {
    this.#waitMs = waitMs;
    this.#release = release;
  }

  add(event: Event): void {
    const after = this.#pending.findLastIndex(({ time }) => time <= event.time);
    this.#pending.splice(after + 1, 0, event);
    this.#arm();
  }

  /** Releases all: no earlier event can come any more. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const event of this.#pending.splice(0)) this.#release(event);
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#releaseUntil((calendarNow() - this.#waitMs) / 1_000);
      if (this.#pending.length > 0) this.#arm();
    }, this.#waitMs);
  }

  #releaseUntil(time: number): void {
    const young = this.#pending.findIndex((event) => event.time > time);
    for (const event of this.#pending.splice(0, young === -1 ? this.#pending.length : young)) this.#release(event);
  }
}
