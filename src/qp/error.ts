import { IbcmError } from '../base/index.js';

/**
 * - `NOT_CONNECTED`: no connection is bound to the queue pair, or its queue pair is not in the state that the call is about.
 * - `END_NOT_TOLD`: the last connection is over, but its last event waits to be polled; with it the queue pair can be used again.
 * - `REQUEST_OVER`: the request was accepted or rejected before, or its sender has withdrawn it.
 * - `INVALID_TRANSPORT`: only reliable (RC) and unreliable (UC) connections connect queue pairs.
 *
 * What the CM refuses comes as its `CmError` or `CepError` (`QPN_IN_USE`, `INVALID_STATE`, …), and what the queue pair refuses as `VerbsError`
 * (`DESTROYED`, …), unchanged.
 */
export type QpErrorCode = 'NOT_CONNECTED' | 'END_NOT_TOLD' | 'REQUEST_OVER' | 'INVALID_TRANSPORT';

/** The caller's fault. Nothing has changed, but for what the call says of the request that it was given. */
export class QpError extends IbcmError<QpErrorCode> {}
