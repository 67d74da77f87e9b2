import { closeAll } from './closing.js';
import { Flights } from './flights.js';
import type { MakeManager, SideNumber, SideSettings } from './live-side.js';
import { MessageTable } from './message-table.js';
import { PairCheck } from './pair-check.js';
import type { Script } from './script.js';
import { MESSAGES_FROM, type Move, SideGraph } from './side-graph.js';
import { GrowingNumbers, StateSet } from './state-set.js';
import { ExploreError } from './violation.js';

const BOTH: readonly SideNumber[] = [0, 1];
/** Lists of sent messages are named by side and number. */
const SENT_LISTS_MOST = 2 ** 20;

export interface Bounds {
  /** Messages that may be lost, 0 or more. */
  readonly losses: number;
  /** Messages that may be delivered once more than they were sent. */
  readonly duplicates: number;
  /** Of each message that waits for an answer. */
  readonly maxRetries: number;
  /** States at which to give up. */
  readonly maxStates: number;
}

/** One step of the whole system. */
export interface Step {
  readonly side: SideNumber;
  readonly input: number;
  /** The message is delivered, and may be delivered again. */
  readonly isDuplicate: boolean;
}

/** A state in which something is wrong, or from which one step leads to it. */
export interface Finding {
  readonly violation: ExploreError;
  readonly state: number;
  /** What leads on from the state to what is wrong. */
  readonly steps: readonly Step[];
}

/** Called for everything that can happen in a state; `third` is the flight and the duplicates used. @returns false to stop. */
type Visit = (left: number, right: number, third: number, step: number, move: Move) => boolean;

/** A step as a number: there are too many for objects. */
const stepCode = (side: SideNumber, input: number, isDuplicate: boolean): number =>
  input * 4 + (isDuplicate ? 2 : 0) + side;
const stepOf = (code: number): Step => ({
  side: (code & 1) as SideNumber,
  input: code >> 2,
  isDuplicate: (code & 2) !== 0,
});

/**
 * The whole system: both sides, and what is in flight between them. A state is (left side, right side, flight, duplicates used),
 * breadth first, so that what is found is found on a shortest way.
 *
 * A lost message is one that is never delivered, and nothing shows whether it still will be. So losing is not a step: at rest,
 * up to so many messages may be left in flight, and those were lost. That covers every moment at which they could have been.
 */
export class Search {
  readonly bounds: Bounds;
  readonly messages = new MessageTable();
  readonly flights = new Flights();
  readonly sides: readonly [SideGraph, SideGraph];
  readonly #reduces: boolean;
  readonly #states = new StateSet();
  /** The state from which each was reached first. */
  readonly #parents = new GrowingNumbers();
  readonly #arrivals = new GrowingNumbers();
  readonly #pairs: PairCheck;
  readonly #closed = new Map<number, Set<number>>();
  transitions = 0;
  /** States at rest: where the script may have ended. */
  resting = 0;
  /** Steps to the farthest state, by the shortest way. */
  distance = 0;

  /** @param reduces whether orders are left out that make no difference: always, but to check that they make none. */
  constructor(script: Script, bounds: Bounds, make: MakeManager, reduces = true) {
    this.bounds = bounds;
    this.#reduces = reduces;
    const graphOf = (side: SideNumber): SideGraph => {
      const settings: SideSettings = {
        side,
        plan: script.plans[side],
        maxRetries: bounds.maxRetries,
        make,
        messages: this.messages,
      };
      return new SideGraph(settings);
    };
    this.sides = [graphOf(0), graphOf(1)];
    this.#pairs = new PairCheck(this.sides[0], this.sides[1], this.messages, bounds.maxRetries);
    this.#states.add(0, 0, 0);
  }

  /** States so far. The first one is 0. */
  get size(): number {
    return this.#states.size;
  }

  side(state: number, side: SideNumber): number {
    return side === 0 ? this.#states.first(state) : this.#states.second(state);
  }

