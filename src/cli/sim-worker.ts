import { parentPort, workerData } from 'node:worker_threads';
import { runSeed, type SimSettings } from '../sim/index.js';

/** Seeds to be run, both ends included. */
export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** What came of them. */
export interface RangeResult extends SeedRange {
  readonly lifecycles: number;
  /** Of data, that were done. */
  readonly operations: number;
  readonly failed: readonly number[];
}

// Calls that must fail throw by the thousand. Whatever fails in earnest runs again in the main thread, with its stack.
Error.stackTraceLimit = 0;

/** Runs ranges of seeds, one at a time, as they are asked for. */
parentPort?.on('message', ({ first, last }: SeedRange) => {
  const fixed = workerData as Partial<SimSettings>;
  let lifecycles = 0;
  let operations = 0;
  const failed: number[] = [];
  for (let seed = first; seed <= last; seed += 1) {
    const result = runSeed({ seed, fixed });
    lifecycles += result.lifecycles;
    operations += result.operations;
    if (result.violation !== undefined) failed.push(seed);
  }
  parentPort?.postMessage({ first, last, lifecycles, operations, failed } satisfies RangeResult);
});
