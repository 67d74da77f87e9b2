import { AssertionError, type Cid, IbcmError, type Instant, SeededRandom, uniform } from '../../src/base/index.js';
import { type CepInspector, type CepOwner, STATES, type State } from '../../src/cep/index.js';
import { checkMad, MAD_BYTES, MESSAGE_NAMES } from '../../src/wire/index.js';
import { CAPTURES, madsOf } from '../wire/captures.js';
import { SERVICE } from './pair.js';
import { type Animal, ZOO_LIMITS, Zoo } from './zoo.js';

/** Broken MADs for a manager with CEPs in every state, and a consumer that does anything at any time. */

/** Inputs until the zoo is emptied, which leaves nothing over, and filled again. */
const ROUND = 8_000;
const CHECK = 256;
const EVENTS_MAX = 8;

const REAL: readonly Uint8Array[] = CAPTURES.flatMap((capture) => madsOf(capture).map(({ mad }) => mad));

type Call = (owner: CepOwner, cid: Cid, animal: Animal, now: Instant) => unknown;
const CALLS: readonly Call[] = [
  (owner, cid, _, now) => owner.listen(cid, { backlog: 2 }, now),
  (owner, cid, { from, ownQpn }, now) =>
    owner.sendReq(cid, { path: from, serviceId: SERVICE, qpn: ownQpn, startingPsn: 0, peerToPeer: true }, now),
  (owner, cid, { from, ownQpn }, now) =>
    owner.formatReq(cid, { path: from, serviceId: SERVICE, qpn: ownQpn, startingPsn: 0 }, now),
  (owner, cid, { ownQpn }, now) => owner.sendRep(cid, { qpn: ownQpn, startingPsn: 0 }, now),
  (owner, cid, { ownQpn }, now) => owner.formatRep(cid, { qpn: ownQpn, startingPsn: 0, failoverAccepted: 0 }, now),
  (owner, cid, _, now) => owner.sendFormatted(cid, now),
  (owner, cid, _, now) => owner.sendRtu(cid, { privateData: Uint8Array.of(1) }, now),
  (owner, cid, _, now) => owner.sendRej(cid, { reason: 28 }, now),
  (owner, cid, _, now) => owner.sendMra(cid, { serviceTimeout: 12 }, now),
  (owner, cid, _, now) => owner.sendDreq(cid, {}, now),
  (owner, cid, _, now) => owner.sendDrep(cid, {}, now),
  (owner, cid, { from }, now) => owner.sendLap(cid, { path: { ...from, port: 2 } }, now),
  (owner, cid, _, now) => owner.formatApr(cid, {}, now),
  (owner, cid, _, now) => owner.sendApr(cid, { status: 1 }, now),
  (owner, cid, { from }, now) => owner.sendSidrReq(cid, { path: from, serviceId: SERVICE }, now),
  (owner, cid, _, now) => owner.sendSidrRep(cid, {}, now),
  (owner, cid, _, now) => owner.established(cid, now),
  (owner, cid, _, now) => owner.migrate(cid, now),
  (owner, cid, _, now) => owner.getQpAttr(cid, 'RTS', now),
  (owner, cid, _, now) => owner.destroy(cid, now),
];

const TIMED: ReadonlySet<State> = new Set(
  STATES.filter((state) => /^(REQ|REP|LAP|DREQ|SIDR_REQ)_SENT$|_MRA_RCVD$|TIMEWAIT/.test(state)),
);

export interface FuzzResult {
  readonly inputs: number;
  readonly sent: number;
  readonly events: number;
  /** The messages that reached a CEP in each state, or were dropped before. */
  readonly states: ReadonlySet<State>;
}

