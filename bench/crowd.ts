import type { Cid } from 'ibcm/base';
import { Consumers, type Link, linkOfManagers, type Watch } from './link.js';

/** Between two requests, in microseconds: as many a second as the default limits allow. */
const PACE = 20;
/** 0 and 1 are the management queue pairs. */
const FIRST_QPN = 2;
/** The listener, and a connection beside those that stand. */
const SPARE_CEPS = 2;

/** Connections that stand between two CEP managers, each in its place, and their consumers. */
export class Crowd {
  readonly size: number;
  readonly link: Link;
  readonly consumers: Consumers;
  // The consumers' own handles are touched beforehand: they are not weighed.
  readonly #clients: Float64Array;
  readonly #servers: Float64Array;

  constructor(size: number, watch?: Watch) {
    this.size = size;
    this.link = linkOfManagers({ maxCeps: size + SPARE_CEPS }, watch);
    this.consumers = new Consumers(this.link);
    this.#clients = new Float64Array(size + 1).fill(1);
    this.#servers = new Float64Array(size + 1).fill(1);
  }

  /** @param place from 0; the one after the last is free for whoever comes and goes. */
  connect(place: number): void {
    this.#clients[place] = this.consumers.connect(FIRST_QPN + place);
    this.#servers[place] = this.consumers.accepted;
    this.consumers.wait(PACE);
  }

  disconnect(place: number): void {
    this.consumers.disconnect(this.#clients[place] as Cid, this.#servers[place] as Cid);
  }

  /** As {@link disconnect}, but for timewait, which goes on. */
  leave(place: number): void {
    this.consumers.leave(this.#clients[place] as Cid, this.#servers[place] as Cid);
  }

  connectAll(): void {
    for (let place = 0; place < this.size; place += 1) this.connect(place);
  }
}
