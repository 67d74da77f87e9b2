import { describe, expect, test } from 'vitest';
import { type RunResult, runSeed, type SimSettings } from '../../src/sim/index.js';

const SMALL: Partial<SimSettings> = { connections: 50 };
const SEEDS = [1, 2, 3, 7, 2 ** 40 + 5] as const;

const run = (seed: number): RunResult => runSeed({ seed, fixed: SMALL });

describe('a seed', () => {
  test('gives the same transmissions, arrivals and events each time, whatever ran before', () => {
    const first = SEEDS.map((seed) => run(seed).digest);
    const backwards = SEEDS.toReversed().map((seed) => run(seed).digest);
    expect(backwards.toReversed()).toEqual(first);
    expect(new Set(first).size).toBe(SEEDS.length);
  });

  test.each(SEEDS)('%i gives the same run from the list of its faults', (seed) => {
    const { plan, digest, lifecycles, steps } = run(seed);
    const again = runSeed({ seed, fixed: SMALL, plan });
    expect(again).toMatchObject({ digest, lifecycles, steps, violation: undefined });
  });

  test('gives other runs with other settings', () => {
    const { digest } = run(1);
    expect(runSeed({ seed: 1, fixed: { ...SMALL, loss: 0.5 } }).digest).not.toBe(digest);
  });
});

test('leaving an attempt out does not change what the others are about', () => {
  const quiet: Partial<SimSettings> = { ...SMALL, loss: 0, duplication: 0, reordering: 0, delay: 0, corruption: 0 };
  const { plan } = runSeed({ seed: 9, fixed: { ...quiet, crashes: 0, partitions: 0 } });
  for (const left of [0, 1, 20]) {
    const attempts = plan.attempts.filter((number) => number !== left);
    const { lifecycles, resolutions, violation } = runSeed({ seed: 9, fixed: quiet, plan: { ...plan, attempts } });
    expect(violation).toBeUndefined();
    expect(lifecycles + resolutions).toBeGreaterThanOrEqual(attempts.length);
  }
});
