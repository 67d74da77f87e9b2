/** What a CEP tells its owner: the 16 events of the CM-only interface and timewait_exit. */
export const EVENT_TYPES = [
  'req_error',
  'req_received',
  'rep_error',
  'rep_received',
  'rtu_received',
  'dreq_error',
  'dreq_received',
  'drep_received',
  'rej_received',
  'mra_received',
  'lap_error',
  'lap_received',
  'apr_received',
  'sidr_req_error',
  'sidr_req_received',
  'sidr_rep_received',
  'timewait_exit',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/**
 * Why an event happened, where its type does not say it. `stale`: the peer has shown that it has forgotten the connection. A
 * `drep_received` or `dreq_error` with this cause ends a disconnect that nobody called for.
 */
export const EVENT_CAUSES = [
  'none',
  'message',
  'retriesExhausted',
  'deadline',
  'stale',
  'established',
  'elapsed',
] as const;
export type EventCause = (typeof EVENT_CAUSES)[number];

const TYPE_NUMBERS = new Map(EVENT_TYPES.map((type, number) => [type, number]));
const CAUSE_NUMBERS = new Map(EVENT_CAUSES.map((cause, number) => [cause, number]));

const WORDS = 5;
const NEXT = 0;
const TYPE = 1;
const CAUSE = 2;
const MAD = 3;
const TRANSMISSIONS = 4;

/** Events in flat memory, linked to queues by their users. Numbered from 1. */
export class EventPool {
  readonly #words: Int32Array;
  #fresh = 1;
  #free = 0;
  #size = 0;

  /** @param capacity the users see to it that it is never exceeded. */
  constructor(capacity: number) {
    this.#words = new Int32Array((capacity + 1) * WORDS);
  }

  get size(): number {
    return this.#size;
  }

  take(type: EventType, cause: EventCause, mad: number, transmissions: number): number {
    let event = this.#free;
    if (event !== 0) this.#free = this.next(event);
    else {
      event = this.#fresh;
      this.#fresh += 1;
    }
    const at = event * WORDS;
    this.#words[at + NEXT] = 0;
    this.#words[at + TYPE] = TYPE_NUMBERS.get(type) as number;
    this.#words[at + CAUSE] = CAUSE_NUMBERS.get(cause) as number;
    this.#words[at + MAD] = mad;
    this.#words[at + TRANSMISSIONS] = transmissions;
    this.#size += 1;
    return event;
  }

  release(event: number): void {
    this.link(event, this.#free);
    this.#free = event;
    this.#size -= 1;
  }

  next(event: number): number {
    return this.#words[event * WORDS + NEXT] as number;
  }

  link(event: number, next: number): void {
    this.#words[event * WORDS + NEXT] = next;
  }

  type(event: number): EventType {
    return EVENT_TYPES[this.#words[event * WORDS + TYPE] as number] as EventType;
  }

  cause(event: number): EventCause {
    return EVENT_CAUSES[this.#words[event * WORDS + CAUSE] as number] as EventCause;
  }

  mad(event: number): number {
    return this.#words[event * WORDS + MAD] as number;
  }

  transmissions(event: number): number {
    return this.#words[event * WORDS + TRANSMISSIONS] as number;
  }
}
