import type { EventCause, EventType } from '../../cep/index.js';
import { ExploreError } from './violation.js';

/** What a consumer is to a CEP of its own. */
export type Role = 'listener' | 'active' | 'passive' | 'asking' | 'asked';

/** What a consumer believes of a CEP of its own, from its calls and the events it polled; not from looking inside. */
export interface Belief {
  role: Role;
  /** `ended`: by an event or a call of its own; timewait may follow. `over`: timewait has ended. */
  phase: 'open' | 'established' | 'ended' | 'over';
  hasRequest: boolean;
  hasReply: boolean;
  hasRtu: boolean;
  hasDreq: boolean;
  sentReply: boolean;
  sentDreq: boolean;
  sentProposal: boolean;
}

export const newBelief = (role: Role): Belief => ({
  role,
  phase: 'open',
  hasRequest: false,
  hasReply: false,
  hasRtu: false,
  hasDreq: false,
  sentReply: false,
  sentDreq: false,
  sentProposal: false,
});

const ENDING: ReadonlySet<EventType> = new Set<EventType>([
  'req_error',
  'rep_error',
  'rej_received',
  'dreq_error',
  'drep_received',
  'sidr_req_error',
  'sidr_rep_received',
]);
const EXPECTED_BY: Readonly<Record<Role, ReadonlySet<EventType>>> = {
  listener: new Set(),
  active: new Set<EventType>([
    'req_error',
    'rep_received',
    'rej_received',
    'mra_received',
    'rep_error',
    'dreq_error',
    'dreq_received',
    'drep_received',
    'lap_error',
    'apr_received',
    'timewait_exit',
  ]),
  passive: new Set<EventType>([
    'req_received',
    'rep_error',
    'rtu_received',
    'rej_received',
    'mra_received',
    'dreq_error',
    'dreq_received',
    'drep_received',
    'lap_received',
    'timewait_exit',
  ]),
  asking: new Set<EventType>(['sidr_req_error', 'sidr_rep_received']),
  asked: new Set<EventType>(['sidr_req_received']),
};

/** Notes an event. @throws {@link ExploreError} if it must not come now. */
export function noteEvent(belief: Belief, type: EventType, cause: EventCause): void {
  const { role, phase } = belief;
  const fail = (what: string): never => {
    throw new ExploreError(phase === 'open' || phase === 'established' ? 'event' : 'ending', `${type} ${what}`);
  };
  if (phase === 'over') fail('after everything was over');
  if (phase === 'ended' && type !== 'timewait_exit') fail('after the end');
  if (!EXPECTED_BY[role].has(type)) fail(`at a CEP that is ${role}`);
  if (ENDING.has(type)) {
    if (type === 'req_error' && belief.hasReply) fail('after the REP');
    if (type === 'rep_error' && role === 'active' && cause !== 'stale') fail('on the active side');
    if (type === 'rep_error' && belief.hasRtu) fail('after the RTU');
    if (type === 'dreq_error' && cause !== 'stale' && !belief.sentDreq) fail('without a DREQ');
    if (type === 'drep_received' && cause !== 'stale' && !belief.sentDreq) fail('without a DREQ');
    belief.phase = 'ended';
    return;
  }
  switch (type) {
    case 'req_received':
    case 'sidr_req_received':
      if (belief.hasRequest) fail('a second time');
      belief.hasRequest = true;
      return;
    case 'rep_received':
      if (belief.hasReply) fail('a second time');
      belief.hasReply = true;
      return;
    case 'rtu_received':
      if (!belief.sentReply) fail('without a REP before it');
      if (belief.hasRtu) fail('a second time');
      belief.hasRtu = true;
      belief.phase = 'established';
      return;
    case 'dreq_received':
      if (role === 'active' ? phase !== 'established' : !belief.sentReply) fail('before there was a connection');
      if (belief.hasDreq) fail('a second time');
      belief.hasDreq = true;
      return;
    case 'apr_received':
    case 'lap_error':
      if (!belief.sentProposal) fail('without a proposal');
      return;
    case 'lap_received':
      if (phase !== 'established') fail('without a connection');
      return;
    case 'timewait_exit':
      if (phase !== 'ended') fail('before the end');
      belief.phase = 'over';
      return;
    default:
  }
}
