import { assert } from '../base/index.js';
import { QPN_RANGE } from './books.js';
import type { SimAdapter } from './sim-adapter.js';
import { AWAITS, TIMED } from './timed-states.js';
import type { World } from './world.js';

/** So many steps of an adapter pass until all its CEPs are looked at again, whether they have changed or not. */
const WHOLE_EVERY = 64;

/** Checks an adapter's CEPs after each step, looking inside. One for each simulation: it holds scratch space. */
export class InvariantChecker {
  readonly #world: World;
  /** The last check in which a (port, QPN) was seen. */
  readonly #seenQpns: Uint32Array;
  #check = 0;

  constructor(world: World) {
    this.#world = world;
    this.#seenQpns = new Uint32Array(QPN_RANGE * (world.settings.ports + 1));
  }

  /** After a step: looks at what it has changed, and every so often, or when something is wrong there, at everything. */
  check(adapter: SimAdapter): void {
    const fine = adapter.books.balance();
    if (fine && adapter.steps % WHOLE_EVERY !== 0) return;
    this.checkAll(adapter);
    assert(fine, 'what is wrong with a CEP that has changed is seen when all are looked at');
  }

  checkAll(adapter: SimAdapter): void {
    const { inspector } = adapter;
    this.#check += 1;
    let ceps = 0;
    let timers = 0;
    let localQpns = 0;
    let remoteIds = 0;
    let remoteQpns = 0;
    let events = 0;
    for (let slot = inspector.highestSlot; slot > 0; slot -= 1) {
      if (!inspector.moveTo(slot)) continue;
      ceps += 1;
      const { stateNumber, hasTimer, hasDeadline, unreadEvents, localQpn } = inspector;
      if (hasTimer !== TIMED[stateNumber])
        this.#fail('timer', adapter, slot, hasTimer ? 'has a timer' : 'has no timer');
      if (hasDeadline && !AWAITS[stateNumber]) this.#fail('timer', adapter, slot, 'has a deadline');
      if (hasTimer) timers += 1;
      if (hasDeadline) timers += 1;
      if (unreadEvents !== 0 && inspector.queuedEvents !== unreadEvents) {
        this.#fail('queue', adapter, slot, `counts ${unreadEvents} events and holds ${inspector.queuedEvents}`);
      }
      events += unreadEvents;
      if (inspector.isBound === (inspector.owner === 0)) this.#fail('owner', adapter, slot, 'is bound to nobody');
      if (inspector.knowsRemoteId) remoteIds += 1;
      if (inspector.holdsRemoteQpn) remoteQpns += 1;
      if (!inspector.holdsLocalQpn) continue;
      localQpns += 1;
      const key = inspector.port * QPN_RANGE + (localQpn % QPN_RANGE);
      if (this.#seenQpns[key] === this.#check) this.#fail('qpn', adapter, slot, `shares queue pair ${localQpn}`);
      this.#seenQpns[key] = this.#check;
    }
    const sums = inspector;
    if (sums.timers !== timers) this.#failSum('timerLeft', adapter, 'timers', sums.timers, timers);
    if (sums.ceps !== ceps) this.#failSum('index', adapter, 'CEPs', sums.ceps, ceps);
    if (sums.localQpns !== localQpns) this.#failSum('index', adapter, 'queue pairs', sums.localQpns, localQpns);
    if (sums.remoteIds !== remoteIds) this.#failSum('index', adapter, 'remote comm IDs', sums.remoteIds, remoteIds);
    if (sums.remoteQpns !== remoteQpns) this.#failSum('index', adapter, 'remote QPNs', sums.remoteQpns, remoteQpns);
    if (sums.events !== events) this.#failSum('queue', adapter, 'events', sums.events, events);
  }

  #fail(
    invariant: 'timer' | 'queue' | 'owner' | 'qpn',
    { inspector, number }: SimAdapter,
    slot: number,
    what: string,
  ): never {
    inspector.moveTo(slot);
    const { state, cid } = inspector;
    const side = this.#world.sides.find((each) => each.cid === cid && each.consumer.adapter.number === number);
    this.#world.fail(invariant, `CEP ${slot} of adapter ${number}, in ${state}, ${what}`, side);
  }

  #failSum(
    invariant: 'timerLeft' | 'index' | 'queue',
    { number }: SimAdapter,
    what: string,
    sum: number,
    counted: number,
  ): never {
    this.#world.fail(invariant, `adapter ${number} holds ${sum} ${what}, its CEPs ${counted}`);
  }
}
