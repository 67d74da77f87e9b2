import { describe, expect, test } from 'vitest';
import { ladderOf, runSeed, type SimSettings, shrink, Trace } from '../../src/sim/index.js';

/** Simulations whose consumers use the layers above the CEP manager: the same scripts, faults and checks, and what those layers promise besides. */

function failureOf(seed: number, fixed: Partial<SimSettings>): string | undefined {
  const result = runSeed({ seed, fixed });
  if (result.violation === undefined) return undefined;
  const least = shrink(result, { fixed }, 200).result;
  const trace = new Trace();
  runSeed({ seed, fixed, plan: least.plan, trace });
  return `seed ${seed}: ${result.violation.message}\n${ladderOf(trace.entries, least.plan.attempts[0]).join('\n')}`;
}

const MIXES: readonly (readonly [requirements: string, name: string, seeds: number, fixed: Partial<SimSettings>])[] = [
  ['R3: R8: R9: R12: R15: R21: R22:', 'queue pairs', 40, { interface: 'queue-pairs' }],
  ['R8: R9: R22:', 'queue pairs and heavy loss', 15, { interface: 'queue-pairs', loss: 0.4 }],
  [
    'R3: R15:',
    'queue pairs, crowded',
    8,
    { interface: 'queue-pairs', connections: 160, adapters: 2, owners: 1, ports: 1, faultPhaseMs: 2_000 },
  ],
  ['R15: R19:', 'queue pairs that sleep and misuse', 15, { interface: 'queue-pairs', slowConsumers: 12, misuses: 100 }],
  ['R11: R12: R21:', 'the CM-only interface', 30, { interface: 'cm' }],
  ['R19:', 'the CM-only interface, misused', 15, { interface: 'cm', slowConsumers: 12, misuses: 100 }],
  ['R20: R21:', 'a mix of all', 40, { interface: 'mixed' }],
  ['R20: R22:', 'a mix of all with many crashes', 15, { interface: 'mixed', crashes: 8 }],
];

describe('all invariants hold', () => {
  test.each(MIXES)('%s with consumers of %s', (_requirements, _name, seeds, fixed) => {
    for (let seed = 1; seed <= seeds; seed += 1) expect(failureOf(seed, { connections: 40, ...fixed })).toBeUndefined();
  });
});

/** How often each call and each event came, by what a trace says of it. */
function countsOf(fixed: Partial<SimSettings>, seeds: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const trace = new Trace();
    expect(runSeed({ seed, fixed, trace }).violation).toBeUndefined();
    for (const entry of trace.entries) {
      if (entry.kind === 'call' || entry.kind === 'event') counts.set(entry.text, (counts.get(entry.text) ?? 0) + 1);
    }
  }
  return counts;
}

test('consumers of queue pairs do all that scripts say, and meet refusals', () => {
  const counts = countsOf({ connections: 60, interface: 'queue-pairs' }, 30);
  const often = [
    'connect',
    'formatRep',
    'sendRtu',
    'sendDreq',
    'sendDrep',
    'sendMra',
    'reject',
    'abort',
    'destroy',
    'timewait_exit (elapsed)',
  ];
  for (const call of often) expect([call, (counts.get(call) ?? 0) > 100]).toEqual([call, true]);
  const seldom = ['sendLap', 'sendApr', 'migrate', 'established', 'sendRej', 'apr_received', 'formatRep: QPN_IN_USE'];
  for (const call of seldom) expect([call, (counts.get(call) ?? 0) > 5]).toEqual([call, true]);
});

test.each(['cm', 'queue-pairs', 'mixed'] as const)(
  'a seed gives the same run each time, and from its faults (%s)',
  (kind) => {
    const fixed = { connections: 40, interface: kind };
    const { digest, plan, lifecycles } = runSeed({ seed: 3, fixed });
    expect(runSeed({ seed: 3, fixed }).digest).toBe(digest);
    expect(runSeed({ seed: 3, fixed, plan })).toMatchObject({ digest, lifecycles, violation: undefined });
    expect(runSeed({ seed: 3, fixed: { connections: 40 } }).digest).not.toBe(digest);
  },
);
