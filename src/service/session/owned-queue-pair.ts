import type { ConnectedQueuePair } from '../../qp/index.js';

/** A connected queue pair that a client owns. */
export interface OwnedQueuePair {
  readonly queuePair: ConnectedQueuePair;
  /** Resolves when it is gone, which may be after the client has given up its handle. */
  readonly gone: Promise<void>;
}
