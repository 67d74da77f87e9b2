import { type CaGuid, type Cid, type Instant, parseGid, SeededRandom, type ServiceId } from '../../src/base/index.js';
import {
  type CepEvent,
  type CepLimits,
  CepManager,
  type CepOwner,
  type CmPath,
  type PathAddress,
  type ReqParameters,
} from '../../src/cep/index.js';
import {
  type CmMad,
  type CmMadInit,
  decodeMad,
  encodeMad,
  MAD_BYTES,
  type MessageFields,
  type MessageName,
} from '../../src/wire/index.js';

export const SERVICE = 0x0106_1d2fn as ServiceId;

/** An event as a value that outlives the next poll. */
export interface SeenEvent {
  readonly type: CepEvent['type'];
  readonly cause: CepEvent['cause'];
  readonly cid: Cid;
  readonly listener: Cid;
  readonly transmissions: number;
  readonly mad: CmMad | undefined;
}

/** One side of a pair: a manager with one owner. */
export class Side {
  readonly manager: CepManager;
  readonly owner: CepOwner;
  readonly gid: Uint8Array;

  constructor(address: string, caGuid: bigint, seed: number, limits: Partial<CepLimits>) {
    this.gid = parseGid(address);
    const random = new SeededRandom(seed);
    this.manager = new CepManager({
      caGuid: caGuid as CaGuid,
      random,
      limits: { maxCeps: 64, maxMads: 256, maxTransmits: 256, ...limits },
    });
    this.owner = this.manager.openOwner();
  }

  /** What the manager wants to send, in order. */
  transmits(): Uint8Array[] {
    const sent: Uint8Array[] = [];
    for (let transmit = this.manager.pollTransmit(); transmit; transmit = this.manager.pollTransmit()) {
      sent.push(transmit.mad.slice());
    }
    return sent;
  }

  /** Drops counted so far, by reason; those that never happened left out. */
  drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.manager.counters.drops).filter(([, count]) => count !== 0));
  }

  event(): SeenEvent | undefined {
    const event = this.owner.pollEvent();
    if (event === undefined) return undefined;
    const { type, cause, cid, listener, transmissions, hasMessage, bytes, at } = event;
    const mad = hasMessage ? decodeMad(bytes.slice(at, at + MAD_BYTES)) : undefined;
    if (mad instanceof Error) throw mad;
    return { type, cause, cid, listener, transmissions, mad };
  }

  /** All events that wait, oldest first. */
  events(): SeenEvent[] {
    const seen: SeenEvent[] = [];
    for (let event = this.event(); event !== undefined; event = this.event()) seen.push(event);
    return seen;
  }

  /** The one event that waits. */
  onlyEvent(): SeenEvent {
    const [event, ...more] = this.events();
    if (event === undefined || more.length > 0) {
      throw new Error(`one event expected, not ${[event, ...more].map((seen) => seen?.type ?? 'none').join(', ')}`);
    }
    return event;
  }
}

/** A MAD as bytes. */
export function madBytes(mad: CmMadInit): Uint8Array {
  const bytes = new Uint8Array(MAD_BYTES);
  encodeMad(mad, bytes);
  return bytes;
}

/** A message on its way. */
export interface Flight {
  readonly from: Side;
  readonly to: Side;
  readonly bytes: Uint8Array;
  readonly mad: CmMad;
}

/** A message of a kind that the test knows. */
export type Known<Name extends MessageName> = Flight & { readonly mad: { readonly fields: MessageFields<Name> } };

export function known<Name extends MessageName>(message: Name, flight: Flight | undefined): Known<Name> {
  if (flight?.mad.message !== message)
    throw new Error(`a ${message} expected, not ${flight?.mad.message ?? 'nothing'}`);
  return flight as Known<Name>;
}

