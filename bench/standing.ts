import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { Crowd } from './crowd.js';
import type { Weight } from './memory.js';

/**
 * Run by memory.ts as a process of its own, with two CEP managers and so many established CEPs in each as the second argument
 * says. `weigh` prints what they weigh, `churn` how long the garbage collector stops while connections come and go among them, as JSON.
 */

const [, , WHAT, COUNT] = process.argv;
const CEPS = Number(COUNT);
const CHURN_MS = 3_000;
/** Connections between two turns of the event loop: pauses are reported there. */
const BATCH = 1_000;
/** Connections until everything is compiled. */
const WARM_UP = 20_000;

/** Memory after everything was collected that could be. */
function memory(): NodeJS.MemoryUsage {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  for (let i = 0; i < 3; i += 1) globalThis.gc();
  return process.memoryUsage();
}

function weigh(): Weight {
  // Others connect until the code is compiled, so that only CEPs are weighed.
  const others = new Crowd(1);
  for (let i = 0; i < WARM_UP; i += 1) {
    others.connect(0);
    others.disconnect(0);
  }
  const crowd = new Crowd(CEPS);
  const before = memory();
  crowd.connectAll();
  const after = memory();
  const each = (name: 'rss' | 'heapUsed'): number => (after[name] - before[name]) / (2 * CEPS);
  return { resident: each('rss'), heap: each('heapUsed') };
}

/** @returns the longest pause of the garbage collector, in milliseconds. */
async function churn(): Promise<number> {
  const crowd = new Crowd(CEPS);
  crowd.connectAll();
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    longest = Math.max(longest, ...list.getEntries().map(({ duration }) => duration));
  });
  observer.observe({ entryTypes: ['gc'] });
  let connections = 0;
  for (const end = performance.now() + CHURN_MS; performance.now() < end; await turn()) {
    for (const until = connections + BATCH; connections < until; connections += 1) {
      const place = connections % CEPS;
      crowd.disconnect(place);
      crowd.connect(place);
    }
  }
  await turn();
  observer.disconnect();
  if (longest === 0) throw new Error('the garbage collector did not run');
  return longest;
}

console.log(JSON.stringify(WHAT === 'weigh' ? weigh() : await churn()));
