/** Whether, and how long, to wait until what is destroyed is gone. */
export interface WaitForEnd {
  /** Default false: the call is done when the end has begun. */
  readonly wait?: boolean;
  /** After which the waiting fails (ServiceError `TIMEOUT`); the end goes on. Default 10,000. */
  readonly timeoutMs?: number;
  /** Aborting it ends the waiting; the end goes on. */
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** As options of a call. @internal */
export function waitOptions({ wait = false, timeoutMs = DEFAULT_TIMEOUT_MS, signal }: WaitForEnd): {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number;
} {
  return wait ? { signal, deadlineMs: timeoutMs } : {};
}
