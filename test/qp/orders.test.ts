import { describe, expect, test } from 'vitest';
import { explore } from './orders.js';
import { destroyingAt, SCENARIOS } from './scenarios.js';

/**
 * In every order of what consumers, network and clock do: no CEP, queue pair, reference, timer or slot is left, every queue pair that is destroyed
 * is gone at the next poll, once, and the two sides agree. A call ends well or with an error that has a type.
 */

/** Scenarios, with refusals that must have occurred. */
const EXPECTED: readonly (readonly [
  requirements: string,
  name: keyof typeof SCENARIOS,
  refusals: readonly string[],
])[] = [
  [
    'R8: R9: R10: R15: R22:',
    'accepting, while either queue pair is destroyed',
    ['accept: DESTROYED', 'accept: REQUEST_OVER', 'accept: INVALID_STATE', 'connect: DESTROYED'],
  ],
  ['R8: R12:', 'accepting, while a message is lost and either queue pair is destroyed', ['accept: DESTROYED']],
  ['R15:', 'accepting, rejecting and data before the RTU', ['established: NOT_CONNECTED']],
  ['R11: R12: R15:', 'ending a connection from both sides', ['disconnect client: DESTROYED']],
  ['R11: R12: R22:', 'ending a connection from both sides, while a message is lost', []],
  ['R3: R5: R7:', 'giving up and connecting again', ['connect again: QPN_IN_USE', 'connect again: DESTROYED']],
  ['R3: R7:', 'giving up on both sides of a connection and connecting again', ['connect again: QPN_IN_USE']],
  ['R3: R5:', 'being rejected and connecting again', ['connect again: QPN_IN_USE', 'connect again: END_NOT_TOLD']],
  ['R11: R15:', 'closing the interfaces', ['connect: CLOSED']],
  ['R8: R11:', 'asking each other', ['client asks: DESTROYED']],
];

describe('every order of', () => {
  test.each(EXPECTED)('%s %s', (_, name, expected) => {
    const { wrong, refusals } = explore(SCENARIOS[name]);
    expect(wrong).toBeUndefined();
    expect([...refusals]).toEqual(expect.arrayContaining([...expected]));
  });

  test('every scenario is tried', () => {
    expect(EXPECTED.map(([, name]) => name).sort()).toEqual(Object.keys(SCENARIOS).sort());
  });
});

describe('R11: destroying from the queue pair’s own callback, in every order, at', () => {
  test.each([
    'rep_received',
    'rtu_received',
    'rej_received',
    'req_error',
    'dreq_received',
    'drep_received',
    'timewait_exit',
  ] as const)('%s', (type) => {
    const { wrong, told } = explore(destroyingAt(type));
    expect(wrong).toBeUndefined();
    expect([...told]).toContain(type);
  });
});
