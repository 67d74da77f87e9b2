import type { Qpn, ReferenceLedger } from '../base/index.js';
import type { CmEvent, CmId, CmInterface } from '../cm/index.js';
import type { QueuePair, QueuePairTable } from '../verbs/index.js';
import { ConnectedQueuePair, type ConnectedQueuePairOptions } from './connected-queue-pair.js';
import { ConnectionRequest } from './connection-request.js';
import { QpError } from './error.js';
import { ForeignQueuePair } from './foreign-queue-pair.js';

export interface ConnectedQueuePairsOptions {
  readonly cm: CmInterface;
  /** On the ledger below. */
  readonly queuePairs: QueuePairTable;
  /** The interface's, whose `poll` runs its completions. */
  readonly ledger: ReferenceLedger;
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
  readonly #ledger: ReferenceLedger;

  constructor({ cm, queuePairs, ledger }: ConnectedQueuePairsOptions) {
    this.#cm = cm;
    this.#queuePairs = queuePairs;
    this.#ledger = ledger;
  }

  /**
   * A new queue pair, in RESET and not connected.
   * @param prepare gets the queue pair itself, for whoever moves its data. What it throws is thrown here, and there is no queue pair.
   * @throws VerbsError `LIMIT_REACHED`, QpError `INVALID_TRANSPORT`
   */
  create<Context>(
    options: ConnectedQueuePairOptions<Context>,
    prepare?: (queuePair: QueuePair) => void,
  ): ConnectedQueuePair<Context> {
    const { transport } = options;
    checkTransport(transport);
    const queuePair = this.#queuePairs.create({ transport });
    try {
      prepare?.(queuePair);
    } catch (error) {
      queuePair.destroy();
      throw error;
    }
    return new ConnectedQueuePair(this.#cm, queuePair, options);
  }

  /**
   * Stands for a queue pair that is elsewhere (in firmware, in the kernel's verbs, in a transport of the consumer's own), of which only the number is
   * known here. It is connected as one of ours is; its state and attributes are those that the other one is to be led to.
   * @param qpn 24 bits, which the CM checks when it is connected. @throws QpError `INVALID_TRANSPORT`
   */
  createForeign<Context>(qpn: number, options: ConnectedQueuePairOptions<Context>): ConnectedQueuePair<Context> {
    checkTransport(options.transport);
    return new ConnectedQueuePair(this.#cm, new ForeignQueuePair(qpn as Qpn, this.#ledger), options);
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

function checkTransport(transport: unknown): void {
  if (CONNECTED_TRANSPORTS.has(transport)) return;
  throw new QpError('INVALID_TRANSPORT', `a connection is rc or uc, not ${String(transport)}`, { transport });
}
