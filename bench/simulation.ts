import { runSeed } from 'ibcm/sim';
import { MANAGERS_CYCLE } from './cycle.js';
import type { Case } from './main.js';

/** Seeds of the default mix that are run each time: two with whole packets, six with MADs alone. */
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 9];
/** The simulator has more code than the other cases: it takes some rounds until all of it is compiled. */
const WARM_UP_ROUNDS = 40;

/** @returns how many lifecycles there were. */
function runSeeds(): number {
  // As in the command's threads: calls that must fail throw by the thousand.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  let lifecycles = 0;
  for (const seed of SEEDS) {
    const result = runSeed({ seed });
    if (result.violation) throw result.violation;
    lifecycles += result.lifecycles;
  }
  Error.stackTraceLimit = stackTraceLimit;
  return lifecycles;
}

function simulatedLifecycle(): Case {
  let isWarm = false;
  const run = (times: number): void => {
    for (let i = 0; i < (isWarm ? 0 : WARM_UP_ROUNDS); i += 1) runSeeds();
    isWarm = true;
    for (let i = 0; i < times; i += 1) runSeeds();
  };
  return { name: 'simulated lifecycle', unit: 'µs', reference: MANAGERS_CYCLE, each: runSeeds(), run };
}

export const SIMULATION: readonly Case[] = [simulatedLifecycle()];
