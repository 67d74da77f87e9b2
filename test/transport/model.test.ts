import { expect, test } from 'vitest';
import { type Faults, runModel } from './model.js';

/** `IBCM_OPERATIONS=1000000 npx vitest run test/transport/model.test.ts` runs more, and says how many. */
const OPERATIONS = Number(process.env['IBCM_OPERATIONS'] ?? 100_000);
const SEED = Number(process.env['IBCM_SEED'] ?? 1);

const QUIET: Faults = { loss: 0, duplication: 0, corruption: 0, delay: 0 };
const NETWORKS: readonly (readonly [name: string, share: number, faults: Faults, mtu: number, depth: number])[] = [
  ['a good network', 0.55, QUIET, 1, 4],
  ['a good network, with one read at once', 0.1, QUIET, 2, 1],
  ['a peer that is often not ready', 0.1, QUIET, 1, 4],
  ['loss', 0.1, { ...QUIET, loss: 30 }, 1, 4],
  ['duplication', 0.04, { ...QUIET, duplication: 100, delay: 20 }, 1, 2],
  ['packets that overtake others', 0.03, { ...QUIET, delay: 100 }, 3, 3],
  ['corruption', 0.05, { ...QUIET, corruption: 30 }, 1, 4],
  ['everything at once', 0.03, { loss: 20, duplication: 20, corruption: 10, delay: 60 }, 1, 3],
];

test.each(NETWORKS)(
  'operations over %s do what they say, each once and in order',
  (name, share, faults, mtu, depth) => {
    const operations = Math.round(OPERATIONS * share);
    const result = runModel({ seed: SEED, operations, faults, mtu, depth, shy: name.startsWith('a peer') });
    if (process.env['IBCM_OPERATIONS'] !== undefined) process.stdout.write(`${name}: ${JSON.stringify(result)}\n`);
    expect(result.trouble).toEqual([]);
    expect(result.operations).toBeGreaterThanOrEqual(operations);
  },
  600_000,
);
