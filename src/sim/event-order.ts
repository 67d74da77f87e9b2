import type { EventCause, EventType } from '../cep/index.js';
import type { Side } from './side.js';

/** The events that end an attempt: after one of them nothing comes but timewait_exit. */
export const ENDING_EVENTS: ReadonlySet<EventType> = new Set<EventType>([
  'req_error',
  'rep_error',
  'rej_received',
  'dreq_error',
  'drep_received',
]);

/** What is wrong with an event coming now; undefined if it may. It is judged by what the consumer did and saw before. */
export function objectionTo(side: Side, type: EventType, cause: EventCause): string | undefined {
  const active = side.role === 'active';
  if (side.phase === 'over' || side.phase === 'gone') return 'after everything was over';
  if (side.phase === 'ended') {
    if (type !== 'timewait_exit') return `after the end by ${side.ending ?? 'a call of its own'}`;
    return side.exits > 0 ? 'twice' : undefined;
  }
  switch (type) {
    case 'req_received':
      return active ? 'on the active side' : once(side.hasRequest);
    case 'rep_received':
      return active ? once(side.hasReply) : 'on the passive side';
    case 'rtu_received':
      if (active || !side.sentReply) return 'without a REP before it';
      return once(side.hasRtu);
    case 'mra_received':
      if (active) return side.hasReply ? 'after the REP' : undefined;
      return side.sentReply && !side.hasRtu ? undefined : 'without a REP that waits';
    case 'req_error':
      return active && !side.hasReply ? undefined : 'without a REQ that waits';
    case 'rep_error':
      if (active) return side.hasReply && cause === 'stale' ? undefined : 'on the active side';
      return side.hasRtu ? 'after the RTU' : undefined;
    case 'rej_received':
      return undefined;
    case 'dreq_received':
      if (active ? side.phase !== 'established' : !side.sentReply) return 'before there was a connection';
      return once(side.hasDreq);
    case 'dreq_error':
    case 'drep_received':
      return side.phase === 'established' ? undefined : 'without a connection';
    case 'timewait_exit':
      return 'before the end';
    default:
      return 'though nothing of the kind was begun';
  }
}

const once = (already: boolean): string | undefined => (already ? 'a second time' : undefined);
