import { assert, type Cid, type ServiceId } from '../base/index.js';
import {
  CepError,
  type CepErrorCode,
  type CepEvent,
  type CepOwner,
  type Command,
  EVENT_CAUSES,
  EVENT_TYPES,
  STATE_TABLE,
  type State,
} from '../cep/index.js';
import { REJECT_REASONS, REP, REQ } from '../wire/index.js';
import { checkParameters } from './agreement.js';
import { ENDING_EVENTS, objectionTo } from './event-order.js';
import { SHORTEST_WAIT_US } from './script.js';
import type { Attempt, Side } from './side.js';
import type { SimAdapter } from './sim-adapter.js';
import type { Action, World } from './world.js';

/** Destroyed CIDs that are remembered, to be misused. */
const STALE_CIDS = 8;
const AGAIN_AFTER_US = 5_000;
const BACKLOG = 64;
/** After so many refused because of timewait, a consumer takes one that is certainly free. */
const QPN_TRIES = 4;

const serviceOf = (owner: number): ServiceId => (0x0106_0000n + BigInt(owner)) as ServiceId;

const numbered = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, index) => [name, index]));
const TYPE_NUMBER = numbered(EVENT_TYPES);
const CAUSE_NUMBER = numbered(EVENT_CAUSES);

/**
 * An owner of CEPs that does what the scripts say, whatever happens to it. It believes what it is told: what it knows of
 * its CEPs is in its {@link Side}s, and every call's outcome and every event is checked against that.
 */
export class Consumer {
  readonly adapter: SimAdapter;
  readonly number: number;
  readonly owner: CepOwner;
  readonly listener: Cid;
  /** What it listens for. */
  readonly service: ServiceId;
  readonly sides = new Map<Cid, Side>();
  /** Polls no events while it is. */
  sleepers = 0;
  readonly staleCids: Cid[] = [];
  readonly #world: World;
  readonly #tag = new Uint8Array(8);

  constructor(world: World, adapter: SimAdapter, number: number, owner: CepOwner) {
    this.#world = world;
    this.adapter = adapter;
    this.number = number;
    this.owner = owner;
    this.service = serviceOf(number);
    this.listener = owner.create();
    owner.listen(this.listener, { serviceId: this.service, backlog: BACKLOG }, world.now);
  }

  /** The adapter crashed: nothing that this consumer has means anything any more. */
  die(): void {
    for (const side of this.sides.values()) side.phase = 'gone';
    this.sides.clear();
  }

  /** Polls all events. @returns whether there were any. */
  poll(): boolean {
    if (this.sleepers > 0) return false;
    let any = false;
    for (let event = this.owner.pollEvent(); event !== undefined; event = this.owner.pollEvent()) {
      any = true;
      this.#handle(event);
    }
    return any;
  }

  /** Begins an attempt as its active side. */
  start(attempt: Attempt): void {
    let cid: Cid;
    try {
      cid = this.owner.create();
    } catch (error) {
      if (error instanceof CepError && error.code === 'LIMIT_REACHED') return;
      throw error;
    }
    this.#request(attempt, cid);
  }

  /** Does what was put off, unless it has become pointless. */
  act(side: Side, action: Action): void {
    if (side.phase === 'gone' || this.sides.get(side.cid) !== side) return;
    switch (action) {
      case 'answer':
        if (side.phase === 'open') this.#accept(side);
        return;
      case 'end':
        if (side.phase === 'established') this.end(side);
        return;
      case 'answerDisconnect':
        if (side.phase !== 'ended' && side.phase !== 'over') this.#answerDisconnect(side);
        return;
      case 'data':
        if (side.phase === 'open' && side.sentReply) this.#call(side, 'established');
        return;
      case 'destroy':
        this.destroy(side);
        return;
      case 'again':
        side.attempt.round += 1;
        this.#request(side.attempt, side.cid);
        return;
    }
  }

  /** Ends an established connection as the script says; one that would wait for the other side disconnects. */
  end(side: Side): void {
    if (side.part.end === 'destroy') this.destroy(side);
    else this.disconnect(side);
  }

