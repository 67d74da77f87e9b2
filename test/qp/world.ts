import { type IbcmError, type Instant, type Qpn, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import type { CepLimits, EventCause, EventType, ReqParameters } from '../../src/cep/index.js';
import { type CmId, CmInterface } from '../../src/cm/index.js';
import {
  type ConnectedQueuePair,
  type ConnectedQueuePairOptions,
  ConnectedQueuePairs,
  type ConnectionRequest,
} from '../../src/qp/index.js';
import { QueuePairTable } from '../../src/verbs/index.js';
import { Pair, SERVICE, type Side } from '../cep/pair.js';

/** What a queue pair was told, as a value, with the states that it was in then. */
export interface ToldQp {
  readonly name: string;
  readonly type: EventType;
  readonly cause: EventCause;
  readonly failure: IbcmError | undefined;
  readonly state: string;
}

type Options = Partial<Omit<ConnectedQueuePairOptions<string>, 'context' | 'callback'>>;

/** One adapter: connected queue pairs whose callbacks write down what they are told. */
export class End {
  readonly ledger = new ReferenceLedger();
  readonly cm: CmInterface;
  readonly pairs: ConnectedQueuePairs;
  readonly side: Side;
  readonly told: ToldQp[] = [];
  /** Queue pairs that are gone, by name. */
  readonly gone: string[] = [];
  readonly queuePairs: ConnectedQueuePair<string>[] = [];
  readonly withdrawn: string[] = [];
  /** What is wrong and cannot be seen afterwards. */
  readonly faults: string[] = [];
  listener: CmId | undefined;
  /** What a callback does besides. */
  onEvent: ((queuePair: ConnectedQueuePair<string>, told: ToldQp) => void) | undefined;
  /** What a listener's callback does. */
  onRequest: (() => void) | undefined;

  constructor(side: Side, seed: number) {
    this.side = side;
    this.cm = new CmInterface(side.manager, this.ledger);
    const limits = { maxQueuePairs: 8, qpnCount: 64 };
    const queuePairs = new QueuePairTable({ random: new SeededRandom(seed), ledger: this.ledger, limits });
    this.pairs = new ConnectedQueuePairs({ cm: this.cm, queuePairs, ledger: this.ledger });
  }

  create(name: string, options: Options = {}): ConnectedQueuePair<string> {
    return this.#watch(this.pairs.create<string>(this.#options(name, options)));
  }

  createForeign(qpn: number, name: string, options: Options = {}): ConnectedQueuePair<string> {
    return this.#watch(this.pairs.createForeign<string>(qpn, this.#options(name, options)));
  }

  listen(now: Instant): void {
    this.listener = this.cm.createId(() => this.onRequest?.(), undefined);
    this.cm.listen(this.listener, { serviceId: SERVICE, backlog: 16 }, now);
  }

  fetch(): ConnectionRequest {
    const request = this.tryFetch();
    if (request === undefined) throw new Error('no request');
    return request;
  }

  tryFetch(): ConnectionRequest | undefined {
    if (this.cm.closed || this.listener === undefined) return undefined;
    return this.pairs.getRequest(this.listener, ({ type }) => this.withdrawn.push(type));
  }

  destroy(queuePair: ConnectedQueuePair<string>, now: Instant): void {
    let within = true;
    queuePair.destroy(now, () => {
      if (within) throw new Error('called back from within the call');
      this.gone.push(queuePair.context);
    });
    within = false;
  }

  #options(name: string, options: Options): ConnectedQueuePairOptions<string> {
    return {
      transport: 'rc',
      ...options,
      context: name,
      callback: (each, { type, cause }, failure) => {
        const told = { name: each.context, type, cause, failure, state: each.state };
        this.told.push(told);
        this.onEvent?.(each, told);
      },
    };
  }

  #watch(queuePair: ConnectedQueuePair<string>): ConnectedQueuePair<string> {
    const name = queuePair.context;
    this.queuePairs.push(queuePair);
    const { handleGone } = queuePair;
    queuePair.handleGone = (connection) => {
      if (this.gone.includes(name)) this.faults.push(`${name} is gone before its CEP (R10)`);
      handleGone.call(queuePair, connection);
    };
    return queuePair;
  }

  /** What was told since this was asked last. */
  types(): EventType[] {
    return this.told.splice(0).map(({ type }) => type);
  }
}

