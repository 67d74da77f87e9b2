import type { Cid, Instant } from '../base/index.js';
import type { DataEnd } from './data/data-end.js';
import type { Flow } from './data/flow.js';
import { Digest } from './digest.js';
import type { AnyConsumer } from './interfaces/any-consumer.js';
import { type Listen, listensOf, SERVICE_KINDS, type ServiceKind } from './services.js';
import { isTight, type SimSettings } from './settings.js';
import { type AnySide, Attempt, type Role, Side } from './side.js';
import { TAG_BYTES } from './tag.js';
import { TimeHeap } from './time-heap.js';
import type { Trace } from './trace.js';
import { type Invariant, ViolationError } from './violation.js';

/** What consumers put off; `actions.ts` says what each is. */
export const ACTIONS = [
  'answer',
  'launchRequest',
  'launchReply',
  'data',
  'propose',
  'answerPath',
  'launchPathAnswer',
  'migrate',
  'end',
  'answerDisconnect',
  'destroy',
  'again',
  'traffic',
] as const;
export type Action = (typeof ACTIONS)[number];
const ACTION_NUMBER = Object.fromEntries(ACTIONS.map((action, number) => [action, number])) as Record<Action, number>;

/** What lies ahead: an entry of the heap is one of these kinds and a number, in one small integer. */
export const ENTRY = { arrival: 0, start: 1, action: 2, faultBegins: 3, faultEnds: 4, cross: 5 } as const;
const KIND_BITS = 3;

const PLAIN: readonly ServiceKind[] = ['plain'];

/** What one queue pair asks of another, in one connection. */
export interface AttemptFlow {
  readonly flow: Flow;
  readonly attempt: Attempt;
  readonly from: DataEnd;
  readonly to: DataEnd;
}

/** What all parts of one simulation share: time, what lies ahead, and the record of what was. */
export class World {
  now = 0 as Instant;
  readonly seed: number;
  readonly settings: SimSettings;
  readonly ahead = new TimeHeap();
  readonly digest = new Digest();
  readonly trace: Trace | undefined;
  readonly attempts: (Attempt | undefined)[] = [];
  readonly sides: AnySide[] = [];
  /** The attempt that each comm ID was given out for. Comm IDs are random: that two adapters give out the same one is not to be expected. */
  readonly attemptsByCommId = new Map<number, Attempt>();
  /** When the time of faults is over. */
  readonly healedAt: number;
  /** What is still established is being disconnected, in a network that is whole: consumers answer at once. */
  isFinal = false;
  /** Attempts to connect that were begun, later tries with the same CEP included. Peer to peer, both sides' requests are one. */
  lifecycles = 0;
  /** Resolutions of service IDs that were begun. */
  resolutions = 0;
  /** What moves, or has moved. */
  readonly flows: AttemptFlow[] = [];
  /** Messages that were forged. */
  forgeries = 0;
  /** A manager had no buffer or no place in its transmit queue, so that a message was lost, since the network is whole. */
  hasOverflowed = false;
  /** Whether limits are so low that calls may fail because of them. */
  readonly isTight: boolean;
  /** What each owner of an adapter listens for. */
  readonly listens: readonly (readonly Listen[])[];
  /** Where private data is written. */
  readonly tag = new Uint8Array(TAG_BYTES);

  constructor(seed: number, settings: SimSettings, trace: Trace | undefined) {
    this.seed = seed;
    this.settings = settings;
    this.trace = trace;
    const kinds = settings.services === 'all' ? SERVICE_KINDS : PLAIN;
    this.listens = Array.from({ length: settings.owners }, (_, owner) => listensOf(owner, kinds));
    this.isTight = isTight(settings);
    this.healedAt = settings.faultPhaseMs * 1_000;
  }

  /** Whether the time of faults is over, and with it the time of new attempts. */
  get isHealed(): boolean {
    return this.now >= this.healedAt;
  }

  /** The end that a side's queue pair is; undefined if it has none, or the queue pair is another's by now. */
  endOf({ consumer, localQpn, phase }: AnySide): DataEnd | undefined {
    return phase === 'gone' || phase === 'over' ? undefined : consumer.adapter.ends.get(localQpn);
  }

  /** Adds an entry. @param time a moment, not a span. */
  at(time: number, kind: number, number: number): void {
    this.ahead.add(time, (number << KIND_BITS) | kind);
  }

  /** Puts off what a consumer does with one of its sides. */
  later(delay: number, side: AnySide, action: Action): void {
    this.at(this.now + delay, ENTRY.action, side.number * ACTIONS.length + ACTION_NUMBER[action]);
  }

  /** Splits an entry into its kind and its number. */
  static kindOf(entry: number): number {
    return entry & (2 ** KIND_BITS - 1);
  }

  static numberOf(entry: number): number {
    return entry >> KIND_BITS;
  }

  /** @param part whose part in the script it plays. */
  newSide<Owner extends AnyConsumer>(attempt: Attempt, role: Role, part: Role, consumer: Owner, cid: Cid): Side<Owner> {
    const side = new Side(this.sides.length, attempt, role, attempt.script[part], consumer, cid);
    this.sides.push(side);
    return side;
  }

  /** @throws {@link ViolationError} always. */
  fail(invariant: Invariant, message: string, about?: AnySide | Attempt): never {
    const attempt = about instanceof Side ? about.attempt.number : about instanceof Attempt ? about.number : -1;
    throw new ViolationError(invariant, message, this.now, attempt);
  }
}
