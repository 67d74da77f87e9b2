import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  durationOfExponent,
  exponentAtLeast,
  inMilliseconds,
  localAckTimeout,
  microseconds,
  milliseconds,
  seconds,
  TIME_EXPONENT_MAX,
  type TimeExponent,
} from '../../src/base/index.js';

const EXPONENTS = Array.from({ length: 32 }, (_, exponent) => exponent as TimeExponent);
const anyExponent = fc.nat(31).map((exponent) => exponent as TimeExponent);

describe('the time of an exponent', () => {
  test('is 4,096 ns × 2ⁿ to the nanosecond', () => {
    for (const exponent of EXPONENTS) {
      expect(durationOfExponent(exponent) * 1_000).toBe(Number(4_096n << BigInt(exponent)));
    }
  });

  test.each([
    [14, 67.108_864],
    [16, 268.435_456],
    [18, 1_073.741_824],
    [20, 4_294.967_296],
    [22, 17_179.869_184],
    [24, 68_719.476_736],
    [31, 8_796_093.022_208],
  ])('of %i is %f ms, not the power of two that Linux takes', (exponent, expected) => {
    expect(inMilliseconds(durationOfExponent(exponent as TimeExponent))).toBe(expected);
  });
});

describe('the exponent for a time', () => {
  test('is the exponent itself for its own time, in every unit that a person may have written', () => {
    for (const exponent of EXPONENTS) {
      const nanoseconds = 4_096n << BigInt(exponent);
      expect(exponentAtLeast(durationOfExponent(exponent))).toBe(exponent);
      expect(exponentAtLeast(microseconds(Number(`${nanoseconds}e-3`)))).toBe(exponent);
      expect(exponentAtLeast(milliseconds(Number(`${nanoseconds}e-6`)))).toBe(exponent);
      expect(exponentAtLeast(seconds(Number(`${nanoseconds}e-9`)))).toBe(exponent);
    }
  });

  test('is the next one for anything longer by a nanosecond', () => {
    for (const exponent of EXPONENTS.slice(0, -1)) {
      expect(exponentAtLeast(microseconds(durationOfExponent(exponent) + 0.001))).toBe(exponent + 1);
    }
  });

  test('is the smallest one that is long enough', () => {
    const longest = durationOfExponent(TIME_EXPONENT_MAX);
    fc.assert(
      fc.property(fc.double({ min: 0, max: longest, noNaN: true }), (time) => {
        const exponent = exponentAtLeast(microseconds(time));
        expect(durationOfExponent(exponent)).toBeGreaterThanOrEqual(time);
        if (exponent > 0) expect(durationOfExponent((exponent - 1) as TimeExponent)).toBeLessThan(time);
      }),
    );
  });

  test('is 0 for no time and 31 for more than 31 can say', () => {
    expect(exponentAtLeast(microseconds(0))).toBe(0);
    expect(exponentAtLeast(microseconds(-1))).toBe(0);
    expect(exponentAtLeast(microseconds(durationOfExponent(TIME_EXPONENT_MAX) * 2))).toBe(31);
    expect(exponentAtLeast(microseconds(Number.POSITIVE_INFINITY))).toBe(31);
  });
});

describe('the local ACK timeout', () => {
  test.each([
    [15, 16, 17],
    [17, 16, 18],
    [20, 16, 20],
    [18, 16, 19],
    [31, 30, 31],
    [0, 0, 2],
  ])('of ACK delay %i and packet life %i is %i, as Linux folds it', (delay, life, expected) => {
    expect(localAckTimeout(delay as TimeExponent, life as TimeExponent)).toBe(expected);
  });

  test('is never the 0 that gives a Linux QP 8 µs, and never more than 31', () => {
    for (const delay of EXPONENTS) {
      for (const life of EXPONENTS) {
        const timeout = localAckTimeout(delay, life);
        expect(timeout).toBeGreaterThanOrEqual(1);
        expect(timeout).toBeLessThanOrEqual(31);
      }
    }
  });

  test('is at least the longer of its two parts and at most one more, up to 31', () => {
    fc.assert(
      fc.property(anyExponent, anyExponent, (delay, life) => {
        const longer = Math.max(delay, life + 1);
        expect(localAckTimeout(delay, life)).toBeGreaterThanOrEqual(Math.min(31, longer));
        expect(localAckTimeout(delay, life)).toBeLessThanOrEqual(Math.min(31, longer + 1));
      }),
    );
  });

  test('does not fall when either part grows', () => {
    for (const delay of EXPONENTS) {
      for (const life of EXPONENTS.slice(0, -1)) {
        expect(localAckTimeout(delay, (life + 1) as TimeExponent)).toBeGreaterThanOrEqual(localAckTimeout(delay, life));
      }
    }
  });
});