/** Two managers that can hear each other, and a virtual clock. Nothing moves unless it is told to. */
export class Pair {
  now = 0 as Instant;
  readonly client: Side;
  readonly server: Side;
  /** Messages whose fate is open: deliver or lose them. */
  readonly wire: Flight[] = [];
  /** Everything that was sent, in order. */
  readonly sent: Flight[] = [];

  constructor(limits: Partial<CepLimits> = {}, seed = 1) {
    this.client = new Side('10.0.0.1', 0x1111n, seed, limits);
    this.server = new Side('10.0.0.2', 0x2222n, seed + 1, limits);
  }

  other(side: Side): Side {
    return side === this.client ? this.server : this.client;
  }

  /** Takes what the managers want to send onto the wire. */
  collect(): Flight[] {
    const fresh: Flight[] = [];
    for (const from of [this.client, this.server]) {
      for (const bytes of from.transmits()) {
        const mad = decodeMad(bytes);
        if (mad instanceof Error) throw mad;
        fresh.push({ from, to: this.other(from), bytes, mad });
      }
    }
    this.wire.push(...fresh);
    this.sent.push(...fresh);
    return fresh;
  }

  deliver({ from, to, bytes }: Flight): void {
    this.inject(to, bytes, from.gid);
  }

  /** Lets a side receive bytes from any address. */
  inject(to: Side, bytes: Uint8Array, remoteGid: Uint8Array, localGid = to.gid): void {
    const path: PathAddress = { port: 1, localGid, remoteGid, trafficClass: 0, sourcePort: 0 };
    to.manager.handleMad(bytes, 0, bytes.length, path, this.now);
  }

  /** Delivers all that is on the wire, and what it leads to, until the wire is empty. */
  deliverAll(): void {
    this.collect();
    for (let flight = this.wire.shift(); flight !== undefined; flight = this.wire.shift()) {
      this.deliver(flight);
      this.collect();
    }
  }

  /** Loses all that is on the wire. @returns the messages' names. */
  loseAll(): MessageName[] {
    this.collect();
    return this.wire.splice(0).map(({ mad }) => mad.message);
  }

  /** Takes the one message that is on the wire off it. */
  take(): Flight {
    this.collect();
    const [flight, ...more] = this.wire.splice(0);
    if (flight === undefined || more.length > 0) {
      throw new Error(
        `one message expected, not ${[flight, ...more].map((each) => each?.mad.message ?? 'none').join(', ')}`,
      );
    }
    return flight;
  }

  /** The first message of a kind that was sent. */
  first<Name extends MessageName>(message: Name): Known<Name> {
    return known(
      message,
      this.sent.find(({ mad }) => mad.message === message),
    );
  }

  /** The last message that was sent, which is of a kind. */
  last<Name extends MessageName>(message: Name): Known<Name> {
    return known(message, this.sent.at(-1));
  }

  /** A message that nobody sent. */
  forge(message: MessageName, fields: object): Uint8Array {
    return madBytes({ message, fields } as CmMadInit);
  }

  /** The same message with other values in some of its fields. */
  altered({ mad }: Flight, fields: object): Uint8Array {
    return madBytes({ ...mad, fields: { ...mad.fields, ...fields } } as CmMadInit);
  }

  /** The names of all that is on the wire, which stays there. */
  onWire(): MessageName[] {
    this.collect();
    return this.wire.map(({ mad }) => mad.message);
  }

  /** Jumps to the next moment at which either manager has something to do, and lets it. @returns false if there is none. */
  advance(): boolean {
    const next = Math.min(this.client.manager.nextTimeout(), this.server.manager.nextTimeout());
    if (next === Number.POSITIVE_INFINITY) return false;
    this.now = Math.max(this.now, next) as Instant;
    for (const side of [this.client, this.server]) side.manager.handleTimeout(this.now);
    return true;
  }

  /** Lets time pass up to a moment `duration` from now, and no further. */
  elapse(duration: number): void {
    const until = this.now + duration;
    while (Math.min(this.client.manager.nextTimeout(), this.server.manager.nextTimeout()) <= until) this.advance();
    this.now = until as Instant;
  }

