import type { CepStore } from './cep-store.js';
import type { Cep, CepCursor } from './record.js';
import { STATE } from './states.js';

/** The requests that wait at each listener: lists through the records. */
export class Backlogs {
  readonly #neighbour: CepCursor;

  constructor(store: CepStore) {
    this.#neighbour = store.cursor();
  }

  join(cep: Cep, listener: Cep): void {
    cep.listener = listener.slot;
    cep.requestNext = listener.listener;
    cep.requestPrevious = 0;
    if (listener.listener !== 0) this.#neighbour.moveTo(listener.listener).requestPrevious = cep.slot;
    listener.listener = cep.slot;
    listener.requestCount += 1;
  }

  /** Harmless for a CEP that waits at no listener, or is one. */
  leave(cep: Cep): void {
    if (cep.listener === 0 || cep.state === STATE.LISTEN) return;
    const listener = this.#neighbour.moveTo(cep.listener);
    listener.requestCount -= 1;
    if (cep.requestPrevious === 0) listener.listener = cep.requestNext;
    else this.#neighbour.moveTo(cep.requestPrevious).requestNext = cep.requestNext;
    if (cep.requestNext !== 0) this.#neighbour.moveTo(cep.requestNext).requestPrevious = cep.requestPrevious;
    cep.listener = 0;
    cep.requestNext = 0;
    cep.requestPrevious = 0;
  }
}
