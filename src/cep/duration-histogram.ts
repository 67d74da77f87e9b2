import { type Duration, microseconds, milliseconds, seconds } from '../base/index.js';

/** Upper bounds of the buckets, each included; what takes longer falls into one more. */
export const DURATION_BOUNDS: readonly Duration[] = [
  ...[100, 250, 500].map(microseconds),
  ...[1, 2.5, 5, 10, 25, 50, 100, 250, 500].map(milliseconds),
  ...[1, 2.5, 5, 10, 30, 60].map(seconds),
];

/** Counts durations in fixed buckets: nothing is allocated when one is counted. */
export class DurationHistogram {
  /** How many fell into each bucket of {@link DURATION_BOUNDS}, and in the last place how many took longer. */
  readonly counts = new Float64Array(DURATION_BOUNDS.length + 1);
  /** In microseconds. */
  sum = 0;

  count(duration: Duration): void {
    let bucket = 0;
    while (bucket < DURATION_BOUNDS.length && duration > (DURATION_BOUNDS[bucket] as Duration)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += duration;
  }
}
