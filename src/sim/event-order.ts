import type { EventCause, EventType } from '../cep/index.js';
import type { AnySide } from './side.js';

/** What is wrong with an event coming now; undefined if it may. It is judged by what the consumer did and saw before. */
export function objectionTo(side: AnySide, type: EventType, cause: EventCause): string | undefined {
  const { phase } = side;
  if (phase === 'over' || phase === 'gone') return 'after everything was over';
  if (phase === 'ended') {
    if (type !== 'timewait_exit') return `after the end by ${side.ending ?? 'a call of its own'}`;
    return side.exits > 0 ? 'twice' : undefined;
  }
  const isResolution = side.attempt.script.kind === 'resolve';
  if (isResolution !== OF_RESOLUTIONS.has(type)) return 'though nothing of the kind was begun';
  return OBJECTIONS[type](side, cause);
}

const OF_RESOLUTIONS: ReadonlySet<EventType> = new Set<EventType>([
  'sidr_req_received',
  'sidr_rep_received',
  'sidr_req_error',
]);

type Objection = (side: AnySide, cause: EventCause) => string | undefined;

const once = (already: boolean): string | undefined => (already ? 'a second time' : undefined);
const isActive = ({ role }: AnySide): boolean => role === 'active';
const withoutConnection = ({ phase }: AnySide): string | undefined =>
  phase === 'established' ? undefined : 'without a connection';
const toProposal = (side: AnySide): string | undefined =>
  isActive(side) && side.hasProposal ? withoutConnection(side) : 'without a LAP that waits';

/** Before the end: what must have been, and what must not. */
const OBJECTIONS: Readonly<Record<EventType, Objection>> = {
  req_received: (side) => (isActive(side) ? 'on the active side' : once(side.hasRequest)),
  rep_received: (side) => (isActive(side) ? once(side.hasReply) : 'on the passive side'),
  rtu_received: (side) => (isActive(side) || !side.sentReply ? 'without a REP before it' : once(side.hasRtu)),
  mra_received: (side) => {
    if (isActive(side)) return side.hasReply && !side.hasProposal ? 'without a message that waits' : undefined;
    return side.sentReply && !side.hasRtu ? undefined : 'without a REP that waits';
  },
  req_error: (side) => (isActive(side) && !side.hasReply ? undefined : 'without a REQ that waits'),
  rep_error: (side, cause) => {
    if (isActive(side)) return side.hasReply && cause === 'stale' ? undefined : 'on the active side';
    return side.hasRtu ? 'after the RTU' : undefined;
  },
  rej_received: () => undefined,
  dreq_received: (side) => {
    if (isActive(side) ? side.phase !== 'established' : !side.sentReply) return 'before there was a connection';
    return once(side.hasDreq);
  },
  dreq_error: withoutConnection,
  drep_received: withoutConnection,
  lap_received: (side) => {
    if (isActive(side)) return 'on the active side';
    return side.hasProposal ? 'while another is to be answered' : withoutConnection(side);
  },
  apr_received: toProposal,
  lap_error: toProposal,
  sidr_req_received: (side) => (isActive(side) ? 'on the active side' : once(side.hasRequest)),
  sidr_rep_received: (side) => (isActive(side) ? undefined : 'on the passive side'),
  sidr_req_error: (side) => (isActive(side) ? undefined : 'on the passive side'),
  timewait_exit: () => 'before the end',
};
