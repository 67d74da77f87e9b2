import { MESSAGE_NAMES, type MessageName, REJECT_REASONS, type RejectReason } from '../wire/index.js';
import { DurationHistogram } from './duration-histogram.js';

/** Why something that came in was dropped. Every drop is counted under one of these. */
export const DROP_REASONS = {
  /** The bytes are not a CM MAD. */
  malformed: 'not a CM MAD',
  /** No CEP has the comm ID that the message names. */
  unknownCommId: 'no connection has this comm ID',
  /** The message's own comm ID is not the one that the connection's peer gave. */
  wrongCommId: "not the peer's comm ID",
  /** It does not come from the address that the connection talks to. */
  wrongAddress: 'not from the address of the peer',
  /** A DREQ or LAP that does not name our queue pair. */
  wrongQpn: 'not our queue pair',
  /** A REQ whose own GID is not where it came from. */
  spoofedPath: "the REQ's local GID is not its sender",
  /** The message says that it answers something else than what was sent. */
  wrongMessage: 'answers another message',
  /** Nothing in this state waits for such a message. */
  unexpected: 'not expected in this state',
  /** A duplicate that needs no answer. */
  duplicate: 'a duplicate that needs no answer',
  /** The listener's backlog is full, and it is silent then. */
  backlogFull: "the listener's backlog is full",
  /** The CEP has too many unread events. */
  eventsUnread: 'too many unread events',
  /** No buffer was left to keep the message in. */
  noBuffers: 'no buffers left',
  /** The transmit queue was full: a message of ours was lost. */
  transmitQueueFull: 'transmit queue full',
  /** The peer's request crossed ours, and it is the one that gives way. */
  peerGivesWay: 'the peer gives way to our own request',
  /** A peer-to-peer request that the peer refused because it has not begun itself. */
  peerNotReady: 'the peer has not asked yet',
  /** More new requests from one source than it may send. */
  requestsLimited: 'too many requests from one source',
  /** An answer of ours that was not sent: too many to one source. */
  answersLimited: 'too many stray messages from one source',
} as const;
export type DropReason = keyof typeof DROP_REASONS;

type PerMessage = Readonly<Record<MessageName, number>>;

const noMessages = (): Float64Array => new Float64Array(MESSAGE_NAMES.length);
const byName = (counts: Float64Array): PerMessage =>
  Object.fromEntries(MESSAGE_NAMES.map((name, message) => [name, counts[message]])) as PerMessage;

/** Counts one more. */
export function increment(counts: Float64Array, message: number): void {
  counts[message] = (counts[message] as number) + 1;
}

/** Reasons by number; whatever is beyond them shares the last place. */
const REASONS_MAX = 64;
const OTHER_REASON = REASONS_MAX;

const noRejects = (): Float64Array => new Float64Array(REASONS_MAX + 1);

/** Counts a REJ under its reason: the peer's word, which may be any number. */
export function countReject(counts: Float64Array, reason: number): void {
  increment(counts, Math.min(reason, OTHER_REASON));
}

/** REJs by reason: those of IBTA's names, and `other`. */
type PerReason = Readonly<Record<RejectReason | 'other', number>>;

function byReason(counts: Float64Array): PerReason {
  const named = Object.entries(REJECT_REASONS).filter(([, reason]) => reason < OTHER_REASON);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const known = named.map(([name, reason]) => [name, counts[reason] as number] as const);
  const other = known.reduce((left, [, count]) => left - count, all);
  return Object.fromEntries([...known, ['other', other]]) as PerReason;
}

/** What has gone through a manager since its start. The counts of messages are Linux's, under its `cm_*` directories; each reading is a copy. */
export class Counters {
  /** As the manager counts: by each message's place in `MESSAGE_NAMES`. */
  readonly messages = {
    sent: noMessages(),
    retries: noMessages(),
    received: noMessages(),
    duplicates: noMessages(),
  } as const;
  /** REJs, by their reason's number. */
  readonly rejects = { sent: noRejects(), received: noRejects() } as const;
  /** How long connections took to be established: from the REQ to ESTABLISHED, at either side. */
  readonly establishing = new DurationHistogram();
  readonly drops = Object.fromEntries(Object.keys(DROP_REASONS).map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;

  /** Messages sent, retries included. */
  get sent(): PerMessage {
    return byName(this.messages.sent);
  }

  /** Messages sent again for want of an answer. */
  get retries(): PerMessage {
    return byName(this.messages.retries);
  }

  /** Messages received, duplicates and dropped ones included. */
  get received(): PerMessage {
    return byName(this.messages.received);
  }

  /** Messages received again and answered again, or dropped because of it. */
  get duplicates(): PerMessage {
    return byName(this.messages.duplicates);
  }

  /** REJs sent, by reason. */
  get rejectsSent(): PerReason {
    return byReason(this.rejects.sent);
  }

  /** REJs received, by reason; those that are dropped included. */
  get rejectsReceived(): PerReason {
    return byReason(this.rejects.received);
  }
}
