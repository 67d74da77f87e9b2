import {
  describeFault,
  ladderOf,
  type Plan,
  type RunResult,
  runSeed,
  type SimSettings,
  shrink,
  Trace,
} from '../sim/index.js';
import type { Style } from './style.js';

/** Lines that say what a run is made of. */
export function settingsLines(settings: Partial<SimSettings>): string[] {
  return Object.entries(settings).map(([name, value]) => `  ${name.padEnd(16)}${show(value)}`);
}

const show = (value: string | number): string =>
  typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(4) : String(value);

/** An option's name for a setting. */
export const dashed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const commandFor = (seed: number, fixed: Partial<SimSettings>): string =>
  [`ibcm sim --seed ${seed}`, ...Object.entries(fixed).map(([name, value]) => `--${dashed(name)} ${value}`)].join(' ');

/** What came of shrinking a failed run. */
export interface Failure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
  readonly attempt: number;
  readonly plan: Plan;
  readonly faults: readonly string[];
  readonly ladder: readonly string[];
  readonly runs: number;
  /** The command that gives the whole run again. */
  readonly again: string;
  /** Where an error that is no violation in itself was thrown. */
  readonly stack?: string | undefined;
}

/** Looks for the least that breaks the same invariant, and draws what happened then. */
export function explain(failed: RunResult, fixed: Partial<SimSettings>, maxRuns: number): Failure {
  const { result, runs } = shrink(failed, { fixed }, maxRuns);
  const trace = new Trace();
  const again = runSeed({ seed: result.seed, fixed, plan: result.plan, trace });
  const violation = again.violation ?? result.violation;
  const { invariant = 'assertion', attempt = -1 } = violation?.details ?? {};
  const { timed, transmissions } = result.plan;
  const shownAttempt = attempt >= 0 || result.plan.attempts.length !== 1 ? attempt : (result.plan.attempts[0] ?? -1);
  return {
    seed: result.seed,
    invariant,
    message: violation?.message ?? '',
    attempt: shownAttempt,
    plan: result.plan,
    faults: [...timed, ...transmissions].map((fault) => describeFault(fault, result.settings)),
    ladder: ladderOf(trace.entries, shownAttempt >= 0 ? shownAttempt : undefined),
    runs,
    again: commandFor(result.seed, fixed),
    stack: violation?.cause instanceof Error ? violation.cause.stack : undefined,
  };
}

export function failureLines(failure: Failure, { bold, red, dim }: Style): string[] {
  const { seed, message, attempt, plan, faults, ladder, runs, again, stack } = failure;
  const { attempts } = plan;
  const which = attempts.length <= 20 ? attempts.join(', ') : `${attempts.length} of them`;
  return [
    red(`seed ${seed}: ${message}`),
    ...(stack === undefined ? [] : [dim(stack)]),
    '',
    bold(`With fewer faults (${runs} more runs), it still takes`),
    ...(faults.length === 0 ? ['  no fault at all'] : faults.map((fault) => `  ${fault}`)),
    `  attempts to connect: ${which}`,
    '',
    bold(attempt >= 0 ? `Attempt ${attempt}` : 'What happened'),
    ...ladder,
    '',
    `Again: ${again}`,
  ];
}
