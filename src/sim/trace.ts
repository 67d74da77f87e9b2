import type { EventCause, EventType } from '../cep/index.js';
import type { MessageName } from '../wire/index.js';
import type { Fate } from './fabric.js';
import type { TransmissionFault } from './faults.js';
import type { AnySide, Attempt } from './side.js';
import type { World } from './world.js';

/** One thing that happened, with everything that a ladder shows. */
export type TraceEntry = {
  readonly at: number;
  /** The attempt that it belongs to; −1: none, or not known. */
  readonly attempt: number;
} & (
  | {
      readonly kind: 'transmission';
      readonly message: MessageName;
      /** Adapters. */
      readonly from: number;
      readonly to: number;
      readonly fate: Fate;
      readonly fault: TransmissionFault | undefined;
    }
  | { readonly kind: 'event'; readonly adapter: number; readonly role: Role; readonly text: string }
  | { readonly kind: 'call'; readonly adapter: number; readonly role: Role; readonly text: string }
  | { readonly kind: 'fault'; readonly text: string }
);
type Role = 'active' | 'passive';

/** Everything that happens in a run, in order. Runs without one are faster. */
export class Trace {
  readonly entries: TraceEntry[] = [];
  #world: World | undefined;

  /** Begins to follow a run. */
  follow(world: World): void {
    this.#world = world;
    this.entries.length = 0;
  }

  transmission(
    message: MessageName,
    from: number,
    to: number,
    fate: Fate,
    fault: TransmissionFault | undefined,
    attempt: Attempt | undefined,
  ): void {
    const { ports } = this.#current.settings;
    const adapters = { from: Math.floor(from / ports), to: Math.floor(to / ports) };
    this.#add({ kind: 'transmission', message, ...adapters, fate, fault }, attempt?.number ?? -1);
  }

  event(side: AnySide, type: EventType, cause: EventCause): void {
    const text = cause === 'message' ? type : `${type} (${cause})`;
    this.#add({ kind: 'event', adapter: side.consumer.adapter.number, role: side.role, text }, side.attempt.number);
  }

  call(side: AnySide, command: string, failure: string | undefined): void {
    const text = failure === undefined ? command : `${command}: ${failure}`;
    this.#add({ kind: 'call', adapter: side.consumer.adapter.number, role: side.role, text }, side.attempt.number);
  }

  fault(text: string): void {
    this.#add({ kind: 'fault', text }, -1);
  }

  get #current(): World {
    const world = this.#world;
    if (world === undefined) throw new TypeError('a trace follows a run');
    return world;
  }

  #add(entry: Unplaced<TraceEntry>, attempt: number): void {
    this.entries.push({ at: this.#current.now, attempt, ...entry });
  }
}

/** An entry without its moment and attempt, whichever kind it is. */
type Unplaced<Entry> = Entry extends TraceEntry ? Omit<Entry, 'at' | 'attempt'> : never;
