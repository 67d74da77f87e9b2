import { Worker } from 'node:worker_threads';
import type { SimSettings } from '../sim/index.js';
import type { RangeResult, SeedRange } from './sim-worker.js';

/** Seeds that a worker runs before it reports: some tenths of a second. */
const CHUNK = 16;

export interface Tally {
  seeds: number;
  lifecycles: number;
  /** Of data, that were done. */
  operations: number;
  /** Seeds that failed, lowest first. */
  failed: number[];
  seconds: number;
  readonly workers: number;
}

/**
 * Runs a range of seeds on several threads. After the first failure no more are begun, unless it is to go on; those
 * below it are always run, so that the lowest failing seed is known.
 * @param onProgress is called after every few seeds.
 */
export async function runSeeds(
  { first, last }: SeedRange,
  fixed: Partial<SimSettings>,
  workers: number,
  keepGoing: boolean,
  onProgress: (tally: Tally) => void,
): Promise<Tally> {
  const start = performance.now();
  const count = Math.max(1, Math.min(workers, Math.ceil((last - first + 1) / CHUNK)));
  const tally: Tally = { seeds: 0, lifecycles: 0, operations: 0, failed: [], seconds: 0, workers: count };
  let next = first;
  const take = (): SeedRange | undefined => {
    if (next > last || (tally.failed.length > 0 && !keepGoing)) return undefined;
    const range = { first: next, last: Math.min(last, next + CHUNK - 1) };
    next = range.last + 1;
    return range;
  };
  const add = (result: RangeResult): void => {
    tally.seeds += result.last - result.first + 1;
    tally.lifecycles += result.lifecycles;
    tally.operations += result.operations;
    tally.failed = [...tally.failed, ...result.failed].sort((a, b) => a - b);
    tally.seconds = (performance.now() - start) / 1_000;
    onProgress(tally);
  };
  await Promise.all(Array.from({ length: count }, () => runWorker(fixed, take, add)));
  tally.seconds = (performance.now() - start) / 1_000;
  return tally;
}

/** One thread: it gets ranges until there are no more. */
function runWorker(
  fixed: Partial<SimSettings>,
  take: () => SeedRange | undefined,
  add: (result: RangeResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./sim-worker.js', import.meta.url), { workerData: fixed });
    const proceed = (): void => {
      const range = take();
      if (range === undefined) void worker.terminate();
      else worker.postMessage(range);
    };
    worker.on('message', (result: RangeResult) => {
      add(result);
      proceed();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
    proceed();
  });
}
