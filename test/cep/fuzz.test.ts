import { env } from 'node:process';
import { expect, test } from 'vitest';
import { STATES } from '../../src/cep/index.js';
import { Fuzzer } from './fuzzer.js';

/** For a long run: `IBCM_FUZZ_INPUTS=10000000 npx vitest run test/cep/fuzz.test.ts`, with `IBCM_FUZZ_SEED` for another one. */
const INPUTS = Number(env['IBCM_FUZZ_INPUTS'] ?? 200_000);
const SEED = Number(env['IBCM_FUZZ_SEED'] ?? 1);
/** Far more than a million inputs need on any machine. */
const MILLISECONDS_PER_INPUT = 0.5;

test(
  `${INPUTS} broken messages (seed ${SEED}) do no harm to a manager with CEPs in every state`,
  () => {
    const { inputs, sent, events, states } = new Fuzzer(SEED).run(INPUTS);
    expect(inputs).toBe(INPUTS);
    // They reach what they are aimed at, or they would prove nothing.
    expect(states).toEqual(new Set(STATES));
    expect(sent).toBeGreaterThan(INPUTS / 50);
    expect(events).toBeGreaterThan(INPUTS / 50);
  },
  Math.max(30_000, INPUTS * MILLISECONDS_PER_INPUT),
);
