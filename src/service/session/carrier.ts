import type { ServerMessage } from '../messages.js';

/**
 * The service's end of the way to one client. Whoever makes one tells its {@link ClientSession} of what comes (`receive`), that there is room again
 * (`drained`), and that the client has gone (`end`).
 */
export interface Carrier {
  /** Sends a message. @returns false when it would rather be given no more until it has told the session `drained`. */
  send(message: ServerMessage): boolean;
  /** Reads no more of the client, as far as the carrier can help it. */
  pause(): void;
  resume(): void;
  /** The session is over: what was sent is delivered if that is possible. */
  close(): void;
}
