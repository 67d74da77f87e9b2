import { setMaxListeners } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, inject, type RunnerTestCase, TestRunner, test } from 'vitest';
import { SeededRandom, uniform } from '../../src/base/index.js';
import { Laboratory } from './laboratory.js';
import { MUTANTS, type Mutant } from './mutants.js';
import type { Outcome } from './outcome.js';
import { BEHAVIOUR, NOT_BEHAVIOUR } from './test-files.js';

/**
 * Runs the tests that count once as they are, notes which mutants' places each passes, and then, for each mutant, runs
 * those that pass its place again, the quickest first, until one fails. What a test does depends on nothing but itself (seeds
 * are fixed), so that the others would do the same as before.
 */

const TESTS = fileURLToPath(new URL('../cep/', import.meta.url));

/** A test that counts, and what it did when nothing was wrong. */
interface Behaviour {
  readonly task: RunnerTestCase;
  readonly passed: ReadonlySet<string>;
  readonly steps: number;
  readonly milliseconds: number;
}

// Shrinking would only lengthen what is already known.
fc.configureGlobal({ seed: 1, endOnFailure: true });
const laboratory = new Laboratory();
const behaviours: Behaviour[] = [];

describe('without a mutant', () => {
  let start = 0;
  beforeEach(() => {
    laboratory.passed.clear();
    laboratory.steps = 0;
    start = performance.now();
  });
  afterEach(({ task }) => {
    // Each time that a test is run again, it listens to being cancelled.
    setMaxListeners(0, task.context.signal);
    const { steps, passed } = laboratory;
    behaviours.push({ task, passed: new Set(passed), steps, milliseconds: performance.now() - start });
  });
  for (const file of Object.keys(BEHAVIOUR)) {
    describe(file, async () => {
      await import(/* @vite-ignore */ `${TESTS}${file}`);
    });
  }
});

test('mutants', async ({ task: { meta } }) => {
  for (const { task } of behaviours) expect(task.result?.state, `${nameOf(task)} without a mutant`).toBe('pass');
  await expectControlUnnoticed();
  const mutants: Outcome[] = [];
  for (const mutant of chosen()) mutants.push(await examine(mutant));
  meta.report = { mutants, total: MUTANTS.length, tests: behaviours.length, unlisted: unlisted() };
});

/** A mutant that changes nothing must not be noticed: else what fails is this check. */
async function expectControlUnnoticed(): Promise<void> {
  const { failure, noticedBy } = await examine({ name: 'REQ_SENT.rep', change: 'nothing' }, () => () => undefined);
  expect(noticedBy, `the mutant that changes nothing is noticed: ${failure}`).toBeUndefined();
}

async function examine(mutant: Mutant, plant = (): (() => void) => laboratory.plant(mutant)): Promise<Outcome> {
  const start = performance.now();
  const candidates = behaviours.filter(({ passed }) => passed.has(mutant.name));
  candidates.sort((one, other) => one.milliseconds - other.milliseconds);
  let noticed: { noticedBy: string; failure: string } | undefined;
  for (const { task, steps } of candidates) {
    laboratory.steps = 0;
    laboratory.maxSteps = 10 * steps + 10_000;
    const restore = plant();
    const failure = await failureOf(task);
    restore();
    if (failure === undefined && !laboratory.isEndless) continue;
    // A test that never ends is the last resort: another one may say what is wrong.
    if (noticed === undefined || !laboratory.isEndless) {
      noticed = { noticedBy: nameOf(task), failure: laboratory.isEndless ? 'it never ends' : (failure as string) };
    }
    if (!laboratory.isEndless) break;
  }
  laboratory.maxSteps = Number.POSITIVE_INFINITY;
  return { ...mutant, tests: candidates.length, ...noticed, milliseconds: Math.round(performance.now() - start) };
}

/** The first line of a test's failure. */
async function failureOf(task: RunnerTestCase): Promise<string | undefined> {
  try {
    await TestRunner.getTestFn(task)();
    return undefined;
  } catch (error) {
    return String(error).split('\n', 1)[0];
  }
}

function nameOf({ name, suite }: RunnerTestCase): string {
  const names = [name];
  for (let each = suite; each?.suite !== undefined; each = each.suite) names.unshift(each.name);
  return names.join(' > ');
}

function chosen(): readonly Mutant[] {
  const { only, sample, seed = 1 } = inject('assignment');
  if (only !== undefined) {
    return MUTANTS.filter(({ name }) => only.some((each) => name === each || name.startsWith(`${each}.`)));
  }
  if (sample === undefined) return MUTANTS;
  const random = new SeededRandom(seed);
  const pool = [...MUTANTS];
  const count = Math.min(sample, pool.length);
  return Array.from({ length: count }, () => pool.splice(uniform(random, pool.length), 1)[0] as Mutant);
}

function unlisted(): string[] {
  return readdirSync(TESTS).filter(
    (file) => file.endsWith('.test.ts') && !(file in BEHAVIOUR || file in NOT_BEHAVIOUR),
  );
}

test('no test that counts reads the state table, nor what it uses, and all of it is in the test itself', () => {
  const sources = readdirSync(TESTS).filter((file) => file.endsWith('.ts') && !(file in NOT_BEHAVIOUR));
  const unfit = /STATE_TABLE|state-table|\b(before|after)(Each|All)\(/;
  expect(sources.filter((file) => unfit.test(readFileSync(TESTS + file, 'utf8')))).toEqual([]);
});
