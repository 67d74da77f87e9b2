import { parentPort } from 'node:worker_threads';
import { type Bounds, counterexampleLadder, ExploreError, explore, SCRIPTS } from '../sim/index.js';

/** What a worker is told to do: it does one script at a time. */
export interface ExploreTask {
  readonly name: string;
  readonly bounds: Bounds;
}

/** What came of a script, as plain values that can go from one thread to another. */
export interface ScriptResult {
  readonly name: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  readonly violations: number;
  readonly seconds: number;
  readonly invariant?: string | undefined;
  readonly message?: string | undefined;
  /** Where an error that is no violation in itself was thrown. */
  readonly stack?: string | undefined;
  readonly ladder: readonly string[];
}

export function exploreScript({ name, bounds }: ExploreTask): ScriptResult {
  const script = SCRIPTS.find((each) => each.name === name);
  if (script === undefined) throw new TypeError(`there is no script ${name}`);
  const start = performance.now();
  const { states, transitions, depth, violation, counterexample } = explore({ script, ...bounds });
  const seconds = (performance.now() - start) / 1_000;
  const result = { name, states, transitions, depth, violations: violation === undefined ? 0 : 1, seconds, ladder: [] };
  if (!(violation instanceof ExploreError)) return result;
  return {
    ...result,
    invariant: violation.details.invariant,
    message: violation.message,
    stack: violation.cause instanceof Error ? violation.cause.stack : undefined,
    ladder: counterexampleLadder(counterexample),
  };
}

parentPort?.on('message', (task: ExploreTask) => parentPort?.postMessage(exploreScript(task)));