  /** Advances until something is sent or nothing waits. */
  advanceToTransmission(): MessageName[] {
    while (this.onWire().length === 0 && this.advance());
    return this.onWire();
  }

  /** Lets all time pass, losing whatever is sent. */
  exhaust(): MessageName[] {
    const lost: MessageName[] = this.loseAll();
    while (this.advance()) lost.push(...this.loseAll());
    return lost;
  }

  request(overrides: Partial<ReqParameters> = {}): ReqParameters {
    const path = { localGid: this.client.gid, remoteGid: this.server.gid };
    return { path, serviceId: SERVICE, qpn: 0x100, startingPsn: 0x123456, ...overrides };
  }

  listen(backlog = 16, atBacklog: 'reject' | 'silence' = 'reject'): Cid {
    const cid = this.server.owner.create();
    this.server.owner.listen(cid, { serviceId: SERVICE, backlog, atBacklog }, this.now);
    return cid;
  }

  /** A request that the server's owner has seen. */
  requested(overrides: Partial<ReqParameters> = {}): { client: Cid; server: Cid } {
    const client = this.client.owner.create();
    this.client.owner.sendReq(client, this.request(overrides), this.now);
    this.deliverAll();
    return { client, server: this.server.onlyEvent().cid };
  }

  /** A connection in which the REP has arrived. */
  replied(overrides: Partial<ReqParameters> = {}, qpn = 0x200): { client: Cid; server: Cid } {
    const { client, server } = this.requested(overrides);
    this.server.owner.sendRep(server, { qpn, startingPsn: 0x654321 }, this.now);
    this.deliverAll();
    this.client.onlyEvent();
    return { client, server };
  }

  /** One side asks the other to wait longer, with an MRA, and the other has been told. */
  delay(side: Side, cid: Cid): void {
    side.owner.sendMra(cid, {}, this.now);
    this.deliverAll();
    this.other(side).onlyEvent();
  }

  /** An established connection, all events read. */
  established(overrides: Partial<ReqParameters> = {}, qpn = 0x200): { client: Cid; server: Cid } {
    const { client, server } = this.replied(overrides, qpn);
    this.client.owner.sendRtu(client, {}, this.now);
    this.deliverAll();
    this.server.onlyEvent();
    return { client, server };
  }

  /** A connection that the client disconnects; the server has been told. */
  disconnecting(overrides: Partial<ReqParameters> = {}, qpn = 0x200): { client: Cid; server: Cid } {
    const { client, server } = this.established(overrides, qpn);
    this.client.owner.sendDreq(client, {}, this.now);
    this.deliverAll();
    this.server.onlyEvent();
    return { client, server };
  }

  /** A connection that the client has ended: both sides in timewait, all events read. */
  ended(overrides: Partial<ReqParameters> = {}, qpn = 0x200): { client: Cid; server: Cid } {
    const { client, server } = this.disconnecting(overrides, qpn);
    this.server.owner.sendDrep(server, {}, this.now);
    this.deliverAll();
    this.client.onlyEvent();
    return { client, server };
  }

  /** Ends everything, lets all time pass, and says what is left over: nothing but zeros. */
  leftovers(): Record<string, number>[] {
    for (const side of [this.client, this.server]) side.owner.close(this.now);
    this.deliverAll();
    while (this.advance()) this.deliverAll();
    return [this.client, this.server].map((side) => {
      side.manager.pollTransmit();
      return Object.fromEntries(Object.entries(side.manager.usage()).filter(([, count]) => count !== 0));
    });
  }
}

/** Another way between the two. */
export function detour({ client, server }: Pair): CmPath {
  const localGid = client.gid.slice();
  const remoteGid = server.gid.slice();
  localGid[14] = 1;
  remoteGid[14] = 1;
  return { localGid, remoteGid };
}
