import type { Cid } from '../base/index.js';
import { CepError } from './error.js';

/** What a slot that holds no CID says. */
const INVALID = 0;
const RESERVED = -1;

/** Set below: nobody outside this file can write a slot. */
let write: (slot: CidSlot, value: number) => void;

/**
 * Where something that has a CEP, a queue pair say, keeps its CID. It has one writer, the CEP manager, which writes within its
 * own turn (R4, R5); everybody may read. Whoever destroys what holds the slot need not know whether somebody is about to
 * bind a CEP to it: either that came first, and the CEP is destroyed with the slot, or it finds the slot reserved (R8).
 */
export class CidSlot {
  #value: number = INVALID;

  static {
    write = (slot, value) => {
      slot.#value = value;
    };
  }

  /** The CEP that is bound here; undefined if none is. It may be another in the next turn: do not keep it (R6). */
  get cid(): Cid | undefined {
    return this.#value > 0 ? (this.#value as Cid) : undefined;
  }

  /** `invalid`: a CEP may be bound. `bound`: one is. `reserved`: what holds the slot is being destroyed, and none ever may. */
  get state(): 'invalid' | 'bound' | 'reserved' {
    if (this.#value === INVALID) return 'invalid';
    return this.#value === RESERVED ? 'reserved' : 'bound';
  }
}

/** Which CEPs are bound to which slots: the one writer of all slots. CEPs are named by the numbers of their records. */
export class CidSlots {
  readonly #slots = new Map<number, CidSlot>();

  /** CEPs that are bound. */
  get size(): number {
    return this.#slots.size;
  }

  /** Whether a CEP is bound to this very slot. */
  isBound(cep: number, slot: CidSlot): boolean {
    return this.#slots.get(cep) === slot;
  }

  /** @throws {@link CepError} `SLOT_NOT_INVALID` when something is bound there, or never may be. */
  check(slot: CidSlot): void {
    if (slot.state === 'invalid') return;
    const why = slot.state === 'bound' ? 'holds a CEP already' : 'belongs to something that is being destroyed';
    throw new CepError('SLOT_NOT_INVALID', `the slot ${why}`, { state: slot.state });
  }

  /** The caller has checked slot and CEP. */
  bind(cep: number, cid: Cid, slot: CidSlot): void {
    write(slot, cid);
    this.#slots.set(cep, slot);
  }

  /** The CEP is destroyed: another may be bound to the slot at once (R7). */
  release(cep: number): void {
    const slot = this.#slots.get(cep);
    if (slot === undefined) return;
    write(slot, INVALID);
    this.#slots.delete(cep);
  }

  /** Nothing may be bound to the slot from now on. The caller has destroyed the CEP that was. */
  reserve(slot: CidSlot): void {
    write(slot, RESERVED);
  }
}
