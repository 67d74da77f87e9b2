import { afterEach, describe, expect, test, vi } from 'vitest';
import { type RunResult, runSeed, type SimSettings } from '../../src/sim/index.js';
import { BUGS, type Bug } from './bugs.js';

/** Bugs are planted in the CM; an invariant must break, and it must be one that says what is wrong. */
const SEEDS = 40;
/** Everything happens in every seed: bugs are met soon. */
const EVENTFUL: Partial<SimSettings> = {
  connections: 60,
  faultPhaseMs: 5_000,
  fabric: 'packet',
  loss: 0.05,
  duplication: 0.1,
  delay: 0.02,
  corruption: 0.05,
  crashes: 2,
  misuses: 30,
  forgeries: 30,
  services: 'all',
  maxCeps: 192,
  maxMads: 96,
  maxTransmits: 48,
  backlog: 64,
};

function firstFailure({ plant, makeAdapter }: Bug): RunResult | undefined {
  plant?.();
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = runSeed({ seed, fixed: EVENTFUL, ...(makeAdapter && { makeAdapter }) });
    if (result.violation) return result;
  }
  return undefined;
}

describe('an invariant breaks when', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(BUGS)('$name', (bug) => {
    const failure = firstFailure(bug);
    expect(failure?.violation?.message ?? 'nothing').toMatch(new RegExp(`^(${bug.breaks.join('|')}):`));
  });
});

test('without a planted bug the same seeds break nothing', () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    expect(runSeed({ seed, fixed: EVENTFUL }).violation?.message, `seed ${seed}`).toBeUndefined();
  }
});
