import { IbcmError } from '../base/index.js';

/**
 * - `INVALID_ID`: not an ID of this interface: destroyed, another interface's, or none at all (R19).
 * - `NOT_IN_CALLBACK`: what an event lends is there only until the callback that it was given to returns (R16).
 * - `WOULD_DEADLOCK`: a callback asks for what can happen only after it has returned (R16).
 * - `CLOSED`: the interface has been closed.
 *
 * What the CEP manager refuses comes as its `CepError`, unchanged.
 */
export type CmErrorCode = 'INVALID_ID' | 'NOT_IN_CALLBACK' | 'WOULD_DEADLOCK' | 'CLOSED';

/** The caller's fault. Nothing has changed. */
export class CmError extends IbcmError<CmErrorCode> {}
