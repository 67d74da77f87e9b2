import { describe, expect, test } from 'vitest';
import { SeededRandom, uniform } from '../../src/base/index.js';
import { CepError, CidSlot, EVENT_TYPES, type EventType } from '../../src/cep/index.js';
import { CmError, type CmEvent, type CmId } from '../../src/cm/index.js';
import { EncodeError } from '../../src/wire/index.js';
import { SERVICE } from '../cep/pair.js';
import { CALL_NAMES, CALLS, type CallName } from './calls.js';
import { CmPair, type CmSide, NOTHING_LEFT } from './cm-pair.js';

/** Consumers that do anything at any time, in callbacks and outside of them, with IDs that live and that do not. */

const STEPS = 500;
/** Among so many of the last IDs one is chosen. */
const RECENT = 12;
const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1);
const SERVICES = [SERVICE, (SERVICE + 1n) as typeof SERVICE] as const;
/** Made below with callbacks that look on. */
const OBSERVED = ['bind', 'getRequest', 'getRequestEx'];
const OTHERS = CALL_NAMES.filter((name) => !OBSERVED.includes(name));

/** What a consumer throws in a callback. */
class ConsumerFault extends Error {}

/** What is known of an ID. */
interface Life {
  id: CmId | undefined;
  gone: number;
}

class Chaos {
  readonly pair = new CmPair();
  readonly random: SeededRandom;
  readonly lives: Life[] = [];
  readonly slots = [new CidSlot(), new CidSlot(), new CidSlot()];
  /** Callbacks that are running. */
  depth = 0;
  /** Whether nothing arrives. */
  isDeaf = false;
  isOver = false;
  readonly told = new Set<EventType>();

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  one<T>(of: readonly T[]): T {
    return of[uniform(this.random, of.length)] as T;
  }

  chance(percent: number): boolean {
    return uniform(this.random, 100) < percent;
  }

  /** A call that may fail, but only as calls may. */
  try(call: () => unknown): void {
    try {
      call();
    } catch (error) {
      if (!(error instanceof CepError || error instanceof CmError || error instanceof EncodeError)) throw error;
    }
  }

  readonly callback = (side: CmSide) => (id: CmId, event: CmEvent) => {
    expect([id.destroyed, id.inCallback, side.cm.current === id, this.depth]).toEqual([false, true, true, 0]);
    this.depth += 1;
    this.told.add(event.type);
    try {
      if (this.chance(20)) this.act(side);
      // Whatever was done meanwhile, the message is the one that was told.
      const name = event.type.replace('_received', '').toUpperCase();
      if (event.cause === 'message') expect(event.message?.message).toBe(name);
      if (this.chance(70)) this.answer(side, id, event.type);
      if (this.chance(30)) this.act(side, id);
      if (this.chance(5)) throw new ConsumerFault();
      return this.chance(10) ? 'destroy' : 'success';
    } finally {
      this.depth -= 1;
    }
  };

  readonly onDestroyed = (side: CmSide) => (life: Life) => {
    expect([life.id?.destroyed, this.depth]).toEqual([true, 0]);
    life.gone += 1;
    if (this.chance(20)) this.act(side);
  };

  life(make: (life: Life) => CmId | undefined): void {
    const life: Life = { id: undefined, gone: 0 };
    life.id = make(life);
    if (life.id !== undefined) this.lives.push(life);
  }

  /** Fetches a request, and mostly accepts it. */
  fetch(side: CmSide, id: CmId): void {
    this.life((life) => {
      const request = side.cm.getRequestEx(id, this.callback(side), life, this.onDestroyed(side));
      if (request !== undefined && this.chance(80)) {
        const call = request.event.type === 'req_received' ? this.one(['sendRep', 'sendMra'] as const) : 'sendSidrRep';
        this.try(() => this.call(call, side, request.id));
      }
      return request?.id;
    });
  }

  /** What a consumer that wants a connection does. */
  answer(side: CmSide, id: CmId, type: EventType): void {
    this.try(() => {
      if (type === 'req_received' || type === 'sidr_req_received') this.fetch(side, id);
      else if (type === 'rep_received') {
        this.call('sendRtu', side, id);
        this.call(this.one(['sendLap', 'sendDreq', 'getQpAttr'] as const), side, id);
      } else if (type === 'rtu_received' && this.chance(30)) this.call('sendDreq', side, id);
      else if (type === 'dreq_received') this.call('sendDrep', side, id);
      else if (type === 'lap_received') this.call('sendApr', side, id);
    });
  }

