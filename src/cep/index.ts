export { CidSlot } from './cid-slot.js';
export type { Counters } from './counters.js';
export { DROP_REASONS, type DropReason } from './counters.js';
export { DURATION_BOUNDS, type DurationHistogram } from './duration-histogram.js';
export { CepError, type CepErrorCode } from './error.js';
export { EVENT_CAUSES, EVENT_TYPES, type EventCause, type EventType } from './event-queue.js';
export { CepInspector } from './inspect.js';
export { type CepLimits, DEFAULT_LIMITS, MAX_CEPS } from './limits.js';
export { CepManager, type CepManagerOptions, type CepTransmit } from './manager.js';
export type { CepEvent, CepOwner } from './owner.js';
export type * from './parameters.js';
export type { PathAddress } from './path-table.js';
export type { InitAttributes, QpAttributes, QpTarget, RtrAttributes, RtsAttributes } from './qp-attributes.js';
export { STATE_TABLE } from './state-table.js';
export {
  COMMANDS,
  type Command,
  INPUTS,
  type Input,
  MESSAGE_INPUTS,
  SIGNAL_INPUTS,
  STATES,
  type State,
} from './states.js';
export type { TimingPolicy } from './timing.js';
