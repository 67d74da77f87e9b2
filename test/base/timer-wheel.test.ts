import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Instant, NEVER } from '../../src/base/index.js';
import { TICK_MICROSECONDS, TimerWheel } from '../../src/base/timer-wheel.js';

const TIMERS = 8;
const at = (microseconds: number): Instant => microseconds as Instant;

/** What a wheel should do, the slow and plain way. */
class NaiveTimers {
  readonly #deadlines = new Map<number, number>();

  get armed(): number {
    return this.#deadlines.size;
  }

  arm(timer: number, deadline: number): void {
    this.#deadlines.set(timer, deadline);
  }

  cancel(timer: number): void {
    this.#deadlines.delete(timer);
  }

  isArmed(timer: number): boolean {
    return this.#deadlines.has(timer);
  }

  deadline(timer: number): number {
    return this.#deadlines.get(timer) ?? NEVER;
  }

  first(): number {
    return Math.min(NEVER, ...this.#deadlines.values());
  }
}

type Step =
  | { readonly kind: 'arm'; readonly timer: number; readonly wait: number }
  | { readonly kind: 'cancel'; readonly timer: number }
  | { readonly kind: 'poll'; readonly wait: number }
  | { readonly kind: 'pollOnce'; readonly wait: number }
  | { readonly kind: 'jump' };

/** Times of every size: within a tick, within a level of the wheel, and beyond 64⁴ ticks (71 minutes), up to a century. */
const wait = fc.oneof(
  fc.integer({ min: 0, max: 3 * TICK_MICROSECONDS }),
  fc.integer({ min: 0, max: 128_000 }).map((parts) => parts / 64),
  fc.nat(6).chain((level) => fc.integer({ min: 0, max: TICK_MICROSECONDS * 64 ** (level + 1) })),
  fc.nat(7).map((level) => TICK_MICROSECONDS * 64 ** level),
  fc.nat(7).map((level) => TICK_MICROSECONDS * 64 ** level - 1),
  fc.integer({ min: 0, max: 3_155_760_000_000_000 }),
);
const timer = fc.integer({ min: 1, max: TIMERS });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arm' as const), timer, wait }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), timer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('poll' as const), wait }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pollOnce' as const), wait }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('jump' as const) }) },
);

/** Zero, a machine's uptime, and the moments that a clock of the day would give. */
const origin = fc.constantFrom(0, 12_345.678, 3.6e12, 1.78e15);

/** As a caller who takes one at a time: the timer that expires next at `now`, or 0 if none has. */
function pollOne(wheel: TimerWheel, now: Instant): number {
  let expired = 0;
  while (expired === 0) {
    const before = wheel.nextDeadline();
    wheel.expire(
      now,
      (each) => {
        expired = each;
      },
      1,
    );
    if (before > now) break;
  }
  return expired;
}

class Comparison {
  readonly wheel = new TimerWheel(TIMERS);
  readonly naive = new NaiveTimers();
  now: number;

  constructor(start: number) {
    this.now = start;
  }

  run(taken: Step): void {
    switch (taken.kind) {
      case 'arm':
        this.wheel.arm(taken.timer, at(this.now + taken.wait));
        this.naive.arm(taken.timer, this.now + taken.wait);
        break;
      case 'cancel':
        this.wheel.cancel(taken.timer);
        this.naive.cancel(taken.timer);
        break;
      case 'poll':
        this.now += taken.wait;
        this.expire();
        break;
      case 'pollOnce':
        this.now += taken.wait;
        this.expireOne();
        return;
      case 'jump': {
        const next = this.wheel.nextDeadline();
        if (next !== NEVER) this.now = Math.max(this.now, next);
        this.expire();
        break;
      }
    }
    this.check();
  }

  expireOne(): boolean {
    const expired = pollOne(this.wheel, at(this.now));
    if (expired === 0) return false;
    expect(this.naive.isArmed(expired), 'an armed timer expires').toBe(true);
    expect(this.naive.deadline(expired), 'never early').toBeLessThanOrEqual(this.now);
    expect(this.wheel.isArmed(expired), 'expired is disarmed').toBe(false);
    this.naive.cancel(expired);
    return true;
  }

  expire(): void {
    while (this.expireOne());
    expect(this.naive.first(), 'at most one tick late').toBeGreaterThan(this.now - TICK_MICROSECONDS);
  }

  check(): void {
    expect(this.wheel.armed).toBe(this.naive.armed);
    for (let each = 1; each <= TIMERS; each += 1) {
      expect(this.wheel.isArmed(each)).toBe(this.naive.isArmed(each));
      if (!this.naive.isArmed(each)) expect(this.wheel.deadline(each)).toBe(NEVER);
    }
    if (this.naive.armed === 0) expect(this.wheel.nextDeadline()).toBe(NEVER);
    // Expiries are rounded up to the tick; the first is not before this moment.
    else expect(this.wheel.nextDeadline()).toBeLessThan(Math.max(this.naive.first(), this.now) + TICK_MICROSECONDS);
  }
}

