import { expect, test } from 'vitest';
import { CmPair, NOTHING_LEFT } from './cm-pair.js';

test('an interface says whether it has been closed', () => {
  const pair = new CmPair();
  expect(pair.server.cm.closed).toBe(false);
  pair.server.cm.close(pair.now);
  expect(pair.server.cm.closed).toBe(true);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});
