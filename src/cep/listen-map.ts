import type { ServiceId } from '../base/index.js';
import { CepError } from './error.js';

/** Listens by service ID. A CEP listens for one service ID; two listens for the same one could not be told apart. */
export class ListenMap {
  readonly #slots = new Map<ServiceId, number>();

  get size(): number {
    return this.#slots.size;
  }

  /** @throws {@link CepError} `LISTEN_CONFLICT` */
  add(serviceId: ServiceId, slot: number): void {
    if (this.#slots.has(serviceId)) {
      throw new CepError('LISTEN_CONFLICT', `something listens on service ID 0x${serviceId.toString(16)} already`, {
        serviceId,
      });
    }
    this.#slots.set(serviceId, slot);
  }

  remove(serviceId: ServiceId): void {
    this.#slots.delete(serviceId);
  }

  /** The listener's slot, 0 if there is none. */
  find(serviceId: ServiceId): number {
    return this.#slots.get(serviceId) ?? 0;
  }
}
