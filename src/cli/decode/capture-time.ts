import type { CaptureTimestamp } from '../../wire/index.js';

const NANOSECONDS_PER_SECOND = 1_000_000_000;

/**
 * Seconds from the file's first time to another; negative if that is earlier. The difference is taken in nanoseconds,
 * so that the nearest number to the exact one comes out.
 */
export function secondsBetween(first: CaptureTimestamp, then: CaptureTimestamp): number {
  const seconds = then.seconds - first.seconds;
  const nanoseconds = then.nanoseconds - first.nanoseconds;
  return (seconds * NANOSECONDS_PER_SECOND + nanoseconds) / NANOSECONDS_PER_SECOND;
}
