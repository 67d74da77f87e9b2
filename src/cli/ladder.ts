import type { EventLine } from './event-printer.js';
import { showPrivateData } from './private-data.js';
import type { Style } from './style.js';

/** A ladder: two sides, time downwards, an arrow for each message. */

const WIDTH = 46;
/** Room for 99 seconds. */
const TIME_WIDTH = '99999.999 ms'.length;
/** What an arrow needs besides its label: a shaft of two at each end, blanks, the head. */
const ARROW_WIDTH = 6;

/** What each event that a message causes says about the message. */
const MESSAGES: Readonly<Record<string, string>> = {
  req_received: 'REQ',
  rep_received: 'REP',
  rtu_received: 'RTU',
  rej_received: 'REJ',
  mra_received: 'MRA',
  dreq_received: 'DREQ',
  drep_received: 'DREP',
};

/** Which message was not answered. */
const ERRORS: Readonly<Record<string, string>> = { req_error: 'REQ', rep_error: 'REP', dreq_error: 'DREQ' };

/** Why a connection ended, as said from its own side. */
const CAUSES: Readonly<Record<string, string>> = {
  disconnected: 'closed, acknowledged',
  unacknowledged: 'closed, not acknowledged',
  peer: 'closed by the peer',
  rejected: 'closed: rejected by the peer',
  stale: 'closed: the peer has forgotten it',
};

export class Ladder {
  readonly #style: Style;
  readonly #left: string;
  readonly #right: string;
  #start: number | undefined;
  #last = 0;

  constructor(left: string, right: string, style: Style) {
    this.#left = left;
    this.#right = right;
    this.#style = style;
  }

  header(): string {
    const { bold } = this.#style;
    const gap = ' '.repeat(Math.max(2, WIDTH + 4 - this.#left.length - this.#right.length));
    return `${' '.repeat(TIME_WIDTH)} ${bold(this.#left)}${gap}${bold(this.#right)}`;
  }

  /** The line for an event at one side, or undefined if it has no place in a ladder. */
  line(side: 'left' | 'right', event: EventLine): string | undefined {
    const { dim, green, red } = this.#style;
    const message = MESSAGES[event.event];
    if (message !== undefined) return `${this.#time(event)} ${this.#arrow(side, `${message}${details(event)}`)}`;
    const unanswered = ERRORS[event.event];
    if (unanswered !== undefined) return this.#note(side, event, `${unanswered} not answered`, red);
    if (event.event === 'established') return this.#note(side, event, 'established', green);
    if (event.event === 'closed') {
      const cause = String(event['cause']);
      return this.#note(side, event, CAUSES[cause] ?? `closed: ${cause}`, dim);
    }
    return undefined;
  }

  /** Milliseconds since the first line. Two processes' clocks may differ a little; time does not run backwards here. */
  #time(event: EventLine): string {
    this.#start ??= event.time;
    this.#last = Math.max(this.#last, (event.time - this.#start) * 1_000);
    return this.#style.dim(`${this.#last.toFixed(3)} ms`.padStart(TIME_WIDTH));
  }

  /** The side that saw the event received the message. */
  #arrow(receiver: 'left' | 'right', text: string): string {
    const label = ` ${shorten(text, WIDTH - ARROW_WIDTH)} `;
    const shaft = '─'.repeat(WIDTH - label.length - 3);
    return receiver === 'right' ? `│ ──${label}${shaft}▶ │` : `│ ◀──${label}${shaft} │`;
  }

  #note(side: 'left' | 'right', event: EventLine, text: string, mark: (text: string) => string): string {
    const room = ' '.repeat(WIDTH + 1 - text.length);
    const note = side === 'left' ? `│ ${mark(text)}${room}│` : `│${room}${mark(text)} │`;
    return `${this.#time(event)} ${note}`;
  }
}

const shorten = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

function details(event: EventLine): string {
  const {
    remoteQpn,
    privateData = '',
    reasonName,
  } = event as {
    remoteQpn?: number;
    privateData?: string;
    reasonName?: string;
  };
  const data = showPrivateData(Buffer.from(privateData, 'hex'));
  const parts = [
    ...(remoteQpn === undefined ? [] : [`QPN 0x${remoteQpn.toString(16).padStart(6, '0')}`]),
    ...(reasonName === undefined ? [] : [reasonName]),
    ...(data === undefined ? [] : [data]),
  ];
  return parts.length === 0 ? '' : ` ${parts.join(' ')}`;
}
