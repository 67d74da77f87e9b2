import type { SeededRandom } from '../../base/index.js';
import { MEMORY_ACCESS, type MemoryRegion, type ProtectionDomain, type TransportLayer } from '../../transport/index.js';
import { ACCESS, type QueuePair } from '../../verbs/index.js';
import type { QueuePairSide } from '../queue-pairs/queue-pair-consumer.js';
import { FAULT_SETTINGS } from '../settings.js';
import type { AnySide } from '../side.js';
import type { SimAdapter } from '../sim-adapter.js';
import { below, between, chance, streamOf } from '../streams.js';
import type { World } from '../world.js';
import { DataEnd } from './data-end.js';
import { FLOW_OPERATIONS_MAX, Flow } from './flow.js';
import { OwnReceives, type Receives, SharedReceives } from './receives.js';

/** Small memory: what a packet writes beyond its place is soon seen. A message has four packets at most. */
const SIZES = { operation: 1_024, target: 512, receive: 1_024 };
/** Of four paths' MTUs. */
const LONGEST = 1_000;
/** Operations of one side in one connection, at most. */
const BUDGET = 64;
/** Every third queue pair takes receives from the consumer's shared queue. */
const SHARING = 3;
/** Completions that one queue pair can leave unpolled: all its sends and receives. */
const COMPLETIONS = 64;
const MS = 1_000;
/** In microseconds, as all times here: less than it takes to a peer and back. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 30 * MS;
/** Until another receive is posted where there are few. */
const LONGEST_LACK = 4 * MS;

export const ALL_RIGHTS = ACCESS.remoteRead | ACCESS.remoteWrite | ACCESS.remoteAtomic;

/** How a side moves data in one connection. */
interface Traffic {
  readonly random: SeededRandom;
  /** Operations that are left to be posted. */
  left: number;
  /** Until the next are posted, in microseconds at most. */
  readonly pause: number;
  /** Receives are posted late, one at a time, so that senders find the side not ready. */
  readonly isShy: boolean;
  /** Then: when the next is posted, at the earliest. */
  receivesAt: number;
}

/** What one consumer's queue pairs move, and the memory for it. */
export class DataMover {
  readonly #world: World;
  readonly #adapter: SimAdapter;
  readonly #transport: TransportLayer;
  readonly #domain: ProtectionDomain;
  readonly #shared: SharedReceives;
  readonly #regions: MemoryRegion[] = [];
  readonly #ends: DataEnd[] = [];
  readonly #traffic = new Map<AnySide, Traffic>();
  #made = 0;

  constructor(world: World, adapter: SimAdapter, transport: TransportLayer) {
    this.#world = world;
    this.#adapter = adapter;
    this.#transport = transport;
    this.#domain = transport.allocateProtectionDomain();
    const queue = transport.createSharedReceiveQueue({
      domain: this.#domain,
      capacity: 2 * FLOW_OPERATIONS_MAX,
      maxElements: 2,
    });
    this.#shared = new SharedReceives(queue, (bytes) => this.#register(bytes), SIZES.receive);
  }