test('timers expire as in a plain list of deadlines: never early, at most one tick late', () => {
  fc.assert(
    fc.property(origin, fc.array(step, { maxLength: 60 }), (start, steps) => {
      const comparison = new Comparison(start);
      for (const taken of steps) comparison.run(taken);
      comparison.now += 2 * 3_155_760_000_000_000;
      comparison.expire();
      expect(comparison.wheel.armed).toBe(0);
    }),
    { numRuns: 2_000 },
  );
});

test('whoever only ever jumps to the next deadline gets every timer, in the order of their ticks, within a few jumps each', () => {
  fc.assert(
    fc.property(origin, fc.array(wait, { minLength: 1, maxLength: TIMERS }), (start, waits) => {
      const wheel = new TimerWheel(TIMERS);
      waits.forEach((duration, index) => {
        wheel.arm(index + 1, at(start + duration));
      });
      let now = 0;
      let jumps = 0;
      const seen: number[] = [];
      for (let next = wheel.nextDeadline(); next !== NEVER; next = wheel.nextDeadline()) {
        expect(jumps === 0 || next > now, 'progress').toBe(true);
        now = next;
        for (let expired = pollOne(wheel, at(now)); expired !== 0; expired = pollOne(wheel, at(now))) {
          const deadline = start + (waits[expired - 1] as number);
          expect(now).toBeGreaterThanOrEqual(deadline);
          expect(now).toBeLessThan(deadline + TICK_MICROSECONDS);
          seen.push(Math.ceil(deadline / TICK_MICROSECONDS));
        }
        jumps += 1;
      }
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(seen).toHaveLength(waits.length);
      // At most one for each level of the wheel.
      expect(jumps).toBeLessThanOrEqual(8 * waits.length);
    }),
    { numRuns: 1_000 },
  );
});

test('timers of one tick that were armed shortly before it expire in the order in which they were armed', () => {
  const wheel = new TimerWheel(TIMERS);
  for (const each of [5, 2, 7, 1]) wheel.arm(each, at(10 * TICK_MICROSECONDS));
  wheel.arm(2, at(10 * TICK_MICROSECONDS));
  const order = Array.from({ length: 5 }, () => pollOne(wheel, at(10 * TICK_MICROSECONDS)));
  expect(order).toEqual([5, 7, 1, 2, 0]);
});

test('a deadline is rounded up to the tick, and one in the past expires at the next poll', () => {
  const wheel = new TimerWheel(1);
  wheel.arm(1, at(1));
  expect(wheel.deadline(1)).toBe(TICK_MICROSECONDS);
  expect(pollOne(wheel, at(TICK_MICROSECONDS - 1))).toBe(0);
  expect(pollOne(wheel, at(TICK_MICROSECONDS))).toBe(1);
  pollOne(wheel, at(1_000_000));
  wheel.arm(1, at(5));
  expect(wheel.nextDeadline()).toBeLessThanOrEqual(1_000_000);
  expect(pollOne(wheel, at(1_000_000))).toBe(1);
});

test('polling at an earlier moment than before, or twice, is harmless', () => {
  const wheel = new TimerWheel(2);
  pollOne(wheel, at(1_000_000));
  wheel.arm(1, at(1_500_000));
  expect(pollOne(wheel, at(0))).toBe(0);
  expect(pollOne(wheel, at(1_499_999))).toBe(0);
  expect(pollOne(wheel, at(1_499_999))).toBe(0);
  expect(pollOne(wheel, at(1_500_160))).toBe(1);
  wheel.cancel(1);
  expect(wheel.armed).toBe(0);
});

test('a timer that the wheel does not have, and a moment that is no number, are refused before anything changes', () => {
  const wheel = new TimerWheel(2);
  wheel.arm(1, at(1_000));
  for (const wrong of [0, 3, -1]) expect(() => wheel.arm(wrong, at(1_000))).toThrow('a timer of this wheel');
  expect(() => wheel.arm(1, at(Number.NaN))).toThrow('a moment');
  expect(wheel.armed).toBe(1);
  expect(wheel.deadline(1)).toBe(1_024);
});

test('however many timers expire together, a call handles or moves no more than it may, and says that there is more', () => {
  const timers = 1_000;
  const most = 8;
  const wheel = new TimerWheel(timers);
  // Far enough away that every timer moves down some levels first.
  const deadline = at(100_000 * TICK_MICROSECONDS);
  for (let each = 1; each <= timers; each += 1) wheel.arm(each, deadline);
  let expired = 0;
  let calls = 0;
  while (wheel.armed > 0) {
    expect(wheel.nextDeadline()).toBeLessThanOrEqual(deadline);
    const before = expired;
    wheel.expire(
      deadline,
      () => {
        expired += 1;
      },
      most,
    );
    expect(expired - before).toBeLessThanOrEqual(most);
    calls += 1;
  }
  expect(expired).toBe(timers);
  expect(calls, 'moving counts, too').toBeGreaterThan((2 * timers) / most);
  expect(wheel.nextDeadline()).toBe(NEVER);
});
