/**
 * - `error`: it keeps ibcm from working.
 * - `warning`: something will not work, or slower than it could.
 */
export type Level = 'ok' | 'warning' | 'error';

/** What was looked at, and what is to be said of it. */
export interface Finding {
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message });
export const warning = (check: string, message: string, advice: string): Finding => ({
  check,
  level: 'warning',
  message,
  advice,
});
export const error = (check: string, message: string, advice: string): Finding => ({
  check,
  level: 'error',
  message,
  advice,
});