  /** Gives a queue pair its work queues. */
  prepare(queuePair: QueuePair): void {
    const completions = this.#transport.createCompletionQueue(COMPLETIONS);
    this.#made += 1;
    const isSharing = this.#made % SHARING === 0;
    const queues = this.#transport.attach(queuePair, {
      domain: this.#domain,
      sendCompletions: completions,
      maxElements: 2,
      maxSend: FLOW_OPERATIONS_MAX,
      maxReceive: FLOW_OPERATIONS_MAX,
      signalAll: false,
      ...(isSharing && { sharedReceiveQueue: this.#shared.queue }),
    });
    const register = (bytes: number): MemoryRegion => this.#register(bytes);
    const receives: Receives = isSharing ? this.#shared : new OwnReceives(queues, register, SIZES.receive);
    const end = new DataEnd({ queuePair, queues, completions, receives, domain: this.#domain, register });
    this.#ends.push(end);
    this.#adapter.ends.set(queuePair.qpn, end);
  }

  /** A queue pair is in a connection that begins: it is in INIT or RTR, and was in RESET. */
  begin(side: QueuePairSide): void {
    const end = this.#endOf(side);
    if (end === undefined) return;
    this.#take(end, side);
    end.receives.begin();
    const { world } = side.consumer;
    const { number, round } = side.attempt;
    const random = streamOf(world.seed, 'data', number, 2 * round + (side.role === 'active' ? 0 : 1));
    const isIdle = chance(random, 0.15);
    const left = isIdle ? 0 : 1 + below(random, BUDGET);
    const pause = between(random, 0, 1) ** 3 * LONGEST_PAUSE;
    this.#traffic.set(side, { random, left, pause, isShy: chance(random, 0.2), receivesAt: 0 });
    this.#refill(end, side);
  }

  /** The side believes that the connection stands. */
  link(side: QueuePairSide): void {
    const { peer } = side;
    const end = this.#endOf(side);
    if (end === undefined || !end.isLive) return;
    const other = peer === undefined ? undefined : this.#world.endOf(peer);
    // The peer may be gone, or be somebody else by now.
    if (end.outgoing === undefined && other?.isLive === true && other.outgoing === undefined)
      this.#join(side, end, other);
    this.move(side);
  }

  /** Posts some operations, and more later. */
  move(side: QueuePairSide): void {
    const traffic = this.#traffic.get(side);
    const isOver = side.phase !== 'established' || this.#endOf(side)?.outgoing === undefined || this.#world.isHealed;
    if (traffic === undefined || isOver) return;
    this.burst(side);
    if (traffic.left > 0)
      this.#world.later(SHORTEST_PAUSE + between(traffic.random, 0, traffic.pause), side, 'traffic');
  }

  /** Posts some operations now. */
  burst(side: QueuePairSide): void {
    const traffic = this.#traffic.get(side);
    const end = this.#endOf(side);
    if (traffic === undefined || end?.outgoing === undefined || end.queuePair.state !== 'RTS') return;
    for (let count = 1 + below(traffic.random, 6); count > 0 && traffic.left > 0; count -= 1) {
      if (!end.outgoing.post(this.#world.now)) return;
      traffic.left -= 1;
    }
  }

  /** A consumer's turn: it posts receives, and is told which of its sides' queue pairs have failed, and which have data before they stand. */
  poll(
    sides: Iterable<QueuePairSide>,
    on: { readonly broken: (side: QueuePairSide) => void; readonly established: (side: QueuePairSide) => void },
  ): void {
    for (const side of [...sides]) {
      const end = this.#endOf(side);
      if (end === undefined) continue;
      if (end.isLive) this.#refill(end, side);
      if (end.hasData) {
        end.hasData = false;
        on.established(side);
      }
      if (side.phase === 'established' && end.queuePair.state === 'ERR') on.broken(side);
    }
  }

  /** After every step, whether or not the consumer sleeps: what has come is compared, and what has ended must not change any more. */
  watch(): void {
    for (const end of this.#ends) this.#take(end);
  }

  /** The adapter crashed: nothing is done any more, and nobody can look. */
  die(): void {
    for (const end of this.#ends) end.forget();
  }

  /** After the queue pairs are gone. */
  close(): void {
    for (const region of this.#regions) region.deregister();
    this.#shared.queue.destroy();
    this.#domain.deallocate();
  }

  #take(end: DataEnd, side?: AnySide): void {
    const trouble = end.take();
    if (trouble !== undefined) this.#world.fail('data', trouble, side);
  }

  #refill({ receives, queuePair }: DataEnd, side: AnySide): void {
    const traffic = this.#traffic.get(side);
    const { now, isHealed } = this.#world;
    const isShy = traffic?.isShy === true && !isHealed;
    if (queuePair.state === 'RESET' || (isShy && now < traffic.receivesAt)) return;
    if (isShy) traffic.receivesAt = now + between(traffic.random, 0, LONGEST_LACK);
    for (let count = isShy ? 1 : FLOW_OPERATIONS_MAX; count > 0; count -= 1) receives.post();
  }

  /** Two ends that are connected with each other. */
  #join(side: AnySide, one: DataEnd, other: DataEnd): void {
    const world = this.#world;
    const { number, round } = side.attempt;
    const random = streamOf(world.seed, 'data', number, 2 * round + 1_000);
    const hasFaults = FAULT_SETTINGS.some((fault) => world.settings[fault] > 0);
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const flow = new Flow(random, from, to, { receives: to.receives, longest: LONGEST, sizes: SIZES });
      // Where nothing is lost, only who is gone does not answer.
      flow.allowEnd(() => hasFaults || !to.isLive);
      from.outgoing = flow;
      to.incoming = flow;
      world.flows.push({ flow, attempt: side.attempt, from, to });
    }
  }

  #endOf(side: AnySide): DataEnd | undefined {
    return this.#world.endOf(side);
  }

  #register(bytes: number): MemoryRegion {
    const access = MEMORY_ACCESS.localWrite | ALL_RIGHTS;
    const region = this.#domain.register(new Uint8Array(bytes), { access });
    this.#regions.push(region);
    return region;
  }
}
