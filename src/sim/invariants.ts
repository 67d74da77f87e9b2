import { STATES, type State } from '../cep/index.js';
import type { SimAdapter } from './sim-adapter.js';
import type { World } from './world.js';

/** The states that wait for an answer: a timer runs, and the consumer's total time may. */
const AWAITING: ReadonlySet<State> = new Set<State>([
  'REQ_SENT',
  'REQ_MRA_RCVD',
  'REP_SENT',
  'REP_MRA_RCVD',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'DREQ_SENT',
  'SIDR_REQ_SENT',
]);
const AWAITS: readonly boolean[] = STATES.map((state) => AWAITING.has(state));
const TIMED: readonly boolean[] = STATES.map((state) => state === 'TIMEWAIT' || AWAITING.has(state));

/** Queue pair numbers in the simulation are small: a table of who holds which finds two holders in one pass. */
const QPN_RANGE = 4096;

/** Checks an adapter's CEPs after each step, looking inside. One for each simulation: it holds scratch space. */
export class InvariantChecker {
  readonly #world: World;
  /** The last check in which a (port, QPN) was seen. */
  readonly #seenQpns: Float64Array;
  #check = 0;

  constructor(world: World) {
    this.#world = world;
    this.#seenQpns = new Float64Array(QPN_RANGE * (world.settings.ports + 1));
  }

  check(adapter: SimAdapter): void {
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
