export {
  ACCESS,
  type AddressVector,
  type AttributeName,
  type AttributeValues,
  addressOf,
  type ModifyAttributes,
  QP_STATES,
  type QpState,
  type QueuePairAttributes,
  type QueuePairValues,
  TRANSPORTS,
  type Transport,
} from './attributes.js';
export { VerbsError, type VerbsErrorCode, type VerbsErrorDetails } from './error.js';
export { DEFAULT_QUEUE_PAIR_LIMITS, QPN_COUNT_MAX, type QueuePairLimits } from './limits.js';
export type { QueuePair, QueuePairFollower } from './queue-pair.js';
export { type CreateQueuePairOptions, QueuePairTable, type QueuePairTableOptions } from './queue-pair-table.js';
export { TRANSITIONS, type Transition, type TransitionTable } from './transition-table.js';
