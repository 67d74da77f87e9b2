import { expect, test } from 'vitest';
import { SeededRandom, uniform } from '../../src/base/index.js';
import { TimeHeap } from '../../src/sim/time-heap.js';

test('entries come out by time, and in the order in which they were added where times are equal', () => {
  const random = new SeededRandom(1);
  const heap = new TimeHeap();
  const expected: { time: number; value: number }[] = [];
  for (let value = 0; value < 5_000; value += 1) {
    const time = uniform(random, 500);
    heap.add(time, value);
    expected.push({ time, value });
  }
  expected.sort((a, b) => a.time - b.time || a.value - b.value);
  for (const { time, value } of expected) {
    expect(heap.next).toBe(time);
    expect(heap.take()).toBe(value);
  }
  expect(heap.next).toBe(Number.POSITIVE_INFINITY);
});

test('entries may be added while others are taken', () => {
  const random = new SeededRandom(2);
  const heap = new TimeHeap();
  let now = 0;
  for (let step = 0; step < 20_000; step += 1) {
    if (heap.size < 10 || uniform(random, 2) === 0) heap.add(now + uniform(random, 100), step);
    else {
      expect(heap.next).toBeGreaterThanOrEqual(now);
      now = heap.next;
      heap.take();
    }
  }
});