  call(name: CallName, side: CmSide, id: CmId): void {
    CALLS[name].make(side, id, this.pair);
  }

  /** Something that a consumer may do at any time. */
  act(side: CmSide, self?: CmId): void {
    if (this.isOver) return;
    const { now } = this.pair;
    const any = this.lives.at(-1 - uniform(this.random, RECENT))?.id;
    const id = self !== undefined && this.chance(70) ? self : any;
    const choice = uniform(this.random, 12);
    if (this.depth > 0 && this.chance(1)) side.cm.close(now);
    if (self !== undefined && this.chance(4)) this.try(() => side.cm.destroyId(self, now));
    if (choice === 0 || id === undefined) {
      this.try(() => this.life((life) => side.cm.createId(this.callback(side), life, this.onDestroyed(side))));
    } else if (choice === 1) {
      this.try(() => side.cm.listen(id, { serviceId: this.one(SERVICES), backlog: 2 }, now));
    } else if (choice <= 3) {
      const path = { localGid: side.side.gid, remoteGid: this.pair.pair.other(side.side).gid };
      const qpn = 0x100 + uniform(this.random, 6);
      const request = { path, qpn, serviceId: this.one(SERVICES), peerToPeer: this.chance(20), maxCmRetries: 1 };
      this.try(() => side.cm.sendReq(id, this.pair.request(request), now));
    } else if (choice === 4) {
      this.try(() => this.fetch(side, id));
    } else if (choice === 5) {
      const configuration = { callback: this.callback(side), context: id.context as Life };
      this.try(() => side.cm.bind(id, this.one(this.slots), { ...configuration, onDestroyed: this.onDestroyed(side) }));
    } else if (choice === 6) {
      this.try(() => side.cm.destroySlot(this.one(this.slots), this.chance(5) ? 'reserved' : 'reusable', now));
    } else if (choice === 7) {
      const path = { localGid: side.side.gid, remoteGid: this.pair.pair.other(side.side).gid };
      this.try(() => side.cm.sendSidrReq(id, { path, serviceId: this.one(SERVICES), retries: 1 }, now));
    } else {
      this.try(() => this.call(this.one(OTHERS), side, id));
    }
  }

  step(): void {
    const side = this.one(this.pair.sides);
    const choice = uniform(this.random, 10);
    if (this.chance(3)) this.isDeaf = !this.isDeaf;
    if (choice < 3) this.act(side);
    else if (choice === 3) this.pair.pair.advance();
    else if (this.isDeaf) this.pair.pair.loseAll();
    else this.pair.deliver();
    for (const { cm } of this.chance(70) ? this.pair.sides : []) this.poll(cm);
  }

  /** Everybody destroys what they know of; what nobody knows of must not be there. */
  end(): void {
    this.isOver = true;
    const { pair } = this;
    for (const { id } of this.lives) {
      if (id !== undefined && !id.destroyed)
        for (const { cm } of pair.sides) this.try(() => cm.destroyId(id, pair.now));
    }
    do for (const { cm } of pair.sides) this.poll(cm);
    while (this.pair.pair.loseAll().length > 0 || pair.pair.advance());
    expect(pair.sides.map(({ side }) => side.manager.usage().ceps)).toEqual([0, 0]);
  }

  poll(cm: CmSide['cm']): void {
    for (;;) {
      try {
        cm.poll(this.pair.now);
        return;
      } catch (error) {
        if (!(error instanceof ConsumerFault)) throw error;
      }
    }
  }
}

describe('R11: R19: R21: whatever consumers do, wherever they do it', () => {
  const told = new Set<EventType>();

  test.each(SEEDS)('every ID is gone once and nothing is left over (seed %d)', (seed) => {
    const chaos = new Chaos(seed);
    for (let step = 0; step < STEPS; step += 1) chaos.step();
    const { pair, lives } = chaos;
    chaos.end();
    expect(lives.map(({ gone }) => gone)).toEqual(lives.map(() => 1));
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
    for (const type of chaos.told) told.add(type);
  });

  test('every event has been told to some of them', () => {
    expect([...told].sort()).toEqual([...EVENT_TYPES].sort());
  });
});
