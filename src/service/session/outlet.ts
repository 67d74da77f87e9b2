import type { ServerMessage } from '../messages.js';
import type { Carrier } from './carrier.js';

/** What may wait for a client to read it. */
interface OutletLimits {
  readonly messages: number;
  /** Of data in them. */
  readonly bytes: number;
}

/** What a client has not read. It is bounded, in messages and in bytes: what is beyond overflows. */
export class Outlet {
  readonly #carrier: Carrier;
  readonly #limits: OutletLimits;
  readonly #onOverflow: (text: string) => void;
  #waiting: ServerMessage[] = [];
  #bytes = 0;
  #isWritable = true;

  /** @param onOverflow told, in words, when more waits than may; nothing is sent any more. */
  constructor(carrier: Carrier, limits: OutletLimits, onOverflow: (text: string) => void) {
    this.#carrier = carrier;
    this.#limits = limits;
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
    this.#bytes += dataBytes(message);
    const { messages, bytes } = this.#limits;
    if (this.#waiting.length > messages) this.#onOverflow(`the client has not read ${messages} messages`);
    else if (this.#bytes > bytes) this.#onOverflow(`the client has not read ${bytes} bytes`);
  }

  /** The carrier has room again. */
  drained(): void {
    this.#isWritable = true;
    let sent = 0;
    while (this.#isWritable && sent < this.#waiting.length) {
      const message = this.#waiting[sent] as ServerMessage;
      this.#bytes -= dataBytes(message);
      this.#isWritable = this.#carrier.send(message);
      sent += 1;
    }
    this.#waiting = this.#waiting.slice(sent);
  }

  /** Forgets what waits, and sends a last message, room or not. */
  finish(message: ServerMessage | undefined): void {
    this.#waiting = [];
    this.#bytes = 0;
    if (message !== undefined) this.#carrier.send(message);
  }
}

/** The bytes of all data in a message, however deep. */
function dataBytes(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + dataBytes(each), 0);
}
