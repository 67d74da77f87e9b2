export type { LadderEntry } from './explanation.js';
export { DEFAULT_BOUNDS, type Exploration, type ExploreOptions, explore } from './explore.js';
export { counterexampleLadder } from './explore-ladder.js';
export type { MakeManager } from './live-side.js';
export type { Plan, Script } from './script.js';
export { SCRIPTS } from './scripts.js';
export type { Bounds } from './search.js';
export { EXPLORED_INVARIANTS, type ExploredInvariant, ExploreError } from './violation.js';
