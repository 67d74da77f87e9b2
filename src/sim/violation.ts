import { IbcmError, type Instant } from '../base/index.js';

/** What must hold, by name. Each has one sentence; `docs/verification.md` says when it is checked. */
export const INVARIANTS = {
  assertion: 'no assertion of ours fails and nothing throws what it should not',
  timer: 'one timer runs in a state that waits, and none elsewhere',
  timerLeft: 'no timer runs for a CEP that does not exist',
  qpn: 'one queue pair is in one connection of a port',
  queue: "a CEP's queue holds as many events as it counts",
  index: 'the indexes hold what the CEPs hold',
  owner: 'every CID belongs to one owner',
  event: 'a CEP tells its owner what its attempt can lead to, each thing once',
  ending: 'an attempt ends once, and after it nothing comes but one timewait_exit',
  duplicate: 'a REQ makes one CEP, however often it arrives',
  listener: 'a request reaches the most specific listener that it matches',
  forgery: 'a message that lacks one of comm IDs, QPN and source address changes no connection',
  role: 'the active side sends no REP, the passive side no REQ and no RTU; of two that ask each other the right one gives way',
  parameters: 'both sides believe in a connection with the same parameters',
  agreement: 'at rest both sides agree on which connections exist',
  call: 'a call succeeds where the state table says so, and fails with a typed error elsewhere',
  interface: 'callbacks and IDs are what the CM-only interface promises',
  queuePair:
    'a queue pair is in the state that its connection leads to, in one connection, and held by whoever needs it',
  end: 'what is destroyed is gone in time, told once and never from inside a call',
  data: 'operations do what they say, each once and in order, and a queue pair that has ended touches no memory',
  icrc: 'a corrupt packet is dropped',
  counters: 'what was counted adds up to what the fabric saw',
  finalAnswer: 'in a healed network every disconnect is answered',
  rest: 'in a healed network everything comes to rest within a bound',
  leftover: 'nothing is left over',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface ViolationDetails {
  readonly invariant: Invariant;
  readonly at: Instant;
  /** The attempt that it is about, −1 if it is about none. */
  readonly attempt: number;
}

/** An invariant does not hold. */
export class ViolationError extends IbcmError<'VIOLATION', ViolationDetails> {
  constructor(invariant: Invariant, message: string, at: Instant, attempt = -1, options?: { cause?: unknown }) {
    super('VIOLATION', `${invariant}: ${message}`, { invariant, at, attempt }, options);
  }
}
