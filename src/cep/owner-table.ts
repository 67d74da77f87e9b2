import type { CepStore } from './cep-store.js';
import type { Cep, CepCursor } from './record.js';

interface Owner {
  firstCep: number;
  firstReady: number;
  lastReady: number;
  count: number;
}

/** Who owns which CEPs, and which of them have events: lists through the records. Owners are numbered from 1, and never alike. */
export class OwnerTable {
  readonly #owners = new Map<number, Owner>();
  #last = 0;
  /** The one looked up last: mostly it is the next, too. */
  #known: Owner | undefined;
  #knownNumber = 0;
  readonly #neighbour: CepCursor;

  constructor(store: CepStore) {
    this.#neighbour = store.cursor();
  }

  /** Owners that exist. */
  get size(): number {
    return this.#owners.size;
  }

  open(): number {
    this.#last += 1;
    this.#owners.set(this.#last, { firstCep: 0, firstReady: 0, lastReady: 0, count: 0 });
    return this.#last;
  }

  close(owner: number): void {
    this.#owners.delete(owner);
    this.#known = undefined;
    this.#knownNumber = 0;
  }

  isOpen(owner: number): boolean {
    return owner === this.#knownNumber ? this.#known !== undefined : this.#owners.has(owner);
  }

  count(owner: number): number {
    return this.#get(owner).count;
  }

  firstCep(owner: number): number {
    return this.#get(owner).firstCep;
  }

  /** The CEP whose events are to be read next, 0 if none has any. */
  firstReady(owner: number): number {
    return this.#get(owner).firstReady;
  }

  addCep(cep: Cep, number: number): void {
    const owner = this.#get(number);
    cep.owner = number;
    cep.ownerNext = owner.firstCep;
    cep.ownerPrevious = 0;
    if (owner.firstCep !== 0) this.#neighbour.moveTo(owner.firstCep).ownerPrevious = cep.slot;
    owner.firstCep = cep.slot;
    owner.count += 1;
  }

  removeCep(cep: Cep): void {
    const owner = this.#get(cep.owner);
    if (cep.ownerPrevious === 0) owner.firstCep = cep.ownerNext;
    else this.#neighbour.moveTo(cep.ownerPrevious).ownerNext = cep.ownerNext;
    if (cep.ownerNext !== 0) this.#neighbour.moveTo(cep.ownerNext).ownerPrevious = cep.ownerPrevious;
    cep.owner = 0;
    cep.ownerNext = 0;
    cep.ownerPrevious = 0;
    owner.count -= 1;
  }

  addReady(cep: Cep): void {
    const owner = this.#get(cep.owner);
    cep.readyNext = 0;
    cep.readyPrevious = owner.lastReady;
    if (owner.lastReady === 0) owner.firstReady = cep.slot;
    else this.#neighbour.moveTo(owner.lastReady).readyNext = cep.slot;
    owner.lastReady = cep.slot;
  }

  removeReady(cep: Cep): void {
    const owner = this.#get(cep.owner);
    if (cep.readyPrevious === 0) owner.firstReady = cep.readyNext;
    else this.#neighbour.moveTo(cep.readyPrevious).readyNext = cep.readyNext;
    if (cep.readyNext === 0) owner.lastReady = cep.readyPrevious;
    else this.#neighbour.moveTo(cep.readyNext).readyPrevious = cep.readyPrevious;
    cep.readyNext = 0;
    cep.readyPrevious = 0;
  }

  #get(owner: number): Owner {
    if (owner !== this.#knownNumber) {
      this.#known = this.#owners.get(owner);
      this.#knownNumber = owner;
    }
    return this.#known as Owner;
  }
}
