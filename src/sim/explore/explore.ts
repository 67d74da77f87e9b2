import { explainWay, type LadderEntry } from './explanation.js';
import { type MakeManager, makeManager } from './live-side.js';
import type { Script } from './script.js';
import { type Bounds, type Finding, Search } from './search.js';
import { ExploreError } from './violation.js';

export interface ExploreOptions extends Partial<Bounds> {
  readonly script: Script;
  readonly make?: MakeManager;
}

export const DEFAULT_BOUNDS: Bounds = { losses: 1, duplicates: 1, maxRetries: 2, maxStates: 100_000_000 };

/** What came of exploring a script. */
export interface Exploration {
  readonly name: string;
  readonly bounds: Bounds;
  /** Of the whole system. */
  readonly states: number;
  readonly transitions: number;
  /** Steps of the longest run; of the farthest state found, if something was found. */
  readonly depth: number;
  /** States in which the script may have ended. */
  readonly resting: number;
  /** States of each side, and how often a manager made a step to find what follows them. */
  readonly sideStates: readonly [number, number];
  readonly sideMoves: readonly [number, number];
  readonly messages: number;
  readonly violation: ExploreError | undefined;
  /** A shortest way to the violation. */
  readonly counterexample: readonly LadderEntry[];
}

/** Explores a script completely within its bounds, or up to the first violation. */
export function explore({ script, make = makeManager, ...given }: ExploreOptions): Exploration {
  const wanted = { ...DEFAULT_BOUNDS, ...given };
  const bounds = { ...wanted, maxRetries: Math.min(wanted.maxRetries, script.maxRetries ?? wanted.maxRetries) };
  const search = new Search(script, bounds, make);
  const found = search.run();
  const longest = found === undefined ? search.longestRun() : search.distance;
  const finding = longest === undefined ? endless(search) : found;
  const [left, right] = search.sides;
  return {
    name: script.name,
    bounds,
    states: search.size,
    transitions: search.transitions,
    depth: longest ?? search.distance,
    resting: search.resting,
    sideStates: [left.size, right.size],
    sideMoves: [left.moves, right.moves],
    messages: search.messages.size,
    violation: finding?.violation,
    counterexample: finding === undefined ? [] : explainWay(script, search, finding, make),
  };
}

function endless(search: Search): Finding {
  return { violation: new ExploreError('liveness', 'a run goes round and round'), ...search.circle() };
}
