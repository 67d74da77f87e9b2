import { assert, type Cid, type Random } from '../base/index.js';
import {
  CepError,
  type CepErrorCode,
  type CepEvent,
  COMMANDS,
  type Command,
  EVENT_CAUSES,
  EVENT_TYPES,
  STATE_TABLE,
  STATES,
} from '../cep/index.js';
import { admit } from './accepting.js';
import { ACT } from './actions.js';
import { begin } from './connecting.js';
import { disconnect } from './ending.js';
import { objectionTo } from './event-order.js';
import type { AnyConsumer } from './interfaces/any-consumer.js';
import type { CepCalls } from './interfaces/cep-calls.js';
import type { MakePort, Port } from './interfaces/port.js';
import { misuse } from './misuse.js';
import { giveWay } from './peer-to-peer.js';
import { REACT } from './reactions.js';
import type { Listen, ServiceKind } from './services.js';
import type { Attempt, Side } from './side.js';
import type { SimAdapter } from './sim-adapter.js';
import type { Action, World } from './world.js';

/** Destroyed CIDs that are remembered, to be misused. */
const STALE_CIDS = 8;
/** After so many refused because of timewait, a consumer takes one that is certainly free. */
const QPN_TRIES = 4;
/** The manager refuses calls of a CEP with more unread events. */
const UNREAD_EVENTS = 4;

const numbered = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, index) => [name, index]));
const TYPE_NUMBER = numbered(EVENT_TYPES);
const CAUSE_NUMBER = numbered(EVENT_CAUSES);
/** Whether a call is valid, by call and state number. */
const LEGAL = Object.fromEntries(
  COMMANDS.map((command) => [command, STATES.map((state) => STATE_TABLE[state][command].kind !== 'illegal')]),
) as unknown as Readonly<Record<Command, readonly boolean[]>>;

/** A call of the CEP manager, to be made on a side's CEP. */
type Call = (owner: CepCalls, cid: Cid, now: World['now']) => void;

/**
 * An owner of CEPs, by the manager's own interface or another one, that does what the scripts say, whatever happens to it. It believes what it is told: what it knows of
 * its CEPs is in its {@link Side}s, and every call's outcome and every event is checked against that. What it does stands in
 * the files named for it: `connecting.ts`, `accepting.ts`, `ending.ts`, `proposing.ts`, `resolving.ts`, `peer-to-peer.ts`.
 */
export class Consumer implements AnyConsumer {
  readonly world: World;
  readonly adapter: SimAdapter;
  readonly number: number;
  readonly owner: CepCalls;
  readonly #port: Port;
  readonly listeners: readonly { readonly kind: ServiceKind; readonly place: number; readonly cid: Cid }[];
  readonly sides = new Map<Cid, Side>();
  /** Polls no events while it is. */
  sleepers = 0;
  readonly staleCids: Cid[] = [];

  constructor(world: World, adapter: SimAdapter, number: number, makePort: MakePort, listens: readonly Listen[]) {
    this.world = world;
    this.adapter = adapter;
    this.number = number;
    this.#port = makePort(this, adapter.cep);
    const { calls: owner } = this.#port;
    this.owner = owner;
    const { backlog } = world.settings;
    const atBacklog = number % 2 === 0 ? 'reject' : 'silence';
    this.listeners = listens.map(({ kind, place, parameters }) => {
      const cid = owner.create();
      owner.listen(cid, { ...parameters, backlog, atBacklog }, world.now);
      return { kind, place, cid };
    });
  }

  /** The CID with which it listens, for the plain service unless another is named. */
  listener(kind: ServiceKind = 'plain', place = 0): Cid {
    const found = this.listeners.find((each) => each.kind === kind && each.place === place);
    assert(found !== undefined, 'every consumer listens for all kinds of services that are asked for');
    return found.cid;
  }

  /** The adapter crashed: nothing that this consumer has means anything any more. */
  die(): void {
    for (const side of this.sides.values()) side.phase = 'gone';
    this.sides.clear();
  }

  /** Polls all events. @returns whether there were any. */
  poll(): boolean {
    if (this.sleepers > 0) return false;
    return this.#port.poll();
  }

  /** Begins an attempt, or, peer to peer, the other half of one. */
  start(attempt: Attempt, isCrossing: boolean): void {
    let cid: Cid;
    try {
      cid = this.owner.create();
    } catch (error) {
      if (error instanceof CepError && error.code === 'LIMIT_REACHED') {
        if (this.world.isTight) return;
        this.world.fail('call', 'there is no room for another CEP, far below the limit', attempt);
      }
      throw error;
    }
    const side = this.world.newSide(attempt, 'active', isCrossing ? 'passive' : 'active', this, cid);
    this.sides.set(cid, side);
    begin(side);
  }

