/** Something to be timed. */
export interface Subject {
  readonly name: string;
  /** Does it so many times. The loop is the subject's own: a call for each time would cost as much as what is measured. */
  readonly run: (times: number) => void;
  /** How many of what is timed are done in one time; one if it is left out. */
  readonly each?: number;
}

/** What one time took, in nanoseconds. */
export interface Timing {
  /** The median of the rounds. */
  readonly median: number;
  /** The fastest round: what comes out when the machine does nothing else. */
  readonly best: number;
  /** Half the distance between the quartiles, as a part of the median: how far off a round usually is. */
  readonly spread: number;
}

/** A prime number of rounds more than one subject: each stands in each place of the order about equally often. */
const ROUNDS = 11;
/** How long a subject runs in one round: long beside the clock's resolution, short beside the machine's moods. */
const ROUND_MS = 60;
/** How long a subject runs before it counts: the longest path here is compiled after some thousand times. */
const WARM_UP_MS = 600;

/**
 * Times subjects in rounds: each round runs every subject once, beginning with another one. So whatever slows the machine for a while
 * slows all of them, and what can be trusted best is how they compare.
 */
export function measure(subjects: readonly Subject[]): Map<string, Timing> {
  const plans = subjects.map((subject) => ({ subject, times: timesFor(subject), rounds: [] as number[] }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let i = 0; i < plans.length; i += 1) {
      const { subject, times, rounds } = plans[(i + round) % plans.length] as (typeof plans)[number];
      rounds.push((elapsed(subject, times) * 1e6) / (times * (subject.each ?? 1)));
    }
  }
  return new Map(plans.map(({ subject, rounds }) => [subject.name, summary(rounds)]));
}

/** Runs the subject until it is warm. @returns how many times then take about {@link ROUND_MS}. */
function timesFor(subject: Subject): number {
  let times = 1;
  for (let total = 0; ; ) {
    const took = elapsed(subject, times);
    total += took;
    if (total >= WARM_UP_MS && took >= ROUND_MS / 2) return Math.max(1, Math.round((times * ROUND_MS) / took));
    if (took < ROUND_MS / 2) times *= 2;
  }
}

/** The processor time that it took, in milliseconds: while other programs run, it stands still. */
function elapsed(subject: Subject, times: number): number {
  const begin = process.cpuUsage();
  subject.run(times);
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1_000;
}

function summary(rounds: readonly number[]): Timing {
  const sorted = rounds.toSorted((a, b) => a - b);
  const quantile = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] as number;
  const median = quantile(0.5);
  return { median, best: quantile(0), spread: (quantile(0.75) - quantile(0.25)) / 2 / median };
}
