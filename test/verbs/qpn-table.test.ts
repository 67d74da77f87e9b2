import { expect, test } from 'vitest';
import { AssertionError, type Qpn, SeededRandom } from '../../src/base/index.js';
import { QpnTable } from '../../src/verbs/qpn-table.js';

/** What the queue pair table never does; what it does is in its own tests. */

test('a number is given up once, and only one that was given', () => {
  const table = new QpnTable(new SeededRandom(1), 3);
  const [first, second] = [table.allocate(1), table.allocate(2)];
  table.free(first);
  for (const qpn of [first, (second + 1) as Qpn, 0 as Qpn]) expect(() => table.free(qpn)).toThrow(AssertionError);
  expect([first, second].map((qpn) => table.slotOf(qpn))).toEqual([0, 2]);
});

test('when all numbers are in use there is none to be given', () => {
  const table = new QpnTable(new SeededRandom(1), 2);
  const given = [table.allocate(1), table.allocate(2)];
  expect(() => table.allocate(3)).toThrow('a number is free');
  for (const qpn of given) table.free(qpn);
  expect([table.allocate(3), table.allocate(4)]).toEqual(given);
  expect(() => table.allocate(5)).toThrow('a number is free');
});

test('a number at rest is no slot, whatever rests behind it', () => {
  const table = new QpnTable(new SeededRandom(1), 4);
  const given = [1, 2, 3, 4].map((slot) => table.allocate(slot));
  for (const qpn of given) table.free(qpn);
  expect(given.map((qpn) => table.slotOf(qpn))).toEqual([0, 0, 0, 0]);
});
