import { performance } from 'node:perf_hooks';
import type { Instant } from '../base/index.js';

/** The machine's monotonic clock. */
export const monotonicNow = (): Instant => (performance.now() * 1_000) as Instant;