  disconnect(side: Side): void {
    if (side.sentDreq || side.hasDreq) return;
    if (this.#call(side, 'sendDreq') === undefined) side.sentDreq = true;
  }

  destroy(side: Side): void {
    this.#world.trace?.call(side, 'destroy', undefined);
    this.owner.destroy(side.cid, this.#world.now);
    this.sides.delete(side.cid);
    if (this.adapter.inspector.find(side.cid)) this.#world.fail('call', 'a destroyed CID still names a CEP', side);
    this.staleCids.push(side.cid);
    if (this.staleCids.length > STALE_CIDS) this.staleCids.shift();
    this.#forgetQpn(side);
    side.phase = 'gone';
  }

  // ---- the active side

  #request(attempt: Attempt, cid: Cid): void {
    const world = this.#world;
    const side = world.newSide(attempt, 'active', this, cid);
    side.round = attempt.round;
    side.localPsn = side.part.psn;
    attempt.actives.push(side);
    this.sides.set(cid, side);
    if (!this.#callWithQpn(side, 'sendReq')) {
      this.destroy(side);
      return;
    }
    world.lifecycles += 1;
    const { inspector } = this.adapter;
    assert(inspector.find(cid), 'a CEP that was just used exists');
    side.localCommId = inspector.localCommId;
    world.attemptsByCommId.set(side.localCommId, attempt);
    if (side.part.destroyAfter > 0) world.later(side.part.destroyAfter, side, 'destroy');
  }

  // ---- calls

  /** Makes a call. @returns what it failed with: it must fail if, and only if, the table says so. */
  #call(side: Side, command: Command): CepErrorCode | undefined {
    const { inspector } = this.adapter;
    const world = this.#world;
    assert(inspector.find(side.cid), 'a CEP of ours exists');
    const state: State = inspector.state;
    const legal = STATE_TABLE[state][command].kind !== 'illegal';
    let code: CepErrorCode | undefined;
    try {
      this.#invoke(side, command);
    } catch (error) {
      if (!(error instanceof CepError)) throw error;
      code = error.code;
    }
    world.trace?.call(side, command, code);
    const expected =
      code === undefined
        ? legal
        : (code === 'INVALID_STATE' && !legal) || code === 'QPN_IN_USE' || code === 'LIMIT_REACHED';
    if (!expected) world.fail('call', `${command} in ${state} ended with ${code ?? 'success'}`, side);
    return code;
  }

  #invoke(side: Side, command: Command): void {
    const { owner } = this;
    const { now } = this.#world;
    const { timing } = side.part;
    const { cid } = side;
    switch (command) {
      case 'sendReq':
        owner.sendReq(cid, this.#requestOf(side), now);
        return;
      case 'sendRep': {
        const reply = { qpn: side.localQpn, startingPsn: side.localPsn, privateData: this.#tagOf(side) };
        owner.sendRep(cid, timing ? { ...reply, timing } : reply, now);
        return;
      }
      case 'sendRtu':
        owner.sendRtu(cid, NOTHING, now);
        return;
      case 'sendRej':
        owner.sendRej(cid, REJECTION, now);
        return;
      case 'sendMra':
        owner.sendMra(cid, { serviceTimeout: side.attempt.script.mraTimeout }, now);
        return;
      case 'sendDreq':
        owner.sendDreq(cid, timing ? { timing } : NOTHING, now);
        return;
      case 'sendDrep':
        owner.sendDrep(cid, NOTHING, now);
        return;
      case 'established':
        owner.established(cid, now);
        return;
      default:
        assert(false, `consumers do not call ${command} here`);
    }
  }

  #requestOf(side: Side): Parameters<CepOwner['sendReq']>[1] {
    const { to, port, packetLife, responseTimeout, retries, passive } = side.attempt.script;
    const request = {
      path: this.adapter.pathTo(to, port, packetLife),
      serviceId: serviceOf(passive.owner),
      qpn: side.localQpn,
      startingPsn: side.localPsn,
      remoteCmResponseTimeout: responseTimeout,
      localCmResponseTimeout: responseTimeout,
      maxCmRetries: retries,
      privateData: this.#tagOf(side),
    };
    const { timing } = side.part;
    return timing ? { ...request, timing } : request;
  }

