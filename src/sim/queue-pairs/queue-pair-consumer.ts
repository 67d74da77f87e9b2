import { AssertionError, assert, type Cid, IbcmError, type Instant, type Random } from '../../base/index.js';
import { type Command, EVENT_CAUSES, EVENT_TYPES, STATE_TABLE } from '../../cep/index.js';
import type { CmEvent, CmId } from '../../cm/index.js';
import type { ConnectionRequest } from '../../qp/index.js';
import { ALL_RIGHTS, DataMover } from '../data/data-mover.js';
import { objectionTo } from '../event-order.js';
import type { AnyConsumer } from '../interfaces/any-consumer.js';
import type { Listen, ServiceKind } from '../services.js';
import type { Attempt, Side } from '../side.js';
import type { SimAdapter } from '../sim-adapter.js';
import type { Action, World } from '../world.js';
import { admit } from './admission.js';
import { begin, DATA_REACTIONS, QUEUE_PAIR_ACTIONS, react } from './behaviour.js';
import { giveWay } from './crossing.js';
import { endConnection } from './end.js';
import { misuseQueuePair } from './misuse.js';
import { type HostedQueuePair, QueuePairHost } from './queue-pair-host.js';

/** Queue pairs of consumers have numbers beyond those that consumers of CEPs make up; each consumer's are its own. */
const QPN_FIRST = 1_400;
const QPNS = 32;
/** Destroyed queue pairs that are remembered, to be misused. */
const STALE_QUEUE_PAIRS = 8;

/** What a queue pair is used for now. */
export interface Use {
  side: QueuePairSide | undefined;
  readonly isAutomatic: boolean;
}
export type QueuePairSide = Side<QueuePairConsumer>;
export type Hosted = HostedQueuePair<Use>;

/**
 * A consumer with queue pairs that the CM leads, which does what the scripts say. Every other queue pair answers its peer by itself; for
 * the others the consumer does. It uses queue pairs again, as long as it does not destroy them.
 */
export class QueuePairConsumer implements AnyConsumer {
  readonly world: World;
  readonly adapter: SimAdapter;
  readonly number: number;
  readonly host: QueuePairHost<Use>;
  readonly sides = new Map<Cid, QueuePairSide>();
  /** What the sides have: a queue pair, or before it a request that nobody has answered. */
  readonly queuePairs = new Map<QueuePairSide, Hosted>();
  readonly requests = new Map<QueuePairSide, ConnectionRequest>();
  /** Queue pairs without a connection, as far as it was told. */
  readonly free: Hosted[] = [];
  readonly stale: Hosted[] = [];
  /** Moves data, in runs in which queue pairs do. */
  readonly data: DataMover | undefined;
  sleepers = 0;
  readonly #listeners: readonly { readonly kind: ServiceKind; readonly place: number; readonly id: CmId }[];
  readonly #ending = new Set<QueuePairSide>();
  #made = 0;

