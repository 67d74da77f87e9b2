import { describe, expect, test } from 'vitest';
import { explore, runSeed, SCRIPTS } from '../../src/sim/index.js';
import { explore as exploreSteps } from '../qp/orders.js';
import { SCENARIOS } from '../qp/scenarios.js';

/**
 * Who may notice that a guarantee is broken: tests of single calls, all orders of the steps of an accept that meets the destruction of its queue pair, the
 * explorer, and the simulator. Each is small here: what these guarantees are about is seen without retries and losses.
 */

const BOUNDS = { losses: 0, duplicates: 0, maxRetries: 0, maxStates: 60_000 };
const SEEDS = 6;

describe('tests', async () => {
  await import('../cep/cid-slot.test.js');
  await import('../cep/destroy.test.js');
  await import('../qp/race.test.js');
});

test('orders', () => {
  expect(exploreSteps(SCENARIOS['accepting, while either queue pair is destroyed']).wrong).toBeUndefined();
});

test('explorer', () => {
  for (const script of SCRIPTS.filter(({ plans }) => plans.some((plan) => plan.interface !== undefined))) {
    expect(explore({ script, ...BOUNDS }).violation?.message).toBeUndefined();
  }
});

test('simulator', () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const fixed = { connections: 30, interface: seed % 2 === 0 ? 'mixed' : 'queue-pairs' } as const;
    expect(runSeed({ seed, fixed }).violation?.message).toBeUndefined();
  }
});
