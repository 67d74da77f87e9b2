import { IbcmError } from '../base/index.js';
import { COMPLETION_STATUSES, type CompletionStatus } from '../transport/index.js';

/** How each status of a work request that was not done is called as an error's code. */
const CODES = {
  localLengthError: 'LOCAL_LENGTH_ERROR',
  localQueuePairOperationError: 'LOCAL_QUEUE_PAIR_OPERATION_ERROR',
  localProtectionError: 'LOCAL_PROTECTION_ERROR',
  flushed: 'FLUSHED',
  badResponse: 'BAD_RESPONSE',
  remoteInvalidRequest: 'REMOTE_INVALID_REQUEST',
  remoteAccessError: 'REMOTE_ACCESS_ERROR',
  remoteOperationalError: 'REMOTE_OPERATIONAL_ERROR',
  retryExceeded: 'RETRY_EXCEEDED',
  rnrRetryExceeded: 'RNR_RETRY_EXCEEDED',
} as const satisfies Record<FailureStatus, string>;

export type FailureStatus = Exclude<CompletionStatus, 'success'>;
export type TransferErrorCode = (typeof CODES)[FailureStatus];

export interface TransferErrorDetails {
  /** What was to be done: `send`, `write`, `read`, `fetchAdd`, `compareSwap`. */
  readonly operation: string;
  readonly status: FailureStatus;
}

/**
 * A transfer was not done; what part of a write or a send has arrived is unknown. `FLUSHED`: the connection had ended before it was this one's turn. Every
 * other code is the reason for which the connection breaks.
 */
export class TransferError extends IbcmError<TransferErrorCode, TransferErrorDetails> {
  constructor(operation: string, status: FailureStatus) {
    super(CODES[status], `${operation} failed: ${COMPLETION_STATUSES[status]}`, { operation, status });
  }
}
