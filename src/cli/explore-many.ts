import { Worker } from 'node:worker_threads';
import type { Bounds } from '../sim/index.js';
import type { ExploreTask, ScriptResult } from './explore-worker.js';

/** Explores scripts, each on a thread of its own, so many at a time. @param onResult is called as each is done. */
export async function exploreScripts(
  names: readonly string[],
  bounds: Bounds,
  workers: number,
  onResult: (result: ScriptResult) => void,
): Promise<ScriptResult[]> {
  const waiting = [...names];
  const results = new Map<string, ScriptResult>();
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const result = await runWorker({ name, bounds });
      results.set(name, result);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, names.length)) }, work));
  return names.flatMap((name) => results.get(name) ?? []);
}

/** A new thread for each script: what it took of memory is given back at once. */
function runWorker(task: ExploreTask): Promise<ScriptResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./explore-worker.js', import.meta.url));
    worker.once('message', (result: ScriptResult) => {
      resolve(result);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread that explored ${task.name} ended with ${code}`)));
    worker.postMessage(task);
  });
}
