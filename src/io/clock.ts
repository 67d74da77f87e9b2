import { performance } from 'node:perf_hooks';
import type { Instant } from '../base/index.js';

/** The machine's monotonic clock. */
export const monotonicNow = (): Instant => (performance.now() * 1_000) as Instant;

/** Milliseconds since the epoch, with a fraction, by the monotonic clock: they go on evenly when somebody sets the machine's calendar. */
export const calendarNow = (): number => performance.timeOrigin + performance.now();
