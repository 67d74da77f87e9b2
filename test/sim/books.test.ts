import { afterEach, describe, expect, test, vi } from 'vitest';
import { TimerWheel } from '../../src/base/index.js';
import { SlotIndex } from '../../src/cep/slot-index.js';
import { runSeed } from '../../src/sim/index.js';
import { InvariantChecker } from '../../src/sim/invariants.js';
import type { SimAdapter } from '../../src/sim/sim-adapter.js';
import { ViolationError } from '../../src/sim/violation.js';

const FIXED = { connections: 60, faultPhaseMs: 5_000, loss: 0.1, duplication: 0.1, crashes: 1 };

/** After each step, looks at what has changed and at everything. @returns how often the two found the same, and how often not. */
function compare(seed: number): { agreed: number; disagreed: number; wrong: number } {
  const counts = { agreed: 0, disagreed: 0, wrong: 0 };
  vi.spyOn(InvariantChecker.prototype, 'check').mockImplementation(function (
    this: InvariantChecker,
    adapter: SimAdapter,
  ) {
    const fine = adapter.books.balance();
    let violation: ViolationError | undefined;
    try {
      this.checkAll(adapter);
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      violation = error;
    }
    if (fine === (violation === undefined)) counts.agreed += 1;
    else counts.disagreed += 1;
    if (violation === undefined) return;
    counts.wrong += 1;
    throw violation;
  });
  runSeed({ seed, fixed: FIXED });
  return counts;
}

/** Loses every n-th call of a method. */
function skip<T extends object>(prototype: T, name: keyof T, n: number): void {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  let count = 0;
  vi.spyOn(prototype, name as never).mockImplementation(function (this: T, ...args: unknown[]) {
    count += 1;
    return count % n === 0 ? undefined : original.apply(this, args);
  } as never);
}

describe('looking at what a step has changed finds the same as looking at everything', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('in runs in which nothing is wrong', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { agreed, disagreed, wrong } = compare(seed);
      expect(agreed).toBeGreaterThan(100);
      expect(disagreed + wrong).toBe(0);
      vi.restoreAllMocks();
    }
  });

  test.each([
    ['a timer goes on running', () => skip(TimerWheel.prototype, 'cancel', 100)],
    ['an index keeps what is gone', () => skip(SlotIndex.prototype, 'remove', 30)],
    ['an index does not hold what there is', () => skip(SlotIndex.prototype, 'insert', 30)],
  ])('at the very step after which %s', (_name, plant) => {
    let found = 0;
    for (let seed = 1; seed <= 8; seed += 1) {
      plant();
      const { disagreed, wrong } = compare(seed);
      expect(disagreed).toBe(0);
      found += wrong;
      vi.restoreAllMocks();
    }
    expect(found).toBeGreaterThanOrEqual(3);
  });
});
