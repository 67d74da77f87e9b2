import type { ServerMessage } from '../messages.js';
import type { Carrier } from './carrier.js';

/** What a client has not read. Its length is bounded: what is beyond it overflows. */
export class Outlet {
  readonly #carrier: Carrier;
  readonly #limit: number;
  readonly #onOverflow: () => void;
  #waiting: ServerMessage[] = [];
  #isWritable = true;

  /** @param onOverflow told when there are more messages than `limit`; nothing is sent any more. */
  constructor(carrier: Carrier, limit: number, onOverflow: () => void) {
    this.#carrier = carrier;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
  }

  /** Messages that wait here. */
  get waiting(): number {
    return this.#waiting.length;
  }

  send(message: ServerMessage): void {
    if (this.#isWritable) {
      this.#isWritable = this.#carrier.send(message);
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > this.#limit) this.#onOverflow();
  }

  /** The carrier has room again. */
  drained(): void {
    this.#isWritable = true;
    let sent = 0;
    while (this.#isWritable && sent < this.#waiting.length) {
      this.#isWritable = this.#carrier.send(this.#waiting[sent] as ServerMessage);
      sent += 1;
    }
    this.#waiting = this.#waiting.slice(sent);
  }

  /** Forgets what waits, and sends a last message, room or not. */
  finish(message: ServerMessage | undefined): void {
    this.#waiting = [];
    if (message !== undefined) this.#carrier.send(message);
  }
}
