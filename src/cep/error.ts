import { IbcmError } from '../base/index.js';

/**
 * - `INVALID_CID`: the owner has no such CEP: destroyed, another owner's, or invented (R19).
 * - `INVALID_STATE`: the call is not valid in the CEP's state; `details` name both.
 * - `QPN_IN_USE`: another connection of the port uses the queue pair (R3).
 * - `LISTEN_CONFLICT`: a listen that could not be told apart from an existing one.
 * - `LIMIT_REACHED`: a named limit of the manager; `details.limit` says which.
 * - `INVALID_PARAMETER`: a value that means nothing, or must not be sent; `details.parameter` says which.
 * - `SLOT_NOT_INVALID`: a slot that holds a CEP, or is reserved, and so cannot take one (R5).
 * - `CEP_BOUND`: the CEP is bound to a slot already.
 * - `OWNER_CLOSED`: the owner has been closed.
 */
export type CepErrorCode =
  | 'INVALID_CID'
  | 'INVALID_STATE'
  | 'QPN_IN_USE'
  | 'LISTEN_CONFLICT'
  | 'LIMIT_REACHED'
  | 'INVALID_PARAMETER'
  | 'SLOT_NOT_INVALID'
  | 'CEP_BOUND'
  | 'OWNER_CLOSED';

/** The caller's fault. Whatever the call was about has not changed. */
export class CepError extends IbcmError<CepErrorCode> {}