/** Two adapters that can hear each other, a virtual clock, and a listener at the server. */
export class World {
  readonly pair: Pair;
  readonly client: End;
  readonly server: End;

  constructor(limits: Partial<CepLimits> = {}) {
    this.pair = new Pair({ maxCeps: 8, maxMads: 64, maxTransmits: 64, ...limits });
    this.client = new End(this.pair.client, 11);
    this.server = new End(this.pair.server, 12);
    this.server.listen(this.now);
  }

  get now(): Instant {
    return this.pair.now;
  }

  get ends(): readonly End[] {
    return [this.client, this.server];
  }

  request(overrides: Partial<ReqParameters> = {}): Omit<ReqParameters, 'qpn' | 'transport'> {
    const { qpn, ...request } = this.pair.request({ maxCmRetries: 1, ...overrides });
    return request;
  }

  /** A request from the server to the client. */
  opposite(overrides: Partial<ReqParameters> = {}): Omit<ReqParameters, 'qpn' | 'transport'> {
    const { localGid, remoteGid } = this.pair.request().path;
    return this.request({ path: { localGid: remoteGid, remoteGid: localGid }, ...overrides });
  }

  /** Delivers what is on its way and tells what came of it, until nothing moves. */
  run(): void {
    for (let busy = true; busy; ) {
      this.pair.deliverAll();
      busy = false;
      for (const { cm } of this.ends) if (cm.poll(this.now)) busy = true;
    }
  }

  /** Lets all time pass. */
  settle(): void {
    for (this.run(); this.pair.advance(); ) this.run();
  }

  /** A request that the server has fetched. */
  requested(client: ConnectedQueuePair, overrides: Partial<ReqParameters> = {}): ConnectionRequest {
    client.connect(this.request(overrides), this.now);
    this.run();
    return this.server.fetch();
  }

  connected(options: Options = {}): { client: ConnectedQueuePair<string>; server: ConnectedQueuePair<string> } {
    const client = this.client.create('client', options);
    const server = this.server.create('server', options);
    server.accept(this.requested(client), { startingPsn: 7 }, this.now);
    this.run();
    return { client, server };
  }

  /** Tells everybody everything, without a message or a moment more. */
  poll(): void {
    for (const { cm } of this.ends) while (cm.poll(this.now));
  }

  /**
   * Destroys every queue pair, lets all time pass, and says what is wrong or left over: nothing. The queue pairs have to be gone at
   * once, and everything but the listener before the interfaces are closed.
   */
  leftovers(): string[] {
    const wrong: string[] = [];
    for (const end of this.ends) {
      for (const queuePair of end.queuePairs) if (!queuePair.destroyed) end.destroy(queuePair, this.now);
    }
    this.poll();
    for (const { queuePairs, gone } of this.ends) {
      for (const { context } of queuePairs) {
        const count = gone.filter((name) => name === context).length;
        if (count !== 1) wrong.push(`${context} is gone ${count} times`);
      }
    }
    this.settle();
    for (const { cm, ledger, listener } of this.ends) {
      const listeners = listener === undefined || cm.closed ? 0 : 1;
      if (cm.size !== listeners) wrong.push(`${cm.size} IDs, not ${listeners}`);
      const held = ledger.report();
      if (held.length !== listeners) wrong.push(...held.map(({ object, holders }) => `${object}: ${holders.join()}`));
    }
    for (const { cm } of this.ends) cm.close(this.now);
    this.poll();
    for (const [index, usage] of this.pair.leftovers().entries()) {
      for (const [name, count] of Object.entries(usage)) wrong.push(`side ${index}: ${count} ${name} left`);
    }
    for (const { faults } of this.ends) wrong.push(...faults);
    for (const { ledger } of this.ends) wrong.push(...ledger.report().map(({ object }) => `${object} is left`));
    return wrong;
  }
}

/** How a queue pair knows its peer. */
export const peerOf = (queuePair: ConnectedQueuePair): Qpn => queuePair.query().destinationQpn as Qpn;