  /** Does what was put off, unless it has become pointless. */
  act(side: Side, action: Action): void {
    if (side.phase === 'gone' || this.sides.get(side.cid) !== side) return;
    ACT[action](side);
  }

  disconnect(side: Side): void {
    disconnect(side);
  }

  misuse(random: Random): void {
    misuse(this.world, this, random);
  }

  close(): void {
    this.#port.close();
  }

  // ---- what its behaviours are made of

  /**
   * Makes a call. It must fail if, and only if, the table says so, but for the reasons in `besides`; and for limits, where they are
   * tight or the CEP has many unread events. @returns what it failed with.
   */
  call(side: Side, command: Command, call: Call, ...besides: readonly CepErrorCode[]): CepErrorCode | undefined {
    const { world } = this;
    const { inspector } = this.adapter;
    assert(inspector.find(side.cid), 'a CEP of ours exists');
    const { stateNumber } = inspector;
    const mayBeLimited = world.isTight || inspector.unreadEvents > UNREAD_EVENTS;
    let code: CepErrorCode | undefined;
    try {
      call(this.owner, side.cid, world.now);
    } catch (error) {
      if (!(error instanceof CepError)) throw error;
      code = error.code;
    }
    world.trace?.call(side, command, code);
    const isLegal = LEGAL[command][stateNumber] === true;
    const isExpected =
      code === undefined
        ? isLegal
        : (code === 'INVALID_STATE' && !isLegal) ||
          (code === 'LIMIT_REACHED' && mayBeLimited) ||
          besides.includes(code);
    if (!isExpected) world.fail('call', `${command} in ${STATES[stateNumber]} ended with ${code ?? 'success'}`, side);
    return code;
  }

  /** Makes a call that names a queue pair, with another one as long as the first is refused (R3). @returns whether it succeeded. */
  callWithQpn(side: Side, command: Command, call: Call): boolean {
    const { adapter, world } = this;
    const { port } = side;
    for (let tries = 0; tries <= QPN_TRIES; tries += 1) {
      const hint = (side.part.qpn + tries / QPN_TRIES) % 1;
      const qpn = tries < QPN_TRIES ? adapter.takeQpn(port, hint) : adapter.takeFreeQpn(port);
      const held = adapter.isQpnHeld(port, qpn);
      side.localQpn = qpn;
      const code = this.call(side, command, call, 'QPN_IN_USE');
      if (code === undefined && held) world.fail('qpn', `${command} took queue pair ${qpn}, which is in use`, side);
      if (code === 'QPN_IN_USE' && !held) world.fail('qpn', `queue pair ${qpn} was refused, but is free`, side);
      if (code === undefined) return true;
      this.forgetQpn(side);
      if (code !== 'QPN_IN_USE') return false;
    }
    return false;
  }

  /** The queue pair may be taken for something else at once; the manager decides whether it can be used. */
  forgetQpn(side: Side): void {
    this.adapter.giveQpnBack(side.port, side.localQpn);
    side.localQpn = 0;
  }

  destroy(side: Side): void {
    this.world.trace?.call(side, 'destroy', undefined);
    this.owner.destroy(side.cid, this.world.now);
    this.sides.delete(side.cid);
    if (this.adapter.inspector.find(side.cid)) this.world.fail('call', 'a destroyed CID still names a CEP', side);
    this.staleCids.push(side.cid);
    if (this.staleCids.length > STALE_CIDS) this.staleCids.shift();
    this.forgetQpn(side);
    side.phase = 'gone';
  }

  // ---- events

  /** What the port has polled. */
  handle(event: CepEvent): void {
    const { world } = this;
    const { type, cid, cause } = event;
    world.digest.addTime(world.now);
    world.digest.add(
      (this.adapter.number << 16) | ((TYPE_NUMBER.get(type) ?? 0) << 8) | (CAUSE_NUMBER.get(cause) ?? 0),
    );
    world.digest.add(cid | 0);
    const side = this.#sideOf(event);
    world.trace?.event(side, type, cause);
    const objection = objectionTo(side, type, cause);
    if (objection !== undefined) {
      const ends = side.phase === 'ended' || side.phase === 'over';
      world.fail(ends ? 'ending' : 'event', `${type} on the ${side.role} side ${objection}`, side);
    }
    REACT[type](side, event);
  }

  #sideOf(event: CepEvent): Side {
    const { type, cid } = event;
    const side = this.sides.get(cid);
    if (type !== 'req_received' && type !== 'sidr_req_received') {
      // A request of a listener that is gone has lost its side; there is no such listener here.
      return side ?? this.world.fail('owner', `${type} for a CEP that this owner does not have`);
    }
    if (side === undefined) return admit(this, event);
    giveWay(side, event);
    return side;
  }
}
