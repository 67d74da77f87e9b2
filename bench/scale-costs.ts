import { MAD_BYTES, MAD_HEADER_BYTES, REQ } from 'ibcm/wire';
import { Crowd } from './crowd.js';
import { SERVERS_VIEW } from './link.js';
import { measure, type Subject } from './measure.js';
import { OPERATIONS, type Operation, type ScaleCosts, SIZES } from './scale.js';

/** Run by scale.ts as a process of its own: prints what each operation costs beside how many established CEPs, in nanoseconds, as JSON. */

/** The CEPs are met in an order that no cache foresees: each step goes so far, and comes to all of them, as it is a prime number. */
const STRIDE = 514_229;
/** Between two requests that are refused, in microseconds: the default limits answer twice as many. */
const REFUSAL_PACE = 200;
/** The upper half of a CA GUID. */
const STRANGER = 0x0200_0000;
const FREE_QPN = 0xff_fff0;

/** A crowd, with what it takes to send any of its connections a message. */
class Crossroads {
  readonly crowd: Crowd;
  readonly #rtu = new Uint8Array(MAD_BYTES);
  /** For a service that nobody offers, and from a queue pair that nobody else has. */
  readonly #req = new Uint8Array(MAD_BYTES);
  /** The comm IDs as they stand in each connection's RTU, one after the other. */
  readonly #commIds: Uint32Array;

  constructor(size: number) {
    let isReady = false;
    this.crowd = new Crowd(size, (bytes, at) => {
      if (!isReady) this.#rtu.set(bytes.subarray(at, at + MAD_BYTES));
    });
    this.crowd.consumers.askRefused(FREE_QPN);
    this.#req.set(this.#rtu);
    // From another adapter: its comm IDs are no connection's here.
    REQ.fields.localCaGuid.high.set(this.#req, 0, STRANGER);
    this.#commIds = new Uint32Array(2 * size);
    const words = new Uint32Array(this.#rtu.buffer, MAD_HEADER_BYTES, 2);
    for (let place = 0; place < size; place += 1) {
      this.crowd.connect(place);
      this.#commIds.set(words, 2 * place);
    }
    isReady = true;
  }

  get subjects(): readonly Subject[] {
    const { crowd } = this;
    const { consumers, size } = crowd;
    const subject = (what: Operation, run: (times: number) => void): Subject => ({
      name: nameOf(what, size),
      run,
    });
    const repeated =
      (each: () => void): ((times: number) => void) =>
      (times) => {
        for (let i = 0; i < times; i += 1) each();
      };
    return [
      subject(
        'connect and disconnect',
        repeated(() => {
          crowd.connect(size);
          crowd.disconnect(size);
        }),
      ),
      subject(
        'two tries in vain',
        repeated(() => consumers.askInVain(FREE_QPN)),
      ),
      subject('a REQ refused', (times) => this.#refuse(times)),
      subject('a message to the same CEP', (times) => this.#confirm(times, 0)),
      subject('a message to any CEP', (times) => this.#confirm(times, STRIDE)),
    ];
  }

  /** REQs come for a service that nobody offers: each is answered with a REJ. */
  #refuse(times: number): void {
    const { crowd } = this;
    const { server } = crowd.link;
    const commId = new Uint32Array(this.#req.buffer, MAD_HEADER_BYTES, 1);
    let refused = 0;
    for (let i = 0; i < times; i += 1) {
      commId[0] = (commId[0] as number) + 1;
      crowd.consumers.wait(REFUSAL_PACE);
      server.handleMad(this.#req, 0, MAD_BYTES, SERVERS_VIEW, crowd.consumers.now);
      while (server.pollTransmit() !== undefined) refused += 1;
    }
    if (refused !== times) throw new Error(`${times} requests came, ${refused} were refused`);
  }

  /** RTUs that came before come again: each is looked up, and found to be a duplicate. */
  #confirm(times: number, stride: number): void {
    const { crowd } = this;
    const { server } = crowd.link;
    const words = new Uint32Array(this.#rtu.buffer, MAD_HEADER_BYTES, 2);
    const before = server.counters.drops.duplicate;
    let place = 0;
    for (let i = 0; i < times; i += 1) {
      words[0] = this.#commIds[2 * place] as number;
      words[1] = this.#commIds[2 * place + 1] as number;
      server.handleMad(this.#rtu, 0, MAD_BYTES, SERVERS_VIEW, crowd.consumers.now);
      place = (place + stride) % crowd.size;
    }
    const found = server.counters.drops.duplicate - before;
    if (found !== times) throw new Error(`${times} messages came again, ${found} were known`);
  }
}

const nameOf = (what: string, size: number): string => `${what} beside ${size}`;

const crossroads = SIZES.map((size) => new Crossroads(size));
const timings = measure(crossroads.flatMap(({ subjects }) => subjects));
const costs = (what: Operation): number[] => SIZES.map((size) => timings.get(nameOf(what, size))?.median ?? Number.NaN);
const printed: ScaleCosts = Object.fromEntries(OPERATIONS.map((what) => [what, costs(what)]));
console.log(JSON.stringify(printed));
