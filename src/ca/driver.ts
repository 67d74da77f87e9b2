import type { Instant } from '../base/index.js';
import type { ChannelAdapter } from './channel-adapter.js';

/**
 * Who runs an adapter: real sockets and clocks, or a simulation. A driver hands datagrams and time to the adapter; after
 * every input it lets the consumers poll their events, sends what the adapter wants sent, and notes when to come again.
 */
export interface Driver {
  readonly adapter: ChannelAdapter;
  /** The present moment of the driver's clock. */
  now(): Instant;
  /** To be called after every call to the adapter that is not made from a consumer's turn: there may be something to send. */
  wake(): void;
  /**
   * Sends what there is to send, and lets nobody poll. To be called before a queue pair is taken out of service: what has come for it is
   * acknowledged. Drivers that send before anybody learns of what has come leave it out.
   */
  flush?(): void;
  /** Registers a consumer: it is called after every input, and polls its events then. */
  onTurn(consumer: () => void): void;
}
