import { describe, expect, test } from 'vitest';
import { ladderOf, runSeed, type SimSettings, shrink, Trace } from '../../src/sim/index.js';

/** The failure of a seed as the command would show it; undefined if there is none. */
function failureOf(seed: number, fixed: Partial<SimSettings>): string | undefined {
  const result = runSeed({ seed, fixed });
  if (result.violation === undefined) return undefined;
  const least = shrink(result, { fixed }, 200).result;
  const trace = new Trace();
  runSeed({ seed, fixed, plan: least.plan, trace });
  return `seed ${seed}: ${result.violation.message}\n${ladderOf(trace.entries, least.plan.attempts[0]).join('\n')}`;
}

const MIXES: readonly (readonly [name: string, seeds: number, fixed: Partial<SimSettings>])[] = [
  ['the default mix', 80, { connections: 60 }],
  ['packets with their ICRC, many of them corrupt', 30, { connections: 40, fabric: 'packet', corruption: 0.2 }],
  ['heavy loss', 30, { connections: 40, loss: 0.4 }],
  ['many crashes', 30, { connections: 40, crashes: 8 }],
  [
    'two adapters with one owner, crowded',
    20,
    { connections: 120, adapters: 2, owners: 1, ports: 1, faultPhaseMs: 2_000 },
  ],
  [
    'more queue pairs in timewait than free',
    10,
    { connections: 200, adapters: 2, owners: 1, ports: 1, faultPhaseMs: 2_000, crashes: 4, reordering: 0.4 },
  ],
  ['consumers that sleep and misuse', 30, { connections: 40, slowConsumers: 12, misuses: 100 }],
];

describe('all invariants hold', () => {
  test.each(MIXES)('with %s', (_name, seeds, fixed) => {
    for (let seed = 1; seed <= seeds; seed += 1) expect(failureOf(seed, fixed)).toBeUndefined();
  });
});
