import { IbcmError } from '../base/index.js';

/**
 * - `INVALID_ARGUMENT`: a size or a right that there is not.
 * - `INVALID_REQUEST`: a work request that this queue pair cannot do, or that contradicts itself.
 * - `INVALID_STATE`: a queue pair that takes no such request in its state, or that moves data already.
 * - `QUEUE_FULL`: the work queue has no room until an older request is completed.
 * - `LIMIT_REACHED`: a named limit; `details.limit` says which.
 * - `IN_USE`: something still needs what was to be given up.
 * - `DESTROYED`: it was given up before.
 */
export type TransportErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_REQUEST'
  | 'INVALID_STATE'
  | 'QUEUE_FULL'
  | 'LIMIT_REACHED'
  | 'IN_USE'
  | 'DESTROYED';

/** What the message mentions, as far as it applies. */
export interface TransportErrorDetails {
  readonly name?: string;
  readonly value?: unknown;
  readonly qpn?: number;
  readonly limit?: string;
}

/** The caller's fault. Whatever the call was about has not changed. */
export class TransportError extends IbcmError<TransportErrorCode, TransportErrorDetails> {}

/** @throws TransportError `INVALID_ARGUMENT` unless `value` is an integer in the range. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  throw new TransportError(
    'INVALID_ARGUMENT',
    `${name} is ${String(value)}; it must be an integer from ${min} to ${max}`,
    {
      name,
      value,
    },
  );
}
