import type { Brand } from '../base/index.js';

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

/** Their numbers, which is how handlers name them: a name would have to be looked up for every event. */
export type EventNumber = Brand<number, 'EventNumber'>;
export type CauseNumber = Brand<number, 'CauseNumber'>;
const numbersOf = (names: readonly string[]): object => Object.fromEntries(names.map((name, number) => [name, number]));
export const EVENT = numbersOf(EVENT_TYPES) as Readonly<Record<EventType, EventNumber>>;
export const CAUSE = numbersOf(EVENT_CAUSES) as Readonly<Record<EventCause, CauseNumber>>;

const WORDS = 5;
const PLACE = { next: 0, type: 1, cause: 2, mad: 3, transmissions: 4 } as const;

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

  take(type: EventNumber, cause: CauseNumber, mad: number, transmissions: number): number {
    let event = this.#free;
    if (event !== 0) this.#free = this.next(event);
    else {
      event = this.#fresh;
      this.#fresh += 1;
    }
    const at = event * WORDS;
    this.#words[at + PLACE.next] = 0;
    this.#words[at + PLACE.type] = type;
    this.#words[at + PLACE.cause] = cause;
    this.#words[at + PLACE.mad] = mad;
    this.#words[at + PLACE.transmissions] = transmissions;
    this.#size += 1;
    return event;
  }

  release(event: number): void {
    this.link(event, this.#free);
    this.#free = event;
    this.#size -= 1;
  }

  next(event: number): number {
    return this.#words[event * WORDS + PLACE.next] as number;
  }

  link(event: number, next: number): void {
    this.#words[event * WORDS + PLACE.next] = next;
  }

  type(event: number): EventType {
    return EVENT_TYPES[this.#words[event * WORDS + PLACE.type] as number] as EventType;
  }

  cause(event: number): EventCause {
    return EVENT_CAUSES[this.#words[event * WORDS + PLACE.cause] as number] as EventCause;
  }

  mad(event: number): number {
    return this.#words[event * WORDS + PLACE.mad] as number;
  }

  transmissions(event: number): number {
    return this.#words[event * WORDS + PLACE.transmissions] as number;
  }
}