  constructor(world: World, adapter: SimAdapter, number: number, listens: readonly Listen[]) {
    this.world = world;
    this.adapter = adapter;
    this.number = number;
    const transport = adapter.ca?.transport;
    const data = transport && new DataMover(world, adapter, transport);
    this.data = data;
    this.host = new QueuePairHost<Use>({
      moving: data && { accessFlags: ALL_RIGHTS, prepare: (queuePair) => data.prepare(queuePair) },
      manager: adapter.cep,
      inspector: adapter.inspector,
      // Owners are opened in the order of their consumers, and numbered from 1.
      owner: number + 1,
      firstQpn: QPN_FIRST + number * QPNS,
      qpnCount: QPNS,
      onEvent: (hosted, event, failure) => this.#handle(hosted, event, failure),
      complain: (what, text) => world.fail(what, text),
    });
    const { cm } = this.host;
    const { backlog } = world.settings;
    const atBacklog = number % 2 === 0 ? 'reject' : 'silence';
    this.#listeners = listens.map(({ kind, place, parameters }) => {
      const id = cm.createId((listener, event) => admit(this, listener, event), undefined);
      cm.listen(id, { ...parameters, backlog, atBacklog }, world.now);
      return { kind, place, id };
    });
  }

  listener(kind: ServiceKind = 'plain', place = 0): Cid {
    const found = this.#listeners.find((each) => each.kind === kind && each.place === place);
    assert(found !== undefined, 'every consumer listens for all kinds of services that are asked for');
    return found.id.cid;
  }

  die(): void {
    for (const side of this.sides.values()) side.phase = 'gone';
    this.sides.clear();
  }

  poll(): boolean {
    if (this.sleepers > 0) return false;
    const any = this.host.poll(this.world.now);
    // Packets of data are many, and change no connection.
    if (any || this.data === undefined) this.host.check();
    this.data?.poll(this.sides.values(), DATA_REACTIONS);
    return any;
  }

  start(attempt: Attempt, isCrossing: boolean): void {
    // Service IDs are resolved by consumers of CEPs.
    if (attempt.script.kind === 'resolve') return;
    begin(this, attempt, isCrossing ? 'passive' : 'active');
    this.poll();
  }

  act(side: QueuePairSide, action: Action): void {
    if (side.phase === 'gone' || this.sides.get(side.cid) !== side) return;
    if (!this.#endsLater(side, action)) QUEUE_PAIR_ACTIONS[action](side);
    this.poll();
  }

  /** What ends a connection does so while data is moving: some is posted just before. */
  #endsLater(side: QueuePairSide, action: Action): boolean {
    const isFirst = this.data !== undefined && !this.#ending.has(side);
    if (!isFirst || (action !== 'end' && action !== 'destroy') || side.phase !== 'established') return false;
    this.#ending.add(side);
    this.data.burst(side);
    this.world.later(((side.number * 37) % 64) * 10, side, action);
    return true;
  }

  disconnect(side: QueuePairSide): void {
    endConnection(side);
    this.poll();
  }

  misuse(random: Random): void {
    misuseQueuePair(this, random);
    this.host.check();
  }

  close(): void {
    const { host, world } = this;
    // The interface first: queue pairs can be destroyed also after that.
    host.cm.close(world.now);
    host.check();
    for (const hosted of [...this.queuePairs.values(), ...this.free]) {
      if (!hosted.queuePair.destroyed) host.destroy(hosted, world.now);
    }
    while (host.poll(world.now));
    this.data?.watch();
    this.data?.close();
    const [left] = host.leftovers();
    if (left !== undefined) world.fail('leftover', `${left} is left when its interface is closed`);
  }

  // ---- what its behaviours are made of

  /** A queue pair for a side, used before or not. @returns undefined if it has all that it may have, and none is free. */
  takeQueuePair(prefersUsed: boolean): Hosted | undefined {
    const used = prefersUsed ? this.free.shift() : undefined;
    if (used !== undefined) return used;
    this.#made += 1;
    const isAutomatic = this.#made % 2 === 0;
    try {
      return this.host.create({ side: undefined, isAutomatic }, isAutomatic);
    } catch (error) {
      if (error instanceof IbcmError && error.code === 'LIMIT_REACHED') return this.free.shift();
      throw error;
    }
  }

  /** The side has the queue pair from now on. */
  give(side: QueuePairSide, hosted: Hosted): void {
    hosted.context.side = side;
    this.queuePairs.set(side, hosted);
    this.sides.set(side.cid, side);
    this.host.note(hosted);
    this.data?.begin(side);
  }

  /** The side is over, and its queue pair free. */
  takeBack(side: QueuePairSide): void {
    const hosted = this.queuePairs.get(side);
    this.sides.delete(side.cid);
    this.queuePairs.delete(side);
    if (hosted === undefined) return;
    hosted.context.side = undefined;
    this.free.push(hosted);
  }

  /** Destroys a queue pair, with what it has. */
  destroy(hosted: Hosted): void {
    const { side } = hosted.context;
    this.host.destroy(hosted, this.world.now);
    if (side !== undefined) {
      this.world.trace?.call(side, 'destroy', undefined);
      side.phase = 'gone';
      this.sides.delete(side.cid);
      this.queuePairs.delete(side);
      hosted.context.side = undefined;
    }
    const place = this.free.indexOf(hosted);
    if (place >= 0) this.free.splice(place, 1);
    this.stale.push(hosted);
    if (this.stale.length > STALE_QUEUE_PAIRS) this.stale.shift();
  }

  /** Makes a call about a side's connection: it must end as the state table says of its CEP, or with one of the codes in `besides`. */
  call(side: QueuePairSide, command: Command, call: () => void, ...besides: readonly string[]): string | undefined {
    const { inspector } = this.adapter;
    assert(inspector.find(side.cid), 'a CEP of ours exists');
    const { state } = inspector;
    const isLegal = STATE_TABLE[state][command].kind !== 'illegal';
    return this.attempt(side, command, call, isLegal ? [undefined, ...besides] : ['INVALID_STATE', ...besides]);
  }

  /** Makes a call. @param allowed what it may end with, beside a limit that is reached. @returns what it failed with. */
  attempt(
    side: QueuePairSide | undefined,
    name: string,
    call: () => void,
    allowed: readonly (string | undefined)[],
  ): string | undefined {
    const { world } = this;
    let code: string | undefined;
    try {
      call();
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
      code = error.code;
    }
    if (side !== undefined) world.trace?.call(side, name, code);
    const isLimited = code === 'LIMIT_REACHED' && (world.isTight || side === undefined || this.#isFull(side));
    if (!allowed.includes(code) && !isLimited) {
      const should = allowed.map((each) => each ?? 'success').join(' or ');
      world.fail('call', `${name} ended with ${code ?? 'success'}, not with ${should}`, side);
    }
    return code;
  }

  /** Whether the manager may refuse calls because of unread events. */
  #isFull({ cid }: QueuePairSide): boolean {
    const { inspector } = this.adapter;
    return inspector.find(cid) && inspector.unreadEvents > UNREAD_EVENTS;
  }

  #handle({ context: { side } }: Hosted, event: CmEvent, failure: IbcmError | undefined): void {
    if (side === undefined) this.world.fail('owner', `${event.type} is told to a queue pair without a connection`);
    if (event.type === 'req_received') giveWay(side, event);
    this.note(side, event);
    react(side, event, failure);
  }

  /** Notes an event, which must be one that may come now. */
  note(side: QueuePairSide, { type, cause }: CmEvent): void {
    const { world, adapter } = this;
    world.digest.addTime(world.now);
    world.digest.add((adapter.number << 16) | (EVENT_TYPES.indexOf(type) << 8) | EVENT_CAUSES.indexOf(cause));
    world.digest.add(side.cid | 0);
    world.trace?.event(side, type, cause);
    const objection = objectionTo(side, type, cause);
    if (objection === undefined) return;
    const ends = side.phase === 'ended' || side.phase === 'over';
    world.fail(ends ? 'ending' : 'event', `${type} on the ${side.role} side ${objection}`, side);
  }
}

/** The manager refuses calls of a CEP with more unread events. */
const UNREAD_EVENTS = 4;

export const nowOf = ({ consumer }: QueuePairSide): Instant => consumer.world.now;
