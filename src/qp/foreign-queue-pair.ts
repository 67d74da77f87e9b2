import type { LedgerEntry, Qpn, Reference, ReferenceLedger } from '../base/index.js';
import { type ModifyAttributes, type QpState, type QueuePairValues, VerbsError } from '../verbs/index.js';
import type { LedQueuePair } from './led-queue-pair.js';

/**
 * Stands for a queue pair that is elsewhere. It notes what the connection would have the queue pair be, and checks nothing: what the other
 * one can do, only its owner knows.
 */
export class ForeignQueuePair implements LedQueuePair {
  readonly qpn: Qpn;
  readonly #memory: LedgerEntry;
  readonly #ownReference: Reference;
  #values: QueuePairValues = { state: 'RESET' };
  #destroyed = false;
  #whenDestroyed: (() => void) | undefined;

  constructor(qpn: Qpn, ledger: ReferenceLedger) {
    this.qpn = qpn;
    this.#memory = ledger.open(`queue pair 0x${qpn.toString(16)} elsewhere`, () => this.#whenDestroyed?.());
    this.#ownReference = this.#memory.hold('owner');
  }

  get state(): QpState {
    return this.#values.state;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  query(): QueuePairValues {
    return { ...this.#values };
  }

  modify({ state = this.state, ...attributes }: ModifyAttributes): void {
    this.#refuseIfDestroyed();
    const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
    this.#values = state === 'RESET' ? { state } : { ...this.#values, ...given, state };
  }

  hold(holder: string): Reference {
    this.#refuseIfDestroyed();
    return this.#memory.hold(holder);
  }

  destroy(whenDestroyed?: () => void): void {
    this.#refuseIfDestroyed();
    this.#destroyed = true;
    this.#values = { ...this.#values, state: 'ERR' };
    this.#whenDestroyed = whenDestroyed;
    this.#ownReference.release();
  }

  #refuseIfDestroyed(): void {
    const { qpn } = this;
    if (!this.#destroyed) return;
    throw new VerbsError('DESTROYED', `queue pair 0x${qpn.toString(16)} is being destroyed`, { qpn });
  }
}
