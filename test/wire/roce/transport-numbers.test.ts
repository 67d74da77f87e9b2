import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CREDITS_UNLIMITED,
  creditCodeOf,
  creditsOfCode,
  durationOfRnrTimer,
  mtuBytes,
  PSN_WINDOW_MAX,
  psnDistance,
  psnPlus,
} from '../../../src/wire/index.js';

const psn = fc.integer({ min: 0, max: 0xff_ffff });

describe('PSNs', () => {
  it('go round after 2²⁴', () => {
    expect([psnPlus(0xff_ffff, 1), psnPlus(0, -1), psnPlus(5, 0x100_0000)]).toEqual([0, 0xff_ffff, 5]);
    expect([psnDistance(0xff_fffe, 1), psnDistance(1, 0xff_fffe)]).toEqual([3, -3]);
    expect([psnDistance(0, 0x7f_ffff), psnDistance(0, 0x80_0000)]).toEqual([PSN_WINDOW_MAX - 1, -PSN_WINDOW_MAX]);
  });

  it('are as far apart as was gone', () => {
    fc.assert(
      fc.property(psn, fc.integer({ min: -PSN_WINDOW_MAX, max: PSN_WINDOW_MAX - 1 }), (base, count) => {
        expect(psnDistance(base, psnPlus(base, count))).toBe(count);
      }),
    );
  });
});

describe('Codes of an AETH', () => {
  it('credits are those of the table, and none stands for no limit', () => {
    const credits = Array.from({ length: 31 }, (_, code) => creditsOfCode(code));
    expect(credits.slice(0, 12)).toEqual([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]);
    expect(credits.slice(28)).toEqual([16_384, 24_576, 32_768]);
    expect(creditsOfCode(CREDITS_UNLIMITED)).toBe(Number.POSITIVE_INFINITY);
  });

  it('a code never promises more receives than there are, and the next one would', () => {
    const wrong = Array.from({ length: 40_000 }, (_, receives) => receives).filter((receives) => {
      const code = creditCodeOf(receives);
      return creditsOfCode(code) > receives || (code < 30 && creditsOfCode(code + 1) <= receives);
    });
    expect(wrong).toEqual([]);
  });

  it('RNR timers are those of the table', () => {
    const milliseconds = Array.from({ length: 32 }, (_, code) => durationOfRnrTimer(code) / 1_000);
    // IBTA table 45.
    expect(milliseconds).toEqual([
      655.36, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32, 0.48, 0.64, 0.96, 1.28, 1.92, 2.56, 3.84,
      5.12, 7.68, 10.24, 15.36, 20.48, 30.72, 40.96, 61.44, 81.92, 122.88, 163.84, 245.76, 327.68, 491.52,
    ]);
  });
});

it('MTU codes are 256 to 4096', () => {
  expect([1, 2, 3, 4, 5].map(mtuBytes)).toEqual([256, 512, 1_024, 2_048, 4_096]);
});
