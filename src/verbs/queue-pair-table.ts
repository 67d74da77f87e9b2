import { assert, type Random, type ReferenceLedger } from '../base/index.js';
import { TRANSPORTS, type Transport } from './attributes.js';
import { VerbsError } from './error.js';
import { checkLimits, DEFAULT_QUEUE_PAIR_LIMITS, type QueuePairLimits } from './limits.js';
import { QpnTable } from './qpn-table.js';
import { QueuePair } from './queue-pair.js';

export interface QueuePairTableOptions {
  readonly random: Random;
  /** Polled by whoever drives the adapter: destructions complete there. */
  readonly ledger: ReferenceLedger;
  /** How many ports the adapter has; default 1. */
  readonly ports?: number;
  readonly limits?: Partial<QueuePairLimits>;
}

export interface CreateQueuePairOptions<Context> {
  readonly transport: Transport;
  /** See `QueuePair.context`. */
  readonly context?: Context;
}

const KNOWN_TRANSPORTS: ReadonlySet<unknown> = new Set(TRANSPORTS);

/**
 * The queue pairs of one adapter, by number. A number is in use until its queue pair was destroyed and nobody holds it any more; then it
 * rests until all the others were used (IBTA leaves that open). A number that the CM still has in timewait is refused by the CM (R3).
 */
export class QueuePairTable<Context = unknown> {
  readonly #ledger: ReferenceLedger;
  readonly #ports: number;
  readonly #limits: QueuePairLimits;
  readonly #numbers: QpnTable;
  /** By slot, from 1. */
  readonly #queuePairs: (QueuePair<Context> | undefined)[] = [undefined];
  readonly #freeSlots: number[] = [];
  #size = 0;

  constructor({ random, ledger, ports = 1, limits }: QueuePairTableOptions) {
    this.#limits = { ...DEFAULT_QUEUE_PAIR_LIMITS, ...limits };
    checkLimits(this.#limits);
    this.#ledger = ledger;
    this.#ports = ports;
    this.#numbers = new QpnTable(random, this.#limits.qpnCount);
  }

  /** Queue pairs, those included that are destroyed and still held. */
  get size(): number {
    return this.#size;
  }

  /**
   * A new queue pair in RESET.
   * @throws VerbsError `LIMIT_REACHED` when there are `maxQueuePairs`, `INVALID_ATTRIBUTE` for an unknown transport.
   */
  create({ transport, context }: CreateQueuePairOptions<Context>): QueuePair<Context> {
    if (!KNOWN_TRANSPORTS.has(transport)) {
      throw new VerbsError('INVALID_ATTRIBUTE', `a transport is rc, uc or ud, not ${String(transport)}`, {
        attribute: 'transport',
        value: transport,
      });
    }
    const { maxQueuePairs } = this.#limits;
    if (this.#size >= maxQueuePairs) {
      throw new VerbsError('LIMIT_REACHED', `there are ${maxQueuePairs} queue pairs (maxQueuePairs)`, {
        limit: 'maxQueuePairs',
      });
    }
    const slot = this.#freeSlots.pop() ?? this.#queuePairs.length;
    assert(slot <= maxQueuePairs, 'slots are used again');
    const qpn = this.#numbers.allocate(slot);
    const queuePair = new QueuePair<Context>({
      qpn,
      transport,
      context,
      ports: this.#ports,
      ledger: this.#ledger,
      whenGone: () => {
        this.#queuePairs[slot] = undefined;
        this.#freeSlots.push(slot);
        this.#numbers.free(qpn);
        this.#size -= 1;
      },
    });
    this.#queuePairs[slot] = queuePair;
    this.#size += 1;
    return queuePair;
  }

  /** The queue pair with a number (any 24 bits, as they come from a packet), unless its destruction has begun. */
  get(qpn: number): QueuePair<Context> | undefined {
    const queuePair = this.#queuePairs[this.#numbers.slotOf(qpn)];
    return queuePair === undefined || queuePair.destroyed ? undefined : queuePair;
  }
}
