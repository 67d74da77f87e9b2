import {
  type CaGuid,
  type Duration,
  formatAddress,
  type Gid,
  GSI_QPN,
  type Instant,
  isIpv4Gid,
  parseGid,
  SeededRandom,
} from '../../src/base/index.js';
import { ChannelAdapter, CM_PACKET_BYTES } from '../../src/ca/index.js';
import type { CepLimits } from '../../src/cep/index.js';
import {
  Adapter,
  type EndpointEvent,
  type EndpointHost,
  type Route,
  type RouteWishes,
} from '../../src/endpoint/index.js';
import { PACKET_BYTES_MAX, TransportLayer, type TransportLimits } from '../../src/transport/index.js';
import type { QueuePairLimits } from '../../src/verbs/index.js';
import { BTH, BTH_BYTES, type CmMad, DETH_BYTES, decodeMad, type MessageName } from '../../src/wire/index.js';

const MAD_OFFSET = BTH_BYTES + DETH_BYTES;

/** A packet of a queue pair on its way. */
export interface DataPacket {
  readonly from: string;
  readonly to: string;
  readonly sourcePort: number;
  readonly trafficClass: number;
  readonly bytes: Uint8Array;
  readonly at: Instant;
}

/** A message of the CM on its way. */
export interface Packet extends DataPacket {
  readonly mad: CmMad;
}

export interface VirtualHostOptions {
  readonly caGuid?: bigint;
  readonly seed?: number;
  readonly limits?: Partial<CepLimits & QueuePairLimits & TransportLimits>;
  readonly onEvent?: (event: EndpointEvent) => void;
  /** Answers are there before `send` returns, as over a loopback inside the process. */
  readonly instant?: boolean;
}

interface Appointment {
  readonly at: Instant;
  readonly call: () => void;
}

/** One machine with one adapter. Behaves as the driver over sockets does, but nothing happens by itself. */
export class VirtualHost implements EndpointHost {
  readonly adapter: ChannelAdapter;
  readonly endpoint: Adapter;
  /** Of the first port. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** Look-ups that the test answers, by name. */
  readonly names = new Map<string, Promise<Gid>>();
  readonly prepared: (number | undefined)[] = [];
  readonly appointments = new Set<Appointment>();
  isClosed = false;
  isDead = false;
  readonly #network: VirtualNetwork;
  readonly #consumers: (() => void)[] = [];
  readonly #instant: boolean;
  #inTurn = false;
  #again = false;

  constructor(network: VirtualNetwork, addresses: readonly string[], options: VirtualHostOptions) {
    const { caGuid = 0x1000n, seed = 1, limits, onEvent, instant = false } = options;
    this.#network = network;
    this.#instant = instant;
    const gids = addresses.map((address) => parseGid(address));
    this.addresses = gids.map((gid) => formatAddress(gid));
    this.address = this.addresses[0] as string;
    const random = new SeededRandom(seed);
    this.adapter = new ChannelAdapter({
      caGuid: caGuid as CaGuid,
      random,
      ports: gids.map((gid) => ({ gid })),
      limits: { maxCeps: 256, maxMads: 1024, maxTransmits: 1024, ...limits },
      transport: new TransportLayer({ random, ...(limits && { limits }) }),
    });
    this.endpoint = new Adapter(this, { random, ...(limits && { limits }), ...(onEvent && { onEvent }) });
  }

  now(): Instant {
    return this.#network.now;
  }

  onTurn(consumer: () => void): void {
    this.#consumers.push(consumer);
  }

