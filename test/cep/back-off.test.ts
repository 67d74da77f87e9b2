import { describe, expect, test } from 'vitest';
import type { TimingPolicy } from '../../src/cep/index.js';
import { retryDelay } from '../../src/cep/timing.js';
import { moments, TICK } from './moments.js';
import { Pair } from './pair.js';

/** Timing policies whose waits grow, and waits that chance moves. */

function waits(policy: object, seed = 1): number[] {
  const pair = new Pair({}, seed);
  const timing = { responseTimeout: 100_000, retries: 5, ...policy } as TimingPolicy;
  pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ timing }), pair.now);
  const times = moments(pair).map(({ at }) => at);
  return times.slice(1).map((at, index) => at - (times[index] as number));
}

function expectWaits(seen: readonly number[], expected: readonly number[]): void {
  expect(seen).toHaveLength(expected.length);
  seen.forEach((wait, index) => {
    // Each is rounded up to a tick from a moment that was rounded up.
    expect(Math.abs(wait - (expected[index] as number))).toBeLessThanOrEqual(TICK);
  });
}

describe('a policy with back-off', () => {
  test('makes each wait so many times as long as the one before', () => {
    expectWaits(
      waits({ backoff: 2 }),
      [1, 2, 4, 8, 16, 32].map((factor) => factor * 100_000),
    );
    expectWaits(waits({ backoff: 1.5, retries: 2 }), [100_000, 150_000, 225_000]);
  });

  test('has a longest wait', () => {
    const expected = [100_000, 300_000, 500_000, 500_000, 500_000, 500_000];
    expectWaits(waits({ backoff: 3, longestTimeout: 500_000 }), expected);
  });

  test('begins anew with the next message', () => {
    const pair = new Pair();
    pair.listen();
    const timing = { responseTimeout: 1_000, retries: 2, backoff: 4 } as TimingPolicy;
    const { client } = pair.established({ timing });
    pair.client.owner.sendDreq(client, {}, pair.now);
    const times = moments(pair).map(({ at }) => at);
    expect(times).toHaveLength(3);
    expect(times[1]).toBeLessThanOrEqual(1_000 + TICK);
  });

  test('may grow beyond all measure without harm', () => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    const timing = {
      responseTimeout: 2 ** 50,
      retries: 255,
      backoff: 16,
      jitter: 1,
      deadline: 2 ** 60,
    } as TimingPolicy;
    pair.client.owner.sendReq(cid, pair.request({ timing }), pair.now);
    pair.exhaust();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error' });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

test('a wait that no number can hold is still a number, whatever chance says', () => {
  const policy = { responseTimeout: 1e300, retries: 255, backoff: 16, jitter: 1 } as TimingPolicy;
  for (const word of [0, 2 ** 31, 2 ** 32 - 1]) {
    expect(retryDelay(policy, 255, { uint32: () => word })).toBeGreaterThanOrEqual(0);
  }
});

describe('a policy with jitter', () => {
  test('moves each wait by at most its share, both ways, and differently each time', () => {
    const seen = [1, 2, 3, 4, 5, 6].flatMap((seed) => waits({ jitter: 0.25 }, seed));
    for (const wait of seen) {
      expect(wait).toBeGreaterThanOrEqual(75_000 - TICK);
      expect(wait).toBeLessThanOrEqual(125_000 + TICK);
    }
    expect(Math.min(...seen)).toBeLessThan(90_000);
    expect(Math.max(...seen)).toBeGreaterThan(110_000);
    expect(new Set(seen).size).toBeGreaterThan(30);
  });

  test('moves the waits that back-off gives, the longest too', () => {
    const seen = waits({ backoff: 2, jitter: 0.1, longestTimeout: 200_000, retries: 40 });
    expect(seen[0]).toBeLessThanOrEqual(110_000 + TICK);
    for (const wait of seen.slice(1)) {
      expect(wait).toBeGreaterThanOrEqual(180_000 - TICK);
      expect(wait).toBeLessThanOrEqual(220_000 + TICK);
    }
  });

  test('does not move the deadline', () => {
    const pair = new Pair();
    const timing = {
      responseTimeout: 100_000,
      retries: 99,
      jitter: 1,
      backoff: 2,
      deadline: 1_000_000,
    } as TimingPolicy;
    const cid = pair.client.owner.create();
    pair.client.owner.sendReq(cid, pair.request({ timing }), pair.now);
    while (pair.client.owner.state(cid) !== 'IDLE') pair.advance();
    expect(pair.now).toBeGreaterThanOrEqual(1_000_000);
    expect(pair.now).toBeLessThan(1_000_000 + TICK);
    expect(pair.client.onlyEvent()).toMatchObject({ cause: 'deadline' });
  });
});

test.each<[string, object]>([
  ['a back-off below 1', { backoff: 0.5 }],
  ['a back-off above 16', { backoff: 17 }],
  ['a back-off that is no number', { backoff: Number.NaN }],
  ['a jitter above 1', { jitter: 1.1 }],
  ['a negative jitter', { jitter: -0.1 }],
  ['a jitter that is no number', { jitter: Number.NaN }],
  ['a negative longest wait', { longestTimeout: -1 }],
])('a policy with %s is refused', (_, policy) => {
  expect(() => waits(policy)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
});
