import { assert } from '../../src/base/index.js';
import { reachOf } from '../../src/cep/cell.js';
import { CepCore } from '../../src/cep/core.js';
import { CepManager, INPUTS, type Input, STATES, type State } from '../../src/cep/index.js';
import { cellAt, isCommand, type Mutant } from './mutants.js';

/** A cell that a mutant changes; the table itself is made to be read only. */
type OpenCell = { -readonly [Field in 'kind' | 'reach' | 'handler' | 'reason']?: unknown };
type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Knows which mutants' places a test passes, and puts one mutant at a time into effect. It works in place, on the modules
 * that the tests have imported: the manager's own list holds the same cells.
 */
export class Laboratory {
  /** The mutants whose places the run has passed since this was emptied last. */
  readonly passed = new Set<string>();
  /** How much the manager was made to do. */
  steps = 0;
  /** How much it may be made to do: a mutant may keep a test busy for ever, and nothing else would stop it. */
  maxSteps = Number.POSITIVE_INFINITY;
  readonly #replaceCell = new Map<string, () => () => void>();
  #planted = '';
  /** The state that the input being handled found. */
  #found: State = 'IDLE';

  constructor() {
    const cells = STATES.flatMap((state) => INPUTS.map((input) => cellAt(state, input)));
    const acting = cells.filter(({ kind }) => kind === 'handle' || kind === 'duplicate');
    assert(new Set(acting).size === acting.length, 'each cell is an object of its own, and can be changed alone');
    for (const state of STATES) for (const input of INPUTS) this.#watchCell(state, input);
    this.#watchTimers();
    for (const name of ['nextTimeout', 'pollTransmit'] as const) this.#countCalls(CepManager.prototype, name);
    this.#countCalls(CepCore.prototype, 'drop');
  }

  /** @returns what takes the mutant out again. */
  plant({ name }: Mutant): () => void {
    this.#planted = name;
    const restore = this.#replaceCell.get(name)?.();
    return () => {
      this.#planted = '';
      restore?.();
    };
  }

  get isEndless(): boolean {
    return this.steps > this.maxSteps;
  }

  #step(): void {
    this.steps += 1;
    if (this.isEndless) throw new Error('this would never end');
  }

  #countCalls<T extends object>(prototype: T, name: keyof T): void {
    const original = prototype[name] as Method;
    const step = (): void => this.#step();
    Object.assign(prototype, {
      [name](this: unknown, ...args: unknown[]): unknown {
        step();
        return original.apply(this, args);
      },
    });
  }

  #watchCell(state: State, input: Input): void {
    const cell = cellAt(state, input);
    if (cell.kind !== 'handle' && cell.kind !== 'duplicate') return;
    const name = `${state}.${input}`;
    const handler = cell.handler as (...args: unknown[]) => unknown;
    const open = cell as OpenCell;
    open.handler = (...args: unknown[]): unknown => {
      this.#step();
      this.passed.add(name);
      this.#found = state;
      return handler(...args);
    };
    const original = { ...open };
    this.#replaceCell.set(name, () => {
      // The dispatcher must not be what notices that nothing happens: to stay is among what the cell says it may do.
      if (isCommand(input))
        Object.assign(open, { handler: () => this.#step(), reach: (open.reach as number) | reachOf([state]) });
      else Object.assign(open, { kind: 'drop', reason: open.kind === 'duplicate' ? 'duplicate' : 'unexpected' });
      return () => {
        delete open.reason;
        Object.assign(open, original);
      };
    });
  }

  /** Whether the timer that is being started here is the one that must not be. */
  #isStopped(state: State, timer: string): boolean {
    const name = `${state}.${timer}`;
    this.passed.add(name);
    return name === this.#planted;
  }

  #watchTimers(): void {
    const isStopped = (state: State, timer: string): boolean => this.#isStopped(state, timer);
    const found = (): State => this.#found;
    const { beginWait, armRetry, armWait, lengthenWait, limitUnbound } = CepCore.prototype;
    let isFirst = false;
    Object.assign(CepCore.prototype, {
      beginWait(this: CepCore, ...[cep, policy]: Parameters<typeof beginWait>): void {
        isFirst = true;
        try {
          beginWait.call(this, cep, policy);
        } finally {
          isFirst = false;
        }
        if (policy?.deadline !== undefined && isStopped(this.stateOf(cep), 'totalTime')) this.cancelDeadline(cep);
      },
      armRetry(this: CepCore, ...[cep]: Parameters<typeof armRetry>): void {
        armRetry.call(this, cep);
        const stopped = isFirst ? isStopped(this.stateOf(cep), 'firstWait') : isStopped(found(), 'nextWait');
        if (stopped) this.timers.cancel(cep.slot);
      },
      armWait(this: CepCore, ...[cep, wait]: Parameters<typeof armWait>): void {
        armWait.call(this, cep, wait);
        if (this.stateOf(cep) === 'TIMEWAIT' && isStopped('TIMEWAIT', 'timewait')) this.timers.cancel(cep.slot);
      },
      lengthenWait(this: CepCore, ...[cep, state, wait]: Parameters<typeof lengthenWait>): void {
        lengthenWait.call(this, cep, state, wait);
        if (isStopped(STATES[state] as State, 'longerWait')) this.timers.cancel(cep.slot);
      },
      limitUnbound(this: CepCore, ...[cep]: Parameters<typeof limitUnbound>): void {
        if (!isStopped(this.stateOf(cep), 'unboundLimit')) limitUnbound.call(this, cep);
      },
    });
  }
}
