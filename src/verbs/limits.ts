import { assert, QPN_MAX } from '../base/index.js';

/** The first number that is a queue pair's own: 0 is the SMI, 1 the GSI. */
export const QPN_FIRST = 2;
/** The last: 2²⁴ − 1 is every queue pair of a multicast group. */
export const QPN_LAST = QPN_MAX - 1;
/** The numbers that a queue pair can have. */
export const QPN_COUNT_MAX = QPN_LAST - QPN_FIRST + 1;

/** What a table may hold. Memory that is not used costs nothing. */
export interface QueuePairLimits {
  /** Queue pairs at once, those included that are destroyed and still held. `create` fails with `LIMIT_REACHED`. */
  readonly maxQueuePairs: number;
  /** Numbers that the table gives, from `maxQueuePairs` to 2²⁴ − 3, for four bytes each. The more there are, the longer a number rests before it is given again. */
  readonly qpnCount: number;
}

export const DEFAULT_QUEUE_PAIR_LIMITS: QueuePairLimits = { maxQueuePairs: 65_535, qpnCount: 2 ** 20 };

export function checkLimits({ maxQueuePairs, qpnCount }: QueuePairLimits): void {
  assert(Number.isInteger(maxQueuePairs) && maxQueuePairs >= 1, 'maxQueuePairs is at least 1');
  assert(
    Number.isInteger(qpnCount) && qpnCount >= maxQueuePairs && qpnCount <= QPN_COUNT_MAX,
    `qpnCount is from maxQueuePairs to ${QPN_COUNT_MAX}`,
  );
}
