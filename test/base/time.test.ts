import { expect, test } from 'vitest';
import {
  after,
  elapsed,
  type Instant,
  inMilliseconds,
  microseconds,
  milliseconds,
  NEVER,
  seconds,
} from '../../src/base/index.js';

const now = 1_000 as Instant;

test('a second is a thousand milliseconds and a million microseconds', () => {
  expect(seconds(1)).toBe(milliseconds(1_000));
  expect(milliseconds(1)).toBe(microseconds(1_000));
  expect(inMilliseconds(seconds(1.5))).toBe(1_500);
});

test('what is later by a time has that time elapsed', () => {
  expect(after(now, milliseconds(2))).toBe(3_000);
  expect(elapsed(now, after(now, milliseconds(2)))).toBe(milliseconds(2));
});

test('never is later than any moment, and no time brings it nearer', () => {
  expect(after(now, seconds(1e12))).toBeLessThan(NEVER);
  expect(after(NEVER, seconds(1))).toBe(NEVER);
  expect(elapsed(now, NEVER)).toBe(Number.POSITIVE_INFINITY);
});
