import type { Brand } from './brand.js';

/** A span of time in microseconds; not necessarily a whole number. */
export type Duration = Brand<number, 'Duration'>;
/** A moment on a monotonic clock that the driver chose, in microseconds. Only differences mean anything. */
export type Instant = Brand<number, 'Instant'>;

/** The moment that never comes. */
export const NEVER = Number.POSITIVE_INFINITY as Instant;

export const microseconds = (count: number): Duration => count as Duration;
export const milliseconds = (count: number): Duration => (count * 1_000) as Duration;
export const seconds = (count: number): Duration => (count * 1_000_000) as Duration;
export const inMilliseconds = (duration: Duration): number => duration / 1_000;

/** The moment `duration` after `instant`. */
export const after = (instant: Instant, duration: Duration): Instant => (instant + duration) as Instant;
/** The time from `start` to `end`. */
export const elapsed = (start: Instant, end: Instant): Duration => (end - start) as Duration;
