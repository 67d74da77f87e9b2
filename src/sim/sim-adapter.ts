import { assert, type CaGuid, type Gid, gidAt, type Instant, NEVER, parseGid } from '../base/index.js';
import { ChannelAdapter, type ChannelAdapterOptions } from '../ca/index.js';
import type { CepInspector, CepManager, CmPath } from '../cep/index.js';
import { TransportLayer } from '../transport/index.js';
import { MESSAGE_NAMES } from '../wire/index.js';
import { Books } from './books.js';
import type { DataEnd } from './data/data-end.js';
import type { AnyConsumer } from './interfaces/any-consumer.js';
import { consumerOf } from './interfaces/consumers.js';
import { streamOf } from './streams.js';
import type { World } from './world.js';

/** How adapters come into being: tests plant bugs here. */
export type MakeAdapter = (options: ChannelAdapterOptions) => ChannelAdapter;
export const makeAdapter: MakeAdapter = (options) => new ChannelAdapter(options);

/** Small windows: they are full now and then. */
const DATA_LIMITS = { maxUnackedPackets: 16, burstPackets: 4 };
/** Keys of memory have a stream beside those of connections. */
const KEYS = 2_000;
const QPN_BASE = 0x100;
/** Queue pairs of each port before it makes more: few, so that they are used again soon. */
const QPNS = 64;
/** And more than CEPs can hold at once. */
const MORE_QPNS = 1_024;
const IPV4_NETWORK = parseGid('10.77.0.0');
const IPV6_NETWORK = parseGid('fd00::77:0:0');

/** The address of a port. Its last two bytes say which it is: port 1 has an IPv4, port 2 an IPv6 address. */
export function gidOf(adapter: number, port: number): Gid {
  const gid = gidAt(port === 1 ? IPV4_NETWORK : IPV6_NETWORK);
  gid[14] = adapter;
  gid[15] = port;
  return gid;
}

/** The CA GUID of an adapter: it rises with the number. */
export const caGuidOf = (adapter: number): CaGuid => BigInt(0x0002_c900_0000 + adapter) as CaGuid;

/** An adapter of the simulated network: a real {@link ChannelAdapter}, its consumers, and what the fabric has seen of it. */
export class SimAdapter {
  readonly number: number;
  readonly gids: readonly Gid[];
  readonly #world: World;
  readonly #make: MakeAdapter;
  /** How often it has crashed. */
  incarnation = 0;
  /** Undefined while it is away after a crash. */
  ca: ChannelAdapter | undefined;
  inspector: CepInspector;
  /** What its CEPs add up to. */
  books: Books;
  consumers: AnyConsumer[] = [];
  /** Who moves data, by queue pair. */
  readonly ends = new Map<number, DataEnd>();
  /** When the adapter wants to be called. */
  wakeAt: Instant = NEVER;
  /** What the fabric took from this incarnation, and brought to it. */
  readonly taken = new Float64Array(MESSAGE_NAMES.length);
  delivered = 0;
  /** Messages that the manager lost for want of a buffer or a place in its transmit queue. */
  overflows = 0;
  /** Sends nothing while it is. */
  stalls = 0;
  steps = 0;
  /** The queue pairs that consumers use now, by port. */
  readonly #busy: Uint8Array[] = [];
  readonly #paths = new Map<number, CmPath>();

  constructor(world: World, number: number, make: MakeAdapter) {
    this.number = number;
    this.#world = world;
    this.#make = make;
    this.gids = Array.from({ length: world.settings.ports }, (_, index) => gidOf(number, index + 1));
    [this.inspector, this.books] = this.start();
  }

