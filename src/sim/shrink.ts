import type { Plan } from './faults.js';
import { type RunOptions, type RunResult, runSeed } from './run.js';

/** A part of a plan: what shrinking leaves out or keeps. */
type PlanPart = keyof Plan;
const PARTS: readonly PlanPart[] = ['attempts', 'timed', 'transmissions'];

export interface Shrunk {
  /** The smallest run found that breaks the same invariant. */
  readonly result: RunResult;
  readonly runs: number;
}

/**
 * Looks for a smaller plan that breaks the same invariant (delta debugging, Zeller's ddmin, on attempts and faults in
 * turn until neither shrinks). @param maxRuns how often to run at most; what was found by then is returned.
 */
export function shrink(failed: RunResult, options: Omit<RunOptions, 'seed' | 'plan'> = {}, maxRuns = 500): Shrunk {
  const invariant = failed.violation?.details.invariant;
  let best = failed;
  let runs = 0;
  const attempt = (plan: Plan): boolean => {
    if (runs >= maxRuns) return false;
    runs += 1;
    const result = runSeed({ ...options, seed: failed.seed, plan });
    if (result.violation?.details.invariant !== invariant) return false;
    best = result;
    return true;
  };
  if (invariant === undefined) return { result: failed, runs };
  for (let size = -1; size !== sizeOf(best.plan) && runs < maxRuns; ) {
    size = sizeOf(best.plan);
    for (const part of PARTS) {
      minimize<unknown>(best.plan[part], (kept) => attempt({ ...best.plan, [part]: kept }));
    }
  }
  return { result: best, runs };
}

const sizeOf = ({ attempts, timed, transmissions }: Plan): number =>
  attempts.length + timed.length + transmissions.length;

/** Leaves out chunks of a list, smaller and smaller ones, as long as `fails` says that the rest still fails. */
function minimize<T>(all: readonly T[], fails: (kept: readonly T[]) => boolean): void {
  let kept = all;
  if (kept.length > 0 && fails([])) return;
  for (let chunk = Math.ceil(kept.length / 2); chunk >= 1; chunk = chunk === 1 ? 0 : Math.ceil(chunk / 2)) {
    for (let from = 0; from < kept.length; ) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + chunk)];
      if (fails(rest)) kept = rest;
      else from += chunk;
    }
  }
}
