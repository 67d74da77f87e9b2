export * from './explore/index.js';
export {
  describeFault,
  type Fault,
  type Plan,
  type TimedFault,
  type TransmissionFault,
} from './faults.js';
export { ladderOf } from './ladder.js';
export { type RunOptions, type RunResult, runSeed } from './run.js';
export {
  DEFAULT_SETTINGS,
  FAULT_SETTINGS,
  type FaultSetting,
  INTERFACE_KINDS,
  type InterfaceKind,
  type InterfaceSetting,
  type SimSettings,
  settingsOf,
} from './settings.js';
export { type Shrunk, shrink } from './shrink.js';
export type { MakeAdapter } from './sim-adapter.js';
export { Trace, type TraceEntry } from './trace.js';
export { INVARIANTS, type Invariant, ViolationError } from './violation.js';
