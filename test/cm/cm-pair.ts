import { type Instant, ReferenceLedger } from '../../src/base/index.js';
import type { EventCause, EventType, ListenParameters, ReqParameters, State } from '../../src/cep/index.js';
import { type CmId, CmInterface } from '../../src/cm/index.js';
import type { CmMad } from '../../src/wire/index.js';
import { Pair, SERVICE, type Side } from '../cep/pair.js';

/** What a callback was told, as a value. */
export interface Told {
  readonly id: CmId;
  readonly type: EventType;
  readonly cause: EventCause;
  readonly mad: CmMad | undefined;
}

/** One side of a pair: a CM-only interface, whose callbacks write down what they are told. */
export class CmSide {
  readonly ledger = new ReferenceLedger();
  readonly cm: CmInterface;
  readonly side: Side;
  readonly told: Told[] = [];
  /** The contexts of IDs that are gone. */
  readonly gone: unknown[] = [];
  /** What a callback does besides, and what it returns. */
  onEvent: ((told: Told) => unknown) | undefined;

  constructor(side: Side) {
    this.side = side;
    this.cm = new CmInterface(side.manager, this.ledger);
  }

  create(context: unknown = 'id'): CmId {
    return this.cm.createId(this.callback, context, (each) => this.gone.push(each));
  }

  readonly callback = (
    id: CmId,
    event: { type: EventType; cause: EventCause; message: CmMad | undefined },
  ): undefined => {
    const told = { id, type: event.type, cause: event.cause, mad: event.message };
    this.told.push(told);
    return this.onEvent?.(told) as undefined;
  };

  /** What was told since this was asked last. */
  types(): EventType[] {
    return this.told.splice(0).map(({ type }) => type);
  }
}

/** Two CM-only interfaces that can hear each other, and a virtual clock. */
export class CmPair {
  readonly pair: Pair;
  readonly client: CmSide;
  readonly server: CmSide;

  constructor() {
    this.pair = new Pair();
    this.client = new CmSide(this.pair.client);
    this.server = new CmSide(this.pair.server);
  }

  get now(): Instant {
    return this.pair.now;
  }

  get sides(): readonly CmSide[] {
    return [this.client, this.server];
  }

  /** Delivers what is on its way and tells what came of it, until nothing moves. */
  run(): void {
    for (let busy = true; busy; ) {
      this.pair.deliverAll();
      busy = false;
      for (const { cm } of this.sides) if (cm.poll(this.now)) busy = true;
    }
  }

  /** Delivers what is on its way; nobody is told yet. */
  deliver(): void {
    this.pair.deliverAll();
  }

  /** Lets a side receive nothing more, and all time pass until somebody has something to tell. */
  loseUntil(done: () => boolean): void {
    for (let guard = 0; !done(); guard += 1) {
      if (guard > 200) throw new Error('it does not happen');
      this.pair.loseAll();
      this.pair.advance();
      this.pair.loseAll();
    }
  }

  request(overrides: Partial<ReqParameters> = {}): ReqParameters {
    return this.pair.request(overrides);
  }

  listen(overrides: Partial<ListenParameters> = {}): CmId {
    const listener = this.server.create('listener');
    this.server.cm.listen(listener, { serviceId: SERVICE, backlog: 16, ...overrides }, this.now);
    return listener;
  }

  /** A request on its way. */
  asking(overrides: Partial<ReqParameters> = {}): CmId {
    const id = this.client.create('client');
    this.client.cm.sendReq(id, this.request(overrides), this.now);
    return id;
  }

  /** A request that has come; the server has not been told. */
  asked(overrides: Partial<ReqParameters> = {}): CmId {
    const id = this.asking(overrides);
    this.deliver();
    return id;
  }

  /** A request that the server has fetched. */
  requested(listener: CmId, overrides: Partial<ReqParameters> = {}): { client: CmId; server: CmId } {
    const client = this.asked(overrides);
    this.server.cm.poll(this.now);
    const request = this.server.cm.getRequestEx(listener, this.server.callback, 'server', (each) =>
      this.server.gone.push(each),
    );
    if (request === undefined) throw new Error('no request');
    return { client, server: request.id };
  }

  established(listener: CmId, overrides: Partial<ReqParameters> = {}, qpn = 0x200): { client: CmId; server: CmId } {
    const { client, server } = this.requested(listener, overrides);
    this.server.cm.sendRep(server, { qpn, startingPsn: 5 }, this.now);
    this.run();
    this.client.cm.sendRtu(client, {}, this.now);
    this.run();
    for (const side of this.sides) side.told.length = 0;
    return { client, server };
  }

  states(client: CmId, server: CmId): State[] {
    return [this.client.cm.state(client), this.server.cm.state(server)];
  }

  /** Closes everything, lets all time pass, and says what is left over: nothing. */
  leftovers(): unknown[] {
    for (const { cm } of this.sides) cm.close(this.now);
    const left = this.pair.leftovers();
    for (const { cm } of this.sides) cm.poll(this.now);
    return [...left, ...this.sides.flatMap(({ ledger }) => ledger.report())];
  }
}

export const NOTHING_LEFT = [{}, {}];
