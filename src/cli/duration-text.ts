const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A time for people, in two units at most: `12ms`, `3.4s`, `5m06s`, `7h08m`, `9d10h`. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) return `${Math.floor(ms)}ms`;
  if (ms < MINUTE_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  if (ms < HOUR_MS) return pair(ms, MINUTE_MS, 'm', SECOND_MS, 's');
  return ms < DAY_MS ? pair(ms, HOUR_MS, 'h', MINUTE_MS, 'm') : pair(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${largeName}${String(rest).padStart(2, '0')}${smallName}`;
}
