export type {
  AcceptParameters,
  ConnectedQueuePair,
  ConnectedQueuePairOptions,
  ConnectParameters,
  QpCallback,
} from './connected-queue-pair.js';
export { ConnectedQueuePairs, type ConnectedQueuePairsOptions } from './connected-queue-pairs.js';
export type { ConnectionRequest } from './connection-request.js';
export { QpError, type QpErrorCode } from './error.js';
