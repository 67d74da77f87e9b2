import { expect } from 'vitest';
import { durationOfExponent, type TimeExponent } from '../../src/base/index.js';
import type { Pair } from './pair.js';

/** A tick of the timing wheel: nothing is early, and nothing later than this. */
export const TICK = 256;
/** The microseconds that an exponent stands for. */
export const exponent = (n: number): number => durationOfExponent(n as TimeExponent);

/** When each message is sent while all are lost, from now on. */
export function moments(pair: Pair): { at: number; message: string }[] {
  const start = pair.now;
  const seen: { at: number; message: string }[] = [];
  do {
    for (const { mad } of pair.collect()) seen.push({ at: pair.now - start, message: mad.message });
    pair.wire.length = 0;
  } while (pair.advance());
  return seen;
}

/** Expects something every `period`: each within a tick after the one before. */
export function expectPeriodic(seen: { at: number; message: string }[], period: number): void {
  seen.forEach(({ at }, index) => {
    expect(at).toBeGreaterThanOrEqual(index * period);
    expect(at).toBeLessThanOrEqual(index * (period + TICK));
  });
}