  /** A REQ and its REP carry which attempt they belong to: what arrives must belong to it. */
  #tagOf({ attempt, round }: Side): Uint8Array {
    const tag = this.#tag;
    for (let i = 0; i < 4; i += 1) {
      tag[i] = attempt.number >>> (24 - 8 * i);
      tag[4 + i] = round >>> (24 - 8 * i);
    }
    return tag;
  }

  /** Makes a call that names a queue pair, with another one as long as the first is refused (R3). */
  #callWithQpn(side: Side, command: 'sendReq' | 'sendRep'): boolean {
    const { port } = side.attempt.script;
    for (let tries = 0; tries <= QPN_TRIES; tries += 1) {
      const hint = (side.part.qpn + tries / QPN_TRIES) % 1;
      const qpn = tries < QPN_TRIES ? this.adapter.takeQpn(port, hint) : this.adapter.takeFreeQpn(port);
      const held = this.adapter.isQpnHeld(port, qpn);
      side.localQpn = qpn;
      const code = this.#call(side, command);
      if (code === undefined && held)
        this.#world.fail('qpn', `${command} took queue pair ${qpn}, which is in use`, side);
      if (code === 'QPN_IN_USE' && !held) this.#world.fail('qpn', `queue pair ${qpn} was refused, but is free`, side);
      if (code === undefined) return true;
      this.#forgetQpn(side);
      if (code !== 'QPN_IN_USE') return false;
    }
    return false;
  }

  #forgetQpn(side: Side): void {
    this.adapter.giveQpnBack(side.attempt.script.port, side.localQpn);
    side.localQpn = 0;
  }

  // ---- events

  #handle(event: CepEvent): void {
    const world: World = this.#world;
    const { type, cid, cause } = event;
    world.digest.addTime(world.now);
    world.digest.add(
      (this.adapter.number << 16) | ((TYPE_NUMBER.get(type) ?? 0) << 8) | (CAUSE_NUMBER.get(cause) ?? 0),
    );
    world.digest.add((cid % 2 ** 32) | 0);
    const side = type === 'req_received' ? this.#admit(event) : this.sides.get(cid);
    if (side === undefined) {
      // A request of a listener that is gone has lost its side; there is no such listener here.
      world.fail('owner', `${type} for a CEP that this owner does not have`);
    }
    world.trace?.event(side, type, cause);
    const objection = objectionTo(side, type, cause);
    if (objection !== undefined) {
      const ends = side.phase === 'ended' || side.phase === 'over';
      world.fail(ends ? 'ending' : 'event', `${type} on the ${side.role} side ${objection}`, side);
    }
    this.#react(side, event);
  }

  #admit({ bytes, at, cid }: CepEvent): Side {
    const world: World = this.#world;
    const tag = at + REQ.fields.privateData.byte;
    const attempt = world.attempts[word(bytes, tag)];
    if (attempt === undefined) world.fail('event', 'a REQ that nobody sent');
    if (this.sides.has(cid)) world.fail('owner', 'a request in a CEP that there is already', attempt);
    this.#checkNew(attempt, REQ.fields.localCommId.get(bytes, at));
    const side = world.newSide(attempt, 'passive', this, cid);
    side.round = word(bytes, tag + 4);
    side.localPsn = (side.part.psn + attempt.passives.length) & 0xff_ffff;
    side.remoteQpn = REQ.fields.localQpn.get(bytes, at);
    side.remotePsn = REQ.fields.startingPsn.get(bytes, at);
    side.remoteCommId = REQ.fields.localCommId.get(bytes, at);
    if (this.adapter.inspector.find(cid)) side.localCommId = this.adapter.inspector.localCommId;
    if (side.localCommId !== 0) world.attemptsByCommId.set(side.localCommId, attempt);
    attempt.passives.push(side);
    this.sides.set(cid, side);
    if (side.part.destroyAfter > 0) world.later(side.part.destroyAfter, side, 'destroy');
    return side;
  }

  /** A REQ that comes again while its CEP still knows of it is a duplicate, and makes no other CEP. */
  #checkNew(attempt: Attempt, remoteCommId: number): void {
    const { inspector } = this.adapter;
    for (const side of attempt.passives) {
      if (side.consumer !== this || side.phase === 'gone' || side.remoteCommId !== remoteCommId) continue;
      if (!inspector.find(side.cid) || inspector.state === 'IDLE') continue;
      this.#world.fail('duplicate', `a REQ made a second CEP; its first is in ${inspector.state}`, side);
    }
  }

  #react(side: Side, event: CepEvent): void {
    const { type } = event;
    switch (type) {
      case 'req_received':
        side.hasRequest = true;
        this.#answer(side);
        return;
      case 'rep_received':
        side.hasReply = true;
        this.#learn(side, event);
        this.#answer(side);
        return;
      case 'rtu_received':
        side.hasRtu = true;
        this.#establish(side);
        return;
      case 'mra_received':
        return;
      case 'dreq_received':
        side.hasDreq = true;
        this.#onDisconnect(side);
        return;
      case 'timewait_exit':
        side.exits += 1;
        this.#over(side);
        return;
      default:
        assert(ENDING_EVENTS.has(type), 'an event that is neither of the above ends an attempt');
        if (type === 'dreq_error') this.#checkAnswered(side);
        side.ending = type;
        this.#ended(side);
    }
  }

  #learn(side: Side, { bytes, at }: CepEvent): void {
    const tag = at + REP.fields.privateData.byte;
    if (word(bytes, tag) !== side.attempt.number || word(bytes, tag + 4) !== side.round) {
      this.#world.fail('parameters', 'a REP that answers another REQ', side);
    }
    side.remoteQpn = REP.fields.localQpn.get(bytes, at);
    side.remotePsn = REP.fields.startingPsn.get(bytes, at);
    side.remoteCommId = REP.fields.localCommId.get(bytes, at);
  }

  /** Answers a REQ or REP as the script says. */
  #answer(side: Side): void {
    const { answer, answerAfter } = side.part;
    switch (answer) {
      case 'accept':
        this.#accept(side);
        return;
      case 'acceptAfterMra':
        this.#call(side, 'sendMra');
        this.#world.later(answerAfter, side, 'answer');
        return;
      case 'acceptLate':
        this.#world.later(answerAfter, side, 'answer');
        return;
      case 'reject':
        if (this.#call(side, 'sendRej') === undefined) this.#ended(side);
        return;
      case 'destroy':
        this.destroy(side);
        return;
    }
  }

  #accept(side: Side): void {
    if (side.role === 'passive') {
      if (side.sentReply) return;
      if (this.#callWithQpn(side, 'sendRep')) side.sentReply = true;
      // Over already, though it was not told yet; or a limit of the manager is reached: it does not want it any more.
      else if (this.adapter.isWaitingRequest(side.cid)) this.destroy(side);
    } else if (this.#call(side, 'sendRtu') === undefined) {
      this.#establish(side);
      const { dataAfter } = side.attempt.script;
      const peer = side.attempt.passives.find(({ localCommId }) => localCommId === side.remoteCommId);
      if (dataAfter > 0 && peer !== undefined) this.#world.later(dataAfter, peer, 'data');
    }
  }

  #establish(side: Side): void {
    side.phase = 'established';
    checkParameters(this.#world, side);
    if (side.part.end !== 'wait') this.#world.later(side.part.hold, side, 'end');
  }

  #onDisconnect(side: Side): void {
    const { onDisconnect, answerAfter } = side.part;
    if (onDisconnect === 'answer' || (onDisconnect === 'answerLate' && this.#world.isFinal))
      this.#answerDisconnect(side);
    else if (onDisconnect === 'answerLate') this.#world.later(answerAfter, side, 'answerDisconnect');
    else this.destroy(side);
  }

  #answerDisconnect(side: Side): void {
    // Crossing DREQs: the DREP to ours may have ended it before we answer theirs.
    if (this.#call(side, 'sendDrep') === undefined) this.#ended(side);
  }

  /** The attempt has ended, by an event or a call. Timewait follows, if the CEP is in it or has unread events (its end). */
  #ended(side: Side): void {
    side.phase = 'ended';
    const { inspector } = this.adapter;
    assert(inspector.find(side.cid), 'a CEP of ours exists');
    const timewait = inspector.state !== 'IDLE' || inspector.unreadEvents > 0;
    // The consumer may take its queue pair for something else at once; the manager decides whether it can be used.
    this.#forgetQpn(side);
    if (!timewait) this.#over(side);
    else if (side.part.leavesAtTimewait) this.destroy(side);
  }

  /** Nothing is lost any more, nobody sleeps, and no answer takes as long as the shortest time that a script waits. */
  #checkAnswered(side: Side): void {
    const world = this.#world;
    const { latencyUs, jitterUs } = world.settings;
    if (!world.isFinal || 2 * (latencyUs + jitterUs) >= SHORTEST_WAIT_US) return;
    world.fail('finalAnswer', `the ${side.role} side's DREQ was not answered`, side);
  }

  #over(side: Side): void {
    side.phase = 'over';
    const { attempt, part } = side;
    const failed = side.ending === 'req_error' || side.ending === 'rej_received';
    if (side.role === 'active' && failed && attempt.round < attempt.script.again && !this.#world.isHealed) {
      this.#world.later(AGAIN_AFTER_US, side, 'again');
    } else if (!part.lingers) {
      this.destroy(side);
    }
  }
}

const NOTHING = {};
const REJECTION = { reason: REJECT_REASONS.consumerReject };

function word(bytes: Uint8Array, at: number): number {
  const octet = (i: number): number => bytes[at + i] as number;
  return ((octet(0) << 24) | (octet(1) << 16) | (octet(2) << 8) | octet(3)) >>> 0;
}
