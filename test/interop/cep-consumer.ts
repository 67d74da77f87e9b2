import { type Cid, copyOf, type Instant } from 'ibcm/base';
import type { CepEvent, CepOwner } from 'ibcm/cep';
import type { PortDriver } from 'ibcm/io';
import { type CmMad, decodeMad, MAD_BYTES } from 'ibcm/wire';
import { Log } from './waiting.js';

export interface ConsumedEvent {
  readonly type: CepEvent['type'];
  readonly cid: Cid;
  readonly mad: CmMad | undefined;
}

/** A consumer of the manager of CEPs: keeps the events, decoded. */
export class CepConsumer {
  readonly owner: CepOwner;
  readonly events = new Log<ConsumedEvent>('our consumer', ({ type }) => type);
  readonly #driver: PortDriver;

  constructor(driver: PortDriver) {
    this.#driver = driver;
    this.owner = driver.adapter.cep.openOwner();
    driver.onTurn(() => this.#poll());
  }

  /** Runs a call on the manager, and sends what comes of it. */
  command<T>(call: (owner: CepOwner, now: Instant) => T): T {
    try {
      return call(this.owner, this.#driver.now());
    } finally {
      this.#driver.wake();
    }
  }

  event(type: CepEvent['type'], seconds = 30): Promise<ConsumedEvent> {
    return this.events.find(type, (event) => event.type === type, seconds);
  }

  #poll(): void {
    for (let event = this.owner.pollEvent(); event !== undefined; event = this.owner.pollEvent()) {
      const { type, cid, hasMessage, bytes, at } = event;
      const mad = hasMessage ? decodeMad(copyOf(bytes, at, at + MAD_BYTES)) : undefined;
      this.events.add({ type, cid, mad: mad instanceof Error ? undefined : mad });
    }
  }
}