export class Fuzzer {
  readonly #random: SeededRandom;
  readonly #zoo: Zoo;
  readonly #inspector: CepInspector;
  readonly #input = new Uint8Array(2 * MAD_BYTES);
  readonly #templates: Uint8Array[][] = [];
  readonly #states = new Set<State>();
  #sent = 0;
  #events = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#zoo = new Zoo(this.#random);
    this.#inspector = this.#zoo.manager.inspect();
  }

  run(inputs: number): FuzzResult {
    for (let input = 0; input < inputs; input += 1) {
      if (input % ROUND === 0) this.#begin();
      this.#feed();
      if (this.#chance(20)) this.#call();
      if (this.#chance(16)) this.#poll();
      if (this.#chance(32)) this.#elapse();
      if (input % CHECK === 0) this.#check();
    }
    this.#end();
    return { inputs, sent: this.#sent, events: this.#events, states: this.#states };
  }

  #below(bound: number): number {
    return uniform(this.#random, bound);
  }

  #chance(oneIn: number): boolean {
    return this.#random.uint32() % oneIn === 0;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  #begin(): void {
    this.#end();
    this.#zoo.fill();
    const { animals } = this.#zoo;
    this.#templates.length = 0;
    for (const animal of animals) this.#templates.push(MESSAGE_NAMES.map((name) => this.#zoo.message(animal, name)));
  }

  #end(): void {
    const left = this.#zoo.empty();
    // The owner that was just closed: none is open but the next one.
    if (Object.keys(left).length > 0) throw new Error(`left over: ${JSON.stringify(left)}`);
  }

  #feed(): void {
    const { animals, manager, gid, now } = this.#zoo;
    const which = this.#below(animals.length);
    const animal = animals[which] as Animal;
    const bytes = this.#input;
    const isReal = this.#chance(4);
    bytes.set(isReal ? this.#pick(REAL) : this.#pick(this.#templates[which] ?? []), 0);
    const view = new DataView(bytes.buffer);
    if (isReal && !this.#chance(4)) {
      view.setUint32(24, animal.peersId);
      view.setUint32(28, animal.ownId);
    }
    for (let mutations = this.#below(4); mutations > 0; mutations -= 1) this.#mutate(bytes);
    const stranger = this.#chance(12);
    const from = stranger ? { ...this.#pick(animals).from, port: this.#below(3), localGid: gid } : animal.from;
    manager.handleMad(bytes, 0, this.#chance(50) ? this.#below(300) : MAD_BYTES, from, now);
    for (let transmit = manager.pollTransmit(); transmit !== undefined; transmit = manager.pollTransmit()) {
      this.#sent += 1;
      if (checkMad(transmit.mad, 0, MAD_BYTES) !== undefined) throw new Error('not a MAD was sent');
    }
  }

  #mutate(bytes: Uint8Array): void {
    // The header decides whether anything is looked at: most changes go further on.
    const at = this.#chance(10) ? this.#below(24) : 24 + this.#below(this.#chance(2) ? 60 : 232);
    const kind = this.#below(4);
    if (kind === 0) bytes[at] = this.#below(256);
    else if (kind === 1) bytes[at] = (bytes[at] as number) ^ (1 << this.#below(8));
    else if (kind === 2) bytes.fill(this.#chance(2) ? 0 : 0xff, at, Math.min(MAD_BYTES, at + 1 + this.#below(8)));
    else {
      const from = this.#below(MAD_BYTES - 8);
      bytes.copyWithin(at, from, from + 8);
    }
  }

  #call(): void {
    const { owner, animals, now } = this.#zoo;
    const animal = this.#pick(animals);
    try {
      this.#pick(CALLS)(owner, animal.cid, animal, now);
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
    }
  }

  /** Reads some events; requests that came by themselves are ended, or kept. */
  #poll(): void {
    const { owner, now } = this.#zoo;
    for (let count = this.#below(40); count > 0; count -= 1) {
      const event = owner.pollEvent();
      if (event === undefined) return;
      this.#events += 1;
      const isNew = event.type === 'req_received' || event.type === 'sidr_req_received';
      if (isNew && !this.#chance(4)) owner.destroy(event.cid, now);
    }
  }

  #elapse(): void {
    const zoo = this.#zoo;
    zoo.now = (zoo.now + this.#below(this.#chance(20) ? 20_000_000 : 20_000)) as Instant;
    zoo.manager.handleTimeout(zoo.now);
    if (zoo.manager.nextTimeout() <= zoo.now) throw new Error('a timer is overdue');
  }

  #check(): void {
    const inspector = this.#inspector;
    const usage = this.#zoo.manager.usage();
    const sums = { ceps: 0, timers: 0, localQpns: 0, remoteIds: 0, remoteQpns: 0, events: 0 };
    for (let slot = inspector.highestSlot; slot > 0; slot -= 1) {
      if (!inspector.moveTo(slot)) continue;
      const { state, hasTimer, hasDeadline, unreadEvents } = inspector;
      this.#states.add(state);
      sums.ceps += 1;
      sums.timers += Number(hasTimer) + Number(hasDeadline);
      sums.localQpns += Number(inspector.holdsLocalQpn);
      sums.remoteIds += Number(inspector.knowsRemoteId);
      sums.remoteQpns += Number(inspector.holdsRemoteQpn);
      sums.events += unreadEvents;
      if (hasTimer !== TIMED.has(state)) throw new Error(`${state} ${hasTimer ? 'has a' : 'has no'} timer`);
      if (unreadEvents > EVENTS_MAX || inspector.queuedEvents !== unreadEvents) throw new Error(`${state}: events`);
      if (inspector.isBound === (inspector.owner === 0)) throw new Error(`${state}: owner`);
    }
    for (const [name, sum] of Object.entries(sums)) {
      const count = usage[name as keyof typeof sums];
      if (count !== sum) throw new Error(`${name}: ${count} are counted, ${sum} are there`);
    }
    const { maxCeps, maxMads, maxTransmits } = ZOO_LIMITS;
    const most = { ceps: maxCeps, mads: maxMads, transmits: maxTransmits, paths: 3 * sums.ceps + usage.transmits + 1 };
    for (const [name, limit] of Object.entries(most)) {
      const count = usage[name as keyof typeof most];
      if (count > limit) throw new Error(`${name}: ${count} are more than ${limit}`);
    }
  }
}
