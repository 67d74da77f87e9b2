import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { callAfter } from '../../src/io/index.js';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('a call comes after its time, once', () => {
  const call = vi.fn();
  callAfter(5, call);
  vi.advanceTimersByTime(4);
  expect(call).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(call).toHaveBeenCalledOnce();
  vi.advanceTimersByTime(DAY_MS);
  expect(call).toHaveBeenCalledOnce();
});

test('a call after more days than a timer of the platform waits comes then, and not before', () => {
  const call = vi.fn();
  callAfter(60 * DAY_MS, call);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(call).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(call).toHaveBeenCalledOnce();
});

test.each([1, 59])('what takes it back works on day %i of 60', (day) => {
  const call = vi.fn();
  const cancel = callAfter(60 * DAY_MS, call);
  vi.advanceTimersByTime(day * DAY_MS);
  cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(call).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