  flight(state: number): number {
    return Math.floor(this.#states.third(state) / (this.bounds.duplicates + 1));
  }

  duplicates(state: number): number {
    return this.#states.third(state) % (this.bounds.duplicates + 1);
  }

  /** Whether the script may have ended in a state, with what is in flight lost. */
  isResting(state: number): boolean {
    const isAtRest = this.#pairs.isAtRest(this.side(state, 0), this.side(state, 1));
    return isAtRest && this.flights.messages(this.flight(state)).length <= this.bounds.losses;
  }

  /** Goes everywhere. @returns the first thing that is wrong, if any. */
  run(): Finding | undefined {
    let levelEnd = 1;
    for (let state = 0; state < this.size; state += 1) {
      if (state === levelEnd) {
        levelEnd = this.size;
        this.distance += 1;
      }
      const finding = this.#checkState(state) ?? this.#expand(state);
      if (finding !== undefined) return finding;
    }
    return undefined;
  }

  /** How a state was reached first, and a last step, if there is one. */
  way(finding: Finding): Step[] {
    const states: number[] = [];
    for (let state = finding.state; state !== 0; state = this.#parents.get(state)) states.push(state);
    const steps: Step[] = [];
    let from = 0;
    for (const state of states.reverse()) {
      steps.push(this.#stepBetween(from, state));
      from = state;
    }
    return [...steps, ...finding.steps];
  }

  /**
   * The longest run, in steps; undefined if some run never ends. States are taken away once all that lead to them have been: those
   * that lead in a circle stay.
   */
  longestRun(): number | undefined {
    const lengths = new GrowingNumbers();
    const ready = [0];
    let taken = 0;
    let longest = 0;
    for (let state = ready.pop(); state !== undefined; state = ready.pop()) {
      taken += 1;
      const length = lengths.get(state) + 1;
      longest = Math.max(longest, length - 1);
      this.#eachStep(state, (left, right, third) => {
        const to = this.#states.add(left, right, third);
        if (lengths.get(to) < length) lengths.set(to, length);
        const arrivals = this.#arrivals.get(to) - 1;
        this.#arrivals.set(to, arrivals);
        if (arrivals === 0) ready.push(to);
        return true;
      });
    }
    return taken === this.size ? longest : undefined;
  }

  /** After {@link longestRun} found none: a state on a run that never ends, and the way round to it again. */
  circle(): { readonly state: number; readonly steps: readonly Step[] } {
    const path: number[] = [];
    const onPath = new Set<number>();
    const done = new Set<number>();
    for (let state = 0; state < this.size; state += 1) {
      if (this.#arrivals.get(state) === 0 || done.has(state)) continue;
      path.push(state);
      onPath.add(state);
      for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
        const next = this.#successors(last).find((each) => !done.has(each));
        if (next === undefined) {
          done.add(last);
          onPath.delete(last);
          path.pop();
        } else if (onPath.has(next)) {
          const round = [...path.slice(path.indexOf(next)), next];
          const steps = round.slice(1).map((to, index) => this.#stepBetween(round[index] as number, to));
          return { state: next, steps };
        } else {
          path.push(next);
          onPath.add(next);
        }
      }
    }
    throw new TypeError('there is no circle');
  }

  #successors(state: number): number[] {
    const found: number[] = [];
    this.#eachStep(state, (left, right, third) => found.push(this.#states.add(left, right, third)) > 0);
    return found;
  }

  #checkState(state: number): Finding | undefined {
    const left = this.#states.first(state);
    const right = this.#states.second(state);
    let violation = this.#pairs.parameters(left, right);
    if (violation === undefined && this.isResting(state)) {
      this.resting += 1;
      violation =
        this.#pairs.atRest(left, right, this.flights.messages(this.flight(state))) ?? this.#close(left, right);
    }
    return violation === undefined ? undefined : { violation, state, steps: [] };
  }

