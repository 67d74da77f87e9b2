import { IbcmError } from '../base/index.js';
import type { QpState } from './attributes.js';

/**
 * - `INVALID_TRANSITION`: a queue pair of this transport cannot go from the one state to the other.
 * - `MISSING_ATTRIBUTE`: the transition needs an attribute that was not given.
 * - `ATTRIBUTE_NOT_ALLOWED`: an attribute that the transition does not change, or that this transport does not have.
 * - `INVALID_ATTRIBUTE`: a value out of its range, or one that does not go with the others.
 * - `DESTROYED`: the queue pair's destruction has begun.
 * - `LIMIT_REACHED`: a named limit of the table; `details.limit` says which.
 */
export type VerbsErrorCode =
  | 'INVALID_TRANSITION'
  | 'MISSING_ATTRIBUTE'
  | 'ATTRIBUTE_NOT_ALLOWED'
  | 'INVALID_ATTRIBUTE'
  | 'DESTROYED'
  | 'LIMIT_REACHED';

/** What the message mentions, as far as it applies. */
export interface VerbsErrorDetails {
  /** As in the call; of an address vector with its part: `path.hopLimit`. */
  readonly attribute?: string;
  readonly value?: unknown;
  readonly from?: QpState;
  readonly to?: QpState;
  readonly qpn?: number;
  readonly limit?: string;
}

/** The caller's fault. Whatever the call was about has not changed. */
export class VerbsError extends IbcmError<VerbsErrorCode, VerbsErrorDetails> {}