  /** Comes into being, or again after a crash: same addresses and CA GUID, nothing remembered, other comm IDs. */
  start(): [CepInspector, Books] {
    const { seed, settings } = this.#world;
    const { owners, maxMads, maxTransmits } = settings;
    const { listens } = this.#world;
    const listeners = listens.reduce((sum, each) => sum + each.length, 0);
    const maxCeps = settings.maxCeps + listeners;
    this.ends.clear();
    const isMoving = settings.interface === 'data';
    const transport = isMoving
      ? new TransportLayer({
          random: streamOf(seed, 'data', this.number, KEYS + this.incarnation),
          limits: DATA_LIMITS,
        })
      : undefined;
    this.ca = this.#make({
      caGuid: caGuidOf(this.number),
      random: streamOf(seed, 'adapters', this.number, this.incarnation),
      ports: this.gids.map((gid) => ({ gid })),
      limits: { maxCeps, maxMads, maxTransmits },
      ...(transport && { transport }),
    });
    const { cep } = this.ca;
    this.inspector = cep.inspect();
    this.books = new Books(this.inspector, maxCeps, listeners, settings.ports);
    this.consumers = Array.from({ length: owners }, (_, index) =>
      consumerOf(this.#world, this, index, listens[index] ?? []),
    );
    this.taken.fill(0);
    this.delivered = 0;
    this.overflows = 0;
    this.#busy.length = 0;
    for (const _ of this.gids) this.#busy.push(new Uint8Array(QPNS + MORE_QPNS));
    return [this.inspector, this.books];
  }

  /** Loses everything. Its consumers die with it. */
  crash(): void {
    for (const consumer of this.consumers) consumer.die();
    for (const consumer of this.consumers) consumer.data?.die();
    this.ca = undefined;
    this.consumers = [];
    this.wakeAt = NEVER;
    this.incarnation += 1;
  }

  /** What the transport has to tell beside completions: queue pairs that data has come to before the RTU. */
  pollTransport(): void {
    const transport = this.ca?.transport;
    for (let event = transport?.pollEvent(); event !== undefined; event = transport?.pollEvent()) {
      if (event.type !== 'communicationEstablished') continue;
      const end = this.ends.get(event.queuePair.qpn);
      if (end !== undefined) end.hasData = true;
    }
  }

  /** The path to a port of an adapter, from our port of the same number. Made once: paths are alike. */
  pathTo(adapter: number, port: number, packetLife: number, trafficClass = 0): CmPath {
    const key = ((adapter * 4 + port) * 32 + packetLife) * 256 + trafficClass;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = { localGid: this.gid(port), remoteGid: gidOf(adapter, port), port, packetLife, trafficClass };
      this.#paths.set(key, path);
    }
    return path;
  }

  /** Its manager. It must not be away. */
  get cep(): CepManager {
    const { ca } = this;
    assert(ca !== undefined, 'the adapter is not away');
    return ca.cep;
  }

  gid(port: number): Gid {
    return this.gids[port - 1] as Gid;
  }

  /** A queue pair that no consumer uses, from `hint` (a share of all) on. It may be in timewait. */
  takeQpn(port: number, hint: number): number {
    const busy = this.#busy[port - 1] as Uint8Array;
    let index = Math.floor(hint * QPNS);
    // Round the few first; beyond them when all are in use.
    for (let tries = 0; tries < QPNS && busy[index] !== 0; tries += 1) index = (index + 1) % QPNS;
    if (busy[index] !== 0) index = busy.indexOf(0, QPNS);
    busy[index] = 1;
    return QPN_BASE + index;
  }

  /** A queue pair beyond the first few that neither a consumer uses nor a CEP holds. */
  takeFreeQpn(port: number): number {
    const busy = this.#busy[port - 1] as Uint8Array;
    let index = QPNS;
    while (busy[index] !== 0 || this.isQpnHeld(port, QPN_BASE + index)) index += 1;
    busy[index] = 1;
    return QPN_BASE + index;
  }

  giveQpnBack(port: number, qpn: number): void {
    const busy = this.#busy[port - 1] as Uint8Array;
    if (qpn !== 0) busy[qpn - QPN_BASE] = 0;
  }

  /** Whether a CEP of a port holds a queue pair, timewait included. */
  isQpnHeld(port: number, qpn: number): boolean {
    return this.inspector.findQpn(port, qpn);
  }
}
