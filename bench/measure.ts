import { performance } from 'node:perf_hooks';

/** Something to be timed. */
export interface Subject {
  readonly name: string;
  /** Does it so many times. The loop is the subject's own: a call for each time would cost as much as what is measured. */
  readonly run: (times: number) => void;
}

/** What one time took, in nanoseconds. */
export interface Timing {
  /** The median of the rounds. */
  readonly median: number;
  /** Half the distance between the quartiles, as a part of the median: how far off a round usually is. */
  readonly spread: number;
}

/** A prime number of rounds more than one subject: each stands in each place of the order about equally often. */
const ROUNDS = 11;
/** How long a subject runs in one round: long beside the clock's resolution, short beside the machine's moods. */
const ROUND_MS = 60;

/**
 * Times subjects in rounds: each round runs every subject once, beginning with another one. So whatever slows the machine for a while
 * slows all of them, and what can be trusted best is how they compare.
 */
export function measure(subjects: readonly Subject[]): Map<string, Timing> {
  const plans = subjects.map((subject) => ({ subject, times: timesFor(subject), rounds: [] as number[] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let i = 0; i < plans.length; i += 1) {
      const { subject, times, rounds } = plans[(i + round) % plans.length] as (typeof plans)[number];
      rounds.push((elapsed(subject, times) * 1e6) / times);
    }
  }
  return new Map(plans.map(({ subject, rounds }) => [subject.name, summary(rounds)]));
}

/** How many times take about {@link ROUND_MS}. Finding out warms the code up: the compiler has seen it by then. */
function timesFor(subject: Subject): number {
  let times = 1;
  for (;;) {
    const took = elapsed(subject, times);
    if (took >= ROUND_MS / 2) return Math.max(1, Math.round((times * ROUND_MS) / took));
    times *= 2;
  }
}

function elapsed(subject: Subject, times: number): number {
  const begin = performance.now();
  subject.run(times);
  return performance.now() - begin;
}

function summary(rounds: readonly number[]): Timing {
  const sorted = rounds.toSorted((a, b) => a - b);
  const quantile = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] as number;
  const median = quantile(0.5);
  return { median, spread: (quantile(0.75) - quantile(0.25)) / 2 / median };
}
