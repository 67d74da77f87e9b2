import { assert, type Cid, type CommId, type Random } from '../base/index.js';
import { CommIdCipher } from './comm-id.js';
import { type Cep, CepCursor, RECORD_WORDS } from './record.js';

/** 2²⁰: slots that fit beside 32 bits of generation in a safe integer. */
const SLOT_RANGE = 2 ** 20;

/**
 * The CEPs: flat records, numbered from 1. Free slots are given out again first come first served, so that a number rests
 * as long as possible before it means something else.
 */
export class CepStore {
  readonly #words: Uint32Array;
  readonly #cipher: CommIdCipher;
  readonly #capacity: number;
  /** Bits of a comm ID that say the slot; the rest is a generation. */
  readonly #slotBits: number;
  readonly #slotMask: number;
  readonly #free: CepCursor;
  readonly #probe: CepCursor;
  /** Slots ever used are below this. */
  #fresh = 1;
  #freeHead = 0;
  #freeTail = 0;
  #size = 0;

  constructor(capacity: number, random: Random) {
    this.#capacity = capacity;
    this.#slotBits = Math.ceil(Math.log2(capacity + 1));
    this.#slotMask = 2 ** this.#slotBits - 1;
    this.#words = new Uint32Array((capacity + 1) * RECORD_WORDS);
    this.#cipher = new CommIdCipher(random);
    this.#free = this.cursor();
    this.#probe = this.cursor();
  }

  /** CEPs that exist. */
  get size(): number {
    return this.#size;
  }

  /** Slots from 1 up to this one may hold a CEP. */
  get highestSlot(): number {
    return this.#fresh - 1;
  }

  cursor(): CepCursor {
    return new CepCursor(this.#words);
  }

  /** Takes a slot; its record is zero but for the generations. @returns 0 if all are taken. */
  allocate(): number {
    let slot = this.#freeHead;
    if (slot !== 0) {
      this.#freeHead = this.#free.moveTo(slot).freeNext;
      if (this.#freeHead === 0) this.#freeTail = 0;
    } else {
      if (this.#fresh > this.#capacity) return 0;
      slot = this.#fresh;
      this.#fresh += 1;
    }
    const cep = this.#free.moveTo(slot);
    assert(cep.owner === 0 && cep.flags === 0 && cep.path === 0, 'whoever gave the slot back left nothing in it');
    cep.freeNext = 0;
    cep.generation += 1;
    this.#size += 1;
    return slot;
  }

  /** Gives a slot back. Its CIDs and comm IDs mean nothing from now on. */
  release(slot: number): void {
    const cep = this.#free.moveTo(slot);
    const { generation, commGeneration } = cep;
    this.#words.fill(0, slot * RECORD_WORDS, (slot + 1) * RECORD_WORDS);
    cep.generation = generation;
    cep.commGeneration = commGeneration;
    if (this.#freeTail === 0) this.#freeHead = slot;
    else this.#free.moveTo(this.#freeTail).freeNext = slot;
    this.#freeTail = slot;
    this.#size -= 1;
  }

  cidOf(cep: Cep): Cid {
    return (cep.generation * SLOT_RANGE + cep.slot) as Cid;
  }

  /** The slot that a CID names, whoever owns it; 0 if the CID means nothing (any more). */
  slotOfCid(cid: number): number {
    if (!Number.isSafeInteger(cid) || cid < 0) return 0;
    const generation = Math.floor(cid / SLOT_RANGE);
    const slot = cid - generation * SLOT_RANGE;
    if (slot === 0 || slot >= this.#fresh) return 0;
    const cep = this.#probe.moveTo(slot);
    return cep.owner !== 0 && cep.generation === generation ? slot : 0;
  }

  /** Gives the CEP a comm ID that it has not had lately. */
  assignCommId(cep: Cep): CommId {
    let commId: CommId;
    do {
      cep.commGeneration = (cep.commGeneration + 1) >>> 0;
      commId = this.#cipher.encrypt(((cep.commGeneration << this.#slotBits) | cep.slot) >>> 0);
    } while (commId === 0);
    cep.localCommId = commId;
    return commId;
  }

  /** The slot whose CEP has this comm ID now; 0 if none has. */
  slotOfCommId(commId: number): number {
    const slot = this.#cipher.decrypt(commId) & this.#slotMask;
    if (commId === 0 || slot === 0 || slot >= this.#fresh) return 0;
    return this.#probe.moveTo(slot).localCommId === commId ? slot : 0;
  }
}
