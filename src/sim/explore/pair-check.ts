import type { MessageTable } from './message-table.js';
import type { SideGraph, Standing } from './side-graph.js';
import { ExploreError } from './violation.js';

/** Two lists of connections are named by one number, for tables: there are far fewer lists than this. */
const LISTS_MOST = 2 ** 20;

/** Checks what the two sides believe about each other. */
export class PairCheck {
  readonly #left: SideGraph;
  readonly #right: SideGraph;
  readonly #messages: MessageTable;
  readonly #maxRetries: number;
  readonly #parameters = new Map<number, ExploreError | undefined>();

  constructor(left: SideGraph, right: SideGraph, messages: MessageTable, maxRetries: number) {
    this.#left = left;
    this.#right = right;
    this.#messages = messages;
    this.#maxRetries = maxRetries;
  }

  /** In every state: sides that both believe in their connection know each other's queue pairs and sequence numbers. */
  parameters(left: number, right: number): ExploreError | undefined {
    const lefts = this.#left.standing(left);
    const rights = this.#right.standing(right);
    if (lefts.length === 0 || rights.length === 0) return undefined;
    const key = this.#left.standingNumber(left) * LISTS_MOST + this.#right.standingNumber(right);
    if (!this.#parameters.has(key)) this.#parameters.set(key, disagreement(lefts, rights));
    return this.#parameters.get(key);
  }

  /** Whether nothing happens any more unless a consumer wants it to, or one of the messages in flight comes after all. */
  isAtRest(left: number, right: number): boolean {
    return !this.#left.isRestless(left) && !this.#right.isRestless(right);
  }

  /**
   * At rest, with what is in flight lost for good: every CEP is settled, and connections stand on both sides or on none. A REJ is
   * sent once and nobody answers it: where one was lost, its receiver cannot know until its own DREQ shows it. Nor can it where
   * all transmissions of a message were lost.
   */
  atRest(left: number, right: number, lost: readonly number[]): ExploreError | undefined {
    const [unsettled] = [...this.#left.unsettled(left), ...this.#right.unsettled(right)];
    if (unsettled !== undefined) return new ExploreError('stuck', `a CEP stays in ${unsettled}`);
    if (this.#left.untold(left) + this.#right.untold(right) > 0) {
      return new ExploreError('untold', 'a CEP is in IDLE again, and its owner was not told');
    }
    const lefts = this.#left.standing(left);
    const rights = this.#right.standing(right);
    const half = alone(lefts, rights) ?? alone(rights, lefts);
    if (half === undefined || this.#isExcuse(lost)) return undefined;
    const where = lefts.includes(half) ? 'left' : 'right';
    return new ExploreError('agreement', `the ${where} side's connection does not stand on the other`);
  }

  #isExcuse(lost: readonly number[]): boolean {
    return lost.some(
      (message) =>
        this.#messages.kind(message) === 'REJ' || lost.filter((each) => each === message).length > this.#maxRetries,
    );
  }
}

const areOneConnection = (one: Standing, other: Standing): boolean =>
  one.remoteCommId === other.localCommId && one.localCommId === other.remoteCommId;

function disagreement(lefts: readonly Standing[], rights: readonly Standing[]): ExploreError | undefined {
  for (const left of lefts) {
    for (const right of rights) {
      if (left.remoteCommId !== right.localCommId && left.localCommId !== right.remoteCommId) continue;
      if (!areOneConnection(left, right)) {
        return new ExploreError('parameters', 'a side is connected with a CEP that is connected with another');
      }
      const qpns = left.remoteQpn === right.localQpn && left.localQpn === right.remoteQpn;
      const psns = left.remotePsn === right.localPsn && left.localPsn === right.remotePsn;
      if (!qpns) return new ExploreError('parameters', 'the sides take each other for other queue pairs');
      if (!psns) return new ExploreError('parameters', 'the sides expect other sequence numbers');
    }
  }
  return undefined;
}

/** A connection that no CEP of the other side is part of. */
function alone(ones: readonly Standing[], others: readonly Standing[]): Standing | undefined {
  return ones.find((one) => !others.some((other) => areOneConnection(one, other)));
}
