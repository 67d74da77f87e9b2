import type { EventLine } from './event-printer.js';
import { showPrivateData } from './event-printer.js';
import type { Style } from './style.js';

/** A ladder: two sides, time downwards, an arrow for each message. */

const WIDTH = 46;
const TIME_WIDTH = 10;

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
    const gap = ' '.repeat(Math.max(1, WIDTH + 2 - this.#left.length - 1));
    return `${' '.repeat(TIME_WIDTH)} ${bold(this.#left)}${gap}${bold(this.#right)}`;
  }

  /** The line for an event at one side, or undefined if it has no place in a ladder. */
  line(side: 'left' | 'right', event: EventLine): string | undefined {
    const { dim, green } = this.#style;
    const message = MESSAGES[event.event];
    if (message !== undefined) return `${this.#time(event)} ${this.#arrow(side, `${message}${details(event)}`)}`;
    if (event.event === 'established')
      return `${this.#time(event)} ${this.#note(side, green('established'), 'established'.length)}`;
    if (event.event === 'closed') {
      const text = `closed: ${String(event['cause'])}`;
      return `${this.#time(event)} ${this.#note(side, dim(text), text.length)}`;
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
    const label = ` ${text} `;
    const shaft = '─'.repeat(Math.max(2, WIDTH - label.length - 4));
    return receiver === 'right' ? `│ ──${label}${shaft}▶ │` : `│ ◀──${label}${shaft} │`;
  }

  #note(side: 'left' | 'right', text: string, length: number): string {
    const room = ' '.repeat(Math.max(0, WIDTH + 1 - length));
    return side === 'left' ? `│ ${text}${room}│` : `│${room}${text} │`;
  }
}

function details(event: EventLine): string {
  const { remoteQpn, privateData, reasonName } = event as {
    remoteQpn?: number;
    privateData?: string;
    reasonName?: string;
  };
  const parts = [
    ...(remoteQpn === undefined ? [] : [`QPN 0x${remoteQpn.toString(16).padStart(6, '0')}`]),
    ...(reasonName === undefined ? [] : [reasonName]),
    ...(privateData === undefined ? [] : [showPrivateData(privateData)].filter((shown) => shown !== '')),
  ];
  return parts.length === 0 ? '' : ` ${parts.join(' ')}`;
}
