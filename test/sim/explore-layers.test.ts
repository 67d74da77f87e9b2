import { afterEach, expect, test } from 'vitest';
import { IbcmError } from '../../src/base/index.js';
import { CepOwner } from '../../src/cep/owner.js';
import { ConnectedQueuePair } from '../../src/qp/connected-queue-pair.js';
import { explore, SCRIPTS } from '../../src/sim/index.js';

/**
 * Every order of everything in small scripts, for consumers of the layers above the CEP manager: after each step the queue pair's state agrees with
 * its connection's, each reference has somebody who needs it, and calls end as they must; at rest nothing is half done, and then nothing left.
 */

interface Expected {
  readonly requirements: string;
  readonly name: string;
  readonly maxRetries: number;
  /** States, transitions and the longest run. */
  readonly size: readonly [number, number, number];
  /** Refusals that must have occurred, by call. */
  readonly refusals: readonly string[];
}

const EXPECTED: readonly Expected[] = [
  {
    requirements: 'R5: R9: R15:',
    name: 'queue-pairs',
    maxRetries: 0,
    size: [8_640, 29_721, 29],
    refusals: ['accept: INVALID_STATE', 'accept: REQUEST_OVER', 'disconnect: INVALID_STATE'],
  },
  {
    requirements: 'R7: R8: R9: R10: R11: R12: R22:',
    name: 'queue-pairs-destroy',
    maxRetries: 0,
    size: [9_923, 49_275, 27],
    refusals: ['accept: DESTROYED', 'accept: INVALID_STATE', 'connect: DESTROYED'],
  },
  {
    requirements: 'R8: R11: R12: R15: R22:',
    name: 'queue-pairs-disconnect-destroy',
    maxRetries: 0,
    size: [36_326, 179_820, 33],
    refusals: ['accept: DESTROYED', 'disconnect: INVALID_STATE'],
  },
  {
    requirements: 'R3: R5: R6: R7: R15:',
    name: 'queue-pairs-reconnect',
    maxRetries: 0,
    size: [237_396, 986_438, 39],
    refusals: ['accept: END_NOT_TOLD', 'accept: QPN_IN_USE', 'connect: END_NOT_TOLD', 'connect: QPN_IN_USE'],
  },
  {
    requirements: 'R11: R12: R15: R21:',
    name: 'queue-pairs-close',
    maxRetries: 0,
    size: [90_443, 515_453, 31],
    refusals: ['accept: REQUEST_OVER', 'connect: CLOSED', 'connect: DESTROYED'],
  },
  {
    requirements: 'R8: R9: R11:',
    name: 'queue-pairs-peer-to-peer',
    maxRetries: 1,
    size: [60_279, 396_794, 33],
    refusals: ['connect: DESTROYED'],
  },
  { requirements: 'R11: R12:', name: 'cm-only', maxRetries: 0, size: [13_237, 43_682, 25], refusals: [] },
  { requirements: 'R21:', name: 'cm-only-close', maxRetries: 0, size: [16_305, 79_433, 31], refusals: [] },
  {
    requirements: 'R3: R20:',
    name: 'interfaces',
    maxRetries: 0,
    size: [85_676, 263_241, 30],
    refusals: ['connect: QPN_IN_USE', 'sendReq: QPN_IN_USE'],
  },
];

const restored: (() => void)[] = [];
afterEach(() => {
  for (const restore of restored.splice(0)) restore();
});

/** Notes how calls of a class fail. (There are too many calls for a spy, which remembers each.) */
function noteRefusals(prototype: object, names: readonly string[], into: Set<string>): void {
  const calls = prototype as Record<string, (...args: unknown[]) => unknown>;
  for (const name of names) {
    const original = calls[name] as (...args: unknown[]) => unknown;
    restored.push(() => Object.assign(calls, { [name]: original }));
    calls[name] = function (this: unknown, ...args) {
      try {
        return original.apply(this, args);
      } catch (error) {
        if (error instanceof IbcmError) into.add(`${name}: ${error.code}`);
        throw error;
      }
    };
  }
}

test.each(EXPECTED.map((each) => [each.requirements, each.name, each] as const))(
  '%s nothing goes wrong in any order of "%s"',
  (_, name, { maxRetries, size, refusals }) => {
    const script = SCRIPTS.find((each) => each.name === name);
    if (script === undefined) throw new Error(`no script ${name}`);
    const seen = new Set<string>();
    noteRefusals(ConnectedQueuePair.prototype, ['connect', 'accept', 'disconnect', 'abort'], seen);
    noteRefusals(CepOwner.prototype, ['sendReq'], seen);
    const { states, transitions, depth, violation } = explore({ script, losses: 1, duplicates: 1, maxRetries });
    expect(violation?.message).toBeUndefined();
    expect([states, transitions, depth]).toEqual(size);
    expect([...seen].sort()).toEqual(expect.arrayContaining([...refusals]));
  },
  120_000,
);

test('every script of these layers is tried', () => {
  const names = SCRIPTS.filter(({ plans }) => plans.some((plan) => plan.interface ?? plan.beside)).map(
    ({ name }) => name,
  );
  expect(EXPECTED.map(({ name }) => name)).toEqual(names);
});
