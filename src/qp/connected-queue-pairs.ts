import type { CmEvent, CmId, CmInterface } from '../cm/index.js';
import type { QueuePairTable } from '../verbs/index.js';
import { ConnectedQueuePair, type ConnectedQueuePairOptions } from './connected-queue-pair.js';
import { ConnectionRequest } from './connection-request.js';
import { QpError } from './error.js';

export interface ConnectedQueuePairsOptions {
  readonly cm: CmInterface;
  /** On the interface's ledger, whose completions the interface's `poll` runs. */
  readonly queuePairs: QueuePairTable;
}

const CONNECTED_TRANSPORTS: ReadonlySet<unknown> = new Set(['rc', 'uc']);

/**
 * Connected queue pairs: queue pairs that the CM's events lead through their states, over the CM-only interface and a table of queue pairs.
 *
 * There is nothing to drive here: whoever polls the interface drives this, too.
 */
export class ConnectedQueuePairs {
  readonly #cm: CmInterface;
  readonly #queuePairs: QueuePairTable;

  constructor({ cm, queuePairs }: ConnectedQueuePairsOptions) {
    this.#cm = cm;
    this.#queuePairs = queuePairs;
  }

  /** A new queue pair, in RESET and not connected. @throws VerbsError `LIMIT_REACHED`, QpError `INVALID_TRANSPORT` */
  create<Context>(options: ConnectedQueuePairOptions<Context>): ConnectedQueuePair<Context> {
    const { transport } = options;
    if (!CONNECTED_TRANSPORTS.has(transport)) {
      throw new QpError('INVALID_TRANSPORT', `a connection is rc or uc, not ${String(transport)}`, { transport });
    }
    return new ConnectedQueuePair(this.#cm, this.#queuePairs.create({ transport }), options);
  }

  /**
   * Fetches the oldest request that waits at a listener, to be accepted or rejected.
   * @param onWithdrawn told if its sender takes it back before that.
   * @returns undefined if none waits. @throws CmError `INVALID_ID`
   */
  getRequest(listener: CmId, onWithdrawn?: (event: CmEvent) => void): ConnectionRequest | undefined {
    return ConnectionRequest.fetch(this.#cm, listener, onWithdrawn);
  }
}