  wake(): void {
    this.#again = true;
    if (this.#inTurn || this.isDead) return;
    this.#inTurn = true;
    while (this.#again) {
      for (const consumer of this.#consumers) consumer();
      this.#again = false;
      this.#flush();
      if (this.adapter.transport?.hasEvents === true) this.#again = true;
    }
    this.#inTurn = false;
  }

  /** The way out is the port that was asked for, or the first whose address is of the host's family. */
  async resolve(host: string, { port, sourcePort }: RouteWishes): Promise<Route> {
    this.prepared.push(sourcePort);
    const remoteGid = (await this.names.get(host)) ?? parseGid(host);
    const first = this.adapter.gids.findIndex((gid) => isIpv4Gid(gid) === isIpv4Gid(remoteGid));
    return { port: port ?? first + 1, remoteGid };
  }

  schedule(delay: Duration, call: () => void): () => void {
    const appointment = { at: (this.#network.now + delay) as Instant, call };
    this.appointments.add(appointment);
    return () => this.appointments.delete(appointment);
  }

  async close(): Promise<void> {
    this.wake();
    this.isClosed = true;
  }

  /** The process dies, and says nothing. */
  kill(): void {
    this.isDead = true;
    this.appointments.clear();
  }

  receive(bytes: Uint8Array, from: string, sourcePort = 4791, to = this.address): void {
    if (this.isDead || this.isClosed) return;
    const source = { port: this.addresses.indexOf(to) + 1, remoteGid: parseGid(from), sourcePort };
    this.adapter.handleDatagram(bytes, 0, bytes.length, source, this.now());
    this.wake();
  }

  nextTimeout(): Instant {
    if (this.isDead) return Number.POSITIVE_INFINITY as Instant;
    const appointments = [...this.appointments].map(({ at }) => at);
    return Math.min(this.adapter.nextTimeout(), ...appointments) as Instant;
  }

  handleTimeout(): void {
    if (this.isDead) return;
    for (const appointment of [...this.appointments]) {
      if (appointment.at > this.now() || !this.appointments.delete(appointment)) continue;
      appointment.call();
    }
    this.adapter.handleTimeout(this.now());
    this.wake();
  }

  /** What the manager still holds; empty if nothing. */
  leftovers(): Record<string, number> {
    this.adapter.cep.pollTransmit();
    return Object.fromEntries(Object.entries(this.endpoint.usage).filter(([, count]) => count !== 0));
  }

  #flush(): void {
    for (;;) {
      const room = new Uint8Array(PACKET_BYTES_MAX);
      const datagram = this.adapter.pollTransmit(room, 0);
      if (datagram === undefined) return;
      if (this.isClosed) continue;
      const { path, sourcePort, length } = datagram;
      const bytes = room.subarray(0, length);
      const packet = {
        from: formatAddress(path.localGid),
        to: formatAddress(path.remoteGid),
        sourcePort,
        trafficClass: path.trafficClass,
        bytes,
        at: this.now(),
      };
      if (BTH.destinationQpn.get(bytes, 0) !== GSI_QPN) {
        this.#network.sendData(packet, this.#instant);
        continue;
      }
      const mad = decodeMad(bytes.subarray(MAD_OFFSET, CM_PACKET_BYTES - 4));
      if (mad instanceof Error) throw mad;
      this.#network.send({ ...packet, mad }, this.#instant);
    }
  }
}

export type Fate = 'deliver' | 'lose' | 'duplicate';

/** Hosts that reach each other, and a clock that moves when it is told to. */
export class VirtualNetwork {
  /** Not zero: nothing may depend on where a clock begins. */
  now = 5_000_000 as Instant;
  readonly startedAt = this.now;
  /** Decides what becomes of each datagram. */
  fate: (packet: Packet) => Fate = () => 'deliver';
  /** The same, of queue pairs' packets. */
  dataFate: (packet: DataPacket) => Fate = () => 'deliver';
  /** All messages of the CM that were ever sent. */
  readonly sent: Packet[] = [];
  /** How many packets queue pairs have sent. */
  dataSent = 0;
  readonly #wire: DataPacket[] = [];
  readonly #hosts: VirtualHost[] = [];
  #running = false;

  /** A new machine, with a port for each address; one with the same address is replaced, as by a restart. */
  host(address: string | readonly string[], options: VirtualHostOptions = {}): VirtualHost {
    const host = new VirtualHost(this, typeof address === 'string' ? [address] : address, options);
    this.#hosts.unshift(host);
    return host;
  }

  /** Two machines, of which the second listens. */
  pair(options: { client?: VirtualHostOptions; server?: VirtualHostOptions } = {}): {
    client: VirtualHost;
    server: VirtualHost;
  } {
    return {
      client: this.host('10.0.0.1', { seed: 1, caGuid: 0x1111n, ...options.client }),
      server: this.host('10.0.0.2', { seed: 2, caGuid: 0x2222n, ...options.server }),
    };
  }

  /** Milliseconds since the beginning. */
  get ms(): number {
    return (this.now - this.startedAt) / 1_000;
  }

  send(packet: Packet, instantly: boolean): void {
    this.sent.push(packet);
    this.#launch(packet, this.fate(packet), instantly);
  }

  sendData(packet: DataPacket, instantly: boolean): void {
    this.dataSent += 1;
    this.#launch(packet, this.dataFate(packet), instantly);
  }

  #launch(packet: DataPacket, fate: Fate, instantly: boolean): void {
    const copies = { lose: 0, deliver: 1, duplicate: 2 }[fate];
    for (let copy = 0; copy < copies; copy += 1) {
      if (instantly) this.#deliver(packet);
      else this.#wire.push(packet);
    }
  }

  /** The names of all messages sent so far, or only of those from one address. */
  messages(from?: VirtualHost): MessageName[] {
    return this.sent
      .filter((packet) => from === undefined || from.addresses.includes(packet.from))
      .map(({ mad }) => mad.message);
  }

  /** The first message of a kind that was sent. */
  first(message: MessageName): Packet {
    const found = this.sent.find(({ mad }) => mad.message === message);
    if (found === undefined) throw new Error(`no ${message} was sent`);
    return found;
  }

  /** Delivers what is on the wire, one datagram after the other, and lets promises run in between, until all is still. */
  async settle(): Promise<void> {
    await microtasks();
    for (let packet = this.#wire.shift(); packet !== undefined; packet = this.#wire.shift()) {
      this.#deliver(packet);
      await microtasks();
    }
  }

  /** Jumps to the next moment at which something is due. @returns false if there is none. */
  async advance(): Promise<boolean> {
    await this.settle();
    const next = Math.min(...this.#hosts.map((host) => host.nextTimeout()));
    if (next === Number.POSITIVE_INFINITY) return false;
    this.now = Math.max(this.now, next) as Instant;
    for (const host of this.#hosts) {
      host.handleTimeout();
      await microtasks();
    }
    await this.settle();
    return true;
  }

  /** Lets time pass. */
  async elapse(ms: number): Promise<void> {
    const end = this.now + ms * 1_000;
    await this.settle();
    while (Math.min(...this.#hosts.map((host) => host.nextTimeout())) <= end) await this.advance();
    this.now = end as Instant;
  }

  /** Runs until a promise is settled, and returns what came of it. Fails if everything is still before. */
  async outcome<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
    if (this.#running) throw new Error('one thing moves the clock at a time');
    this.#running = true;
    const results: PromiseSettledResult<T>[] = [];
    void Promise.allSettled([promise]).then((settled) => results.push(...settled));
    try {
      await this.settle();
      for (;;) {
        const [result] = results;
        if (result !== undefined) return result;
        if (!(await this.advance()) && results.length === 0) throw new Error('the promise will never be settled');
      }
    } finally {
      this.#running = false;
    }
  }

  async value<T>(promise: Promise<T>): Promise<T> {
    const outcome = await this.outcome(promise);
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  /** The error that a promise is rejected with. */
  async error<E = Error>(promise: Promise<unknown>): Promise<E> {
    const outcome = await this.outcome(promise);
    if (outcome.status === 'fulfilled') throw new Error('an error was expected');
    return outcome.reason as E;
  }

  /** Closes all that lives, lets all time pass, and says what is left over: nothing, if all is well. */
  async leftovers(): Promise<string[]> {
    for (const host of this.#hosts) if (!host.isDead) await this.value(host.endpoint.close());
    await microtasks();
    const living = this.#hosts.filter((host) => !host.isDead);
    // Before time passes: a timer that nobody needs any more would keep a process alive.
    const timers = living
      .filter(({ appointments }) => appointments.size > 0)
      .map(({ address }) => `${address}: a timer`);
    while (await this.advance());
    return living.flatMap((host) => [
      ...timers,
      ...Object.entries(host.leftovers()).map(([what, count]) => `${host.address}: ${count} ${what}`),
      ...(host.isClosed ? [] : [`${host.address} is open`]),
    ]);
  }

  #deliver({ to, from, bytes, sourcePort }: DataPacket): void {
    const host = this.#hosts.find(({ addresses, isDead }) => addresses.includes(to) && !isDead);
    host?.receive(bytes.slice(), from, sourcePort, to);
  }
}

/** Lets every promise that can run do so. */
const microtasks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
