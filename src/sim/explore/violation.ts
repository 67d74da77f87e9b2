import { IbcmError } from '../../base/index.js';

/** What must hold in every state that the explorer reaches, by name. */
export const EXPLORED_INVARIANTS = {
  assertion: 'no assertion of ours fails and nothing throws what it should not',
  timer: 'one timer runs in a state that waits, and none elsewhere',
  usage: 'what a manager holds is what its CEPs hold, and bounded',
  qpn: 'one queue pair is in one connection',
  peer: 'a REQ makes one CEP, however often it comes',
  address: 'a message goes to the other side',
  answer: 'a DREQ or REP that is repeated, or belongs to nothing, is answered',
  role: 'the active side sends no REP, the passive side no REQ and no RTU',
  event: 'a CEP tells its owner what its attempt can lead to, each thing once',
  ending: 'an attempt ends once, and after it nothing comes but one timewait_exit',
  call: 'a call fails only where the state table says so',
  interface: 'callbacks and IDs are what the CM-only interface promises',
  queuePair:
    'a queue pair is in the state that its connection leads to, in one connection, and held by whoever needs it',
  end: 'what is destroyed is gone at the next poll, told once and never from inside a call',
  parameters: 'both sides believe in a connection with the same parameters',
  stuck: 'at rest every CEP is in IDLE, LISTEN or ESTABLISHED',
  untold: 'at rest every owner knows which of its connections have ended',
  agreement: 'at rest a connection stands on both sides or on none',
  leftover: 'after the owners are closed everything runs out and nothing is left',
  liveness: 'every run ends',
  bound: 'the whole script fits in the bound',
} as const;
export type ExploredInvariant = keyof typeof EXPLORED_INVARIANTS;

/** An invariant does not hold. */
export class ExploreError extends IbcmError<'VIOLATION', { readonly invariant: ExploredInvariant }> {
  constructor(invariant: ExploredInvariant, message: string, options?: { cause?: unknown }) {
    super('VIOLATION', `${invariant}: ${message}`, { invariant }, options);
  }
}