  /** Whether anything is left over if the consumers go away now. */
  #close(left: number, right: number): ExploreError | undefined {
    const closed = this.#closed.get(left) ?? new Set<number>();
    this.#closed.set(left, closed);
    if (closed.has(right)) return undefined;
    closed.add(right);
    return closeAll([this.sides[0].lead(left), this.sides[1].lead(right)], this.messages);
  }

  #expand(state: number): Finding | undefined {
    const { maxStates } = this.bounds;
    let finding: Finding | undefined;
    this.#eachStep(state, (left, right, third, step, move) => {
      this.transitions += 1;
      const { violation } = move;
      if (violation !== undefined) {
        finding = { violation, state, steps: [stepOf(step)] };
        return false;
      }
      const isNew = this.size;
      const to = this.#states.add(left, right, third);
      this.#arrivals.set(to, this.#arrivals.get(to) + 1);
      if (to !== isNew) return true;
      this.#parents.set(to, state);
      if (this.size <= maxStates) return true;
      finding = {
        violation: new ExploreError('bound', `there are more than ${maxStates} states`),
        state,
        steps: [stepOf(step)],
      };
      return false;
    });
    return finding;
  }

  #stepBetween(from: number, to: number): Step {
    let found: Step | undefined;
    this.#eachStep(from, (left, right, third, step) => {
      const isIt =
        left === this.#states.first(to) && right === this.#states.second(to) && third === this.#states.third(to);
      if (isIt) found = stepOf(step);
      return !isIt;
    });
    if (found === undefined) throw new TypeError(`no step leads from state ${from} to state ${to}`);
    return found;
  }

  /** Everything that can happen in a state: always the same, in the same order. */
  #eachStep(state: number, visit: Visit): void {
    const left = this.#states.first(state);
    const right = this.#states.second(state);
    const flight = this.flight(state);
    const duplicates = this.duplicates(state);
    for (const side of BOTH) {
      const at = side === 0 ? left : right;
      const sole = this.sides[side].soleInput(at);
      if (sole === undefined || !this.#reduces) continue;
      this.#step(left, right, flight, duplicates, stepCode(side, sole, false), this.sides[side].move(at, sole), visit);
      return;
    }
    for (const side of BOTH) {
      const graph = this.sides[side];
      const at = side === 0 ? left : right;
      for (const input of graph.inputs(at)) {
        const move = graph.move(at, input);
        if (!this.#step(left, right, flight, duplicates, stepCode(side, input, false), move, visit)) return;
      }
    }
    for (const message of this.flights.distinct(flight)) {
      const side = this.messages.receiver(message) as SideNumber;
      const at = side === 0 ? left : right;
      const input = MESSAGES_FROM + message;
      const move = this.sides[side].move(at, input);
      const rest = this.flights.without(flight, message);
      if (!this.#step(left, right, rest, duplicates, stepCode(side, input, false), move, visit)) return;
      // A duplicate without effect leads to a state in which less can happen than in this one.
      const hasEffect = move.to !== at || move.sent.length > 0;
      if (duplicates === this.bounds.duplicates || !hasEffect) continue;
      if (!this.#step(left, right, flight, duplicates + 1, stepCode(side, input, true), move, visit)) return;
    }
  }

  #step(
    left: number,
    right: number,
    flight: number,
    duplicates: number,
    step: number,
    move: Move,
    visit: Visit,
  ): boolean {
    const isLeft = (step & 1) === 0;
    const toLeft = isLeft ? move.to : left;
    const toRight = isLeft ? right : move.to;
    const sentNumber = (step & 1) * SENT_LISTS_MOST + move.sentNumber;
    const then = this.#settle(toLeft, toRight, this.flights.with(flight, move.sent, sentNumber));
    return visit(toLeft, toRight, then * (this.bounds.duplicates + 1) + duplicates, step, move);
  }

  /** Takes out of flight what can have no effect any more. */
  #settle(left: number, right: number, flight: number): number {
    if (!this.#reduces) return flight;
    let settled = flight;
    for (const message of this.flights.distinct(flight)) {
      if (!this.#isWithoutEffect(left, right, message)) continue;
      for (const each of this.flights.messages(flight)) {
        if (each === message) settled = this.flights.without(settled, message);
      }
    }
    return settled;
  }

  /** A message for nobody may be answered: then it is without effect if the answer is. */
  #isWithoutEffect(left: number, right: number, message: number): boolean {
    const toLeft = this.messages.receiver(message) === 0;
    const [receiver, at] = toLeft ? [this.sides[0], left] : [this.sides[1], right];
    const prospect = receiver.prospect(at, message);
    if (prospect !== 'stray') return prospect === 'inert';
    const [sender, from] = toLeft ? [this.sides[1], right] : [this.sides[0], left];
    const { to, sent, violation } = receiver.move(at, MESSAGES_FROM + message);
    return violation === undefined && to === at && sent.every((answer) => sender.prospect(from, answer) === 'inert');
  }
}
