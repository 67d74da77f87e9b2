import { expect, test } from 'vitest';
import { rpingData } from '../../src/cli/rping.js';

test.each([
  // As rping -v prints them.
  [0, 'rdma-ping-0: ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqr'],
  [1, 'rdma-ping-1: BCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrs'],
  [58, 'rdma-ping-58: ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopq'],
])('The data of round %i is that of rping', (round, text) => {
  expect(new TextDecoder().decode(rpingData(round, 64))).toBe(`${text}\0`);
});
