import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError, type Random, randomBits, SeededRandom, uniform } from '../../src/base/index.js';

const take = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.uint32());
/** Gives the numbers of a list, then fails. */
const scripted = (...numbers: number[]): Random => ({
  uint32: () => numbers.shift() ?? expect.fail('no further number was expected'),
});

describe('a seeded source', () => {
  test.each([
    [0, '430c69e6 d690e3cf 955b817c b5c48450 d49fe08c f905c64c 5e2ab39d 2ab21dde'],
    [1, '493cbcf5 b5c5934d 10b5c2af f64d32c4 3a51d125 73fc66cb f119ca50 362e558f'],
    [-1, 'cbd61d52 149dab81 fa138c97 01726941 2469420e 0ca44a7d 21867610 0531691a'],
    [Number.MAX_SAFE_INTEGER, '3405163f 031ba07b 995115f7 ea8901c9 90991415 f7858785 d4370018 4e2d3450'],
  ])('gives the same numbers for seed %i in every version: recorded seeds stay worth keeping', (seed, expected) => {
    const numbers = take(new SeededRandom(seed), 8).map((number) => number.toString(16).padStart(8, '0'));
    expect(numbers.join(' ')).toBe(expected);
  });

  test('gives the same numbers for the same seed, and numbers of its own to each instance', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const first = new SeededRandom(seed);
        const numbers = take(first, 20);
        take(first, 5);
        expect(take(new SeededRandom(seed), 20)).toEqual(numbers);
      }),
    );
  });

  test('gives unrelated numbers for neighbouring seeds', () => {
    const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => new SeededRandom(seed).uint32()));
    // 10,000 of 2³² numbers: a hundredth of a collision is to be expected.
    expect(firsts.size).toBeGreaterThanOrEqual(9_999);
  });

  test('gives integers of 32 bits in which every bit is set half of the time', () => {
    const numbers = take(new SeededRandom(7), 20_000);
    expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32)).toBe(true);
    for (let bit = 0; bit < 32; bit += 1) {
      const set = numbers.filter((n) => (n >>> bit) & 1).length;
      expect(Math.abs(set - 10_000), `bit ${bit}`).toBeLessThan(400);
    }
  });
});

describe('a uniform number', () => {
  test('is an integer from 0 to below the bound', () => {
    const random = new SeededRandom(1);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (bound) => {
        const value = uniform(random, bound);
        expect(Number.isInteger(value)).toBe(true);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(bound);
      }),
    );
  });

  test('takes each value equally often', () => {
    const random = new SeededRandom(2);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i += 1) {
      const value = uniform(random, 6);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test('is drawn again when the draw would favour the small ones', () => {
    expect(uniform(scripted(2 ** 32 - 1, 2 ** 32 - 2), 3)).toBe(2);
    expect(uniform(scripted(2 ** 31 + 1, 2 ** 32 - 1, 2 ** 31), 2 ** 31 + 1)).toBe(2 ** 31);
  });

  test('is the draw itself when the bound is all of 2³²', () => {
    expect(uniform(scripted(2 ** 32 - 1), 2 ** 32)).toBe(2 ** 32 - 1);
    expect(uniform(scripted(12), 1)).toBe(0);
  });

  test.each([0, -1, 0.5, 2 ** 32 + 1, Number.NaN])('of bound %d is an assertion, not an endless search', (bound) => {
    expect(() => uniform(scripted(1, 2, 3), bound)).toThrow(AssertionError);
  });
});

test('random bits are the upper bits of a draw', () => {
  expect(randomBits(scripted(0xdead_beef), 32)).toBe(0xdead_beef);
  expect(randomBits(scripted(0xdead_beef), 24)).toBe(0xde_adbe);
  expect(randomBits(scripted(0xdead_beef), 1)).toBe(1);
});
