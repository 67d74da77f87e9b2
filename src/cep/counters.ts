import { MESSAGE_NAMES, type MessageName } from '../wire/index.js';

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

type PerMessage = Record<MessageName, number>;
const perMessage = (): PerMessage => Object.fromEntries(MESSAGE_NAMES.map((name) => [name, 0])) as PerMessage;

/** What has gone through a manager since its start. The first four are Linux's, under its `cm_*` directories. */
export class Counters {
  /** Messages sent, retries included. */
  readonly sent = perMessage();
  /** Messages sent again for want of an answer. */
  readonly retries = perMessage();
  /** Messages received, duplicates and dropped ones included. */
  readonly received = perMessage();
  /** Messages received again and answered again, or dropped because of it. */
  readonly duplicates = perMessage();
  readonly drops = Object.fromEntries(Object.keys(DROP_REASONS).map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;
}
