import {
  type CaGuid,
  type Gid,
  type Instant,
  NEVER,
  parseGid,
  ReferenceLedger,
  SeededRandom,
} from '../../src/base/index.js';
import { ChannelAdapter } from '../../src/ca/index.js';
import {
  type AttachOptions,
  type CompletionQueue,
  MEMORY_ACCESS,
  type MemoryRegion,
  PACKET_BYTES_MAX,
  type ProtectionDomain,
  type TransportEvent,
  TransportLayer,
  type TransportLimits,
  type WorkCompletion,
  type WorkQueues,
} from '../../src/transport/index.js';
import {
  ACCESS,
  type ModifyAttributes,
  type QueuePair,
  QueuePairTable,
  type Transport,
} from '../../src/verbs/index.js';
import { BTH, Icrc } from '../../src/wire/index.js';
import { FlightHeap } from './flight-heap.js';

export const ALL_ACCESS = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
export const P_KEY = 0xffff;
export const Q_KEY = 0x1234;

/** A packet on its way. */
export interface Flight {
  readonly to: Side;
  readonly from: Side;
  readonly bytes: Uint8Array;
  readonly arrives: Instant;
}

/** What becomes of a packet: the bytes that arrive, and after how many microseconds. One packet may arrive more than once, or not at all. */
export type Fate = (bytes: Uint8Array, from: Side) => readonly { readonly bytes: Uint8Array; readonly delay: number }[];

const SOURCE_PORT = 49_200;

/** An adapter with everything that moves data. */
export class Side {
  readonly name: string;
  readonly gid: Gid;
  readonly ledger = new ReferenceLedger();
  readonly table: QueuePairTable;
  readonly layer: TransportLayer;
  readonly adapter: ChannelAdapter;
  readonly domain: ProtectionDomain;

  constructor(
    name: string,
    address: string,
    seed: number,
    limits: Partial<TransportLimits>,
    icrc: 'verify' | 'ignore',
  ) {
    this.name = name;
    this.gid = parseGid(address);
    const random = new SeededRandom(seed);
    this.table = new QueuePairTable({ random, ledger: this.ledger, limits: { maxQueuePairs: 64, qpnCount: 256 } });
    this.layer = new TransportLayer({ random, limits: { maxQueuePairs: 64, ...limits } });
    this.adapter = new ChannelAdapter({
      caGuid: BigInt(seed) as CaGuid,
      random,
      ports: [{ gid: this.gid }],
      limits: { maxCeps: 16, maxMads: 32, maxTransmits: 32 },
      transport: this.layer,
      icrc,
    });
    this.domain = this.layer.allocateProtectionDomain();
  }

  register(length: number, access = ALL_ACCESS): MemoryRegion {
    return this.domain.register(new Uint8Array(length), { access });
  }

  /** A queue pair in RESET with its work queues, and a completion queue for both of them. */
  create(transport: Transport = 'rc', options: Partial<AttachOptions> = {}): Queues {
    const queuePair = this.table.create({ transport });
    const completions = options.sendCompletions ?? this.layer.createCompletionQueue(4_096);
    const queues = this.layer.attach(queuePair, { domain: this.domain, sendCompletions: completions, ...options });
    return { side: this, queuePair, queues, completions };
  }

  events(): TransportEvent[] {
    const events: TransportEvent[] = [];
    for (let event = this.layer.pollEvent(); event; event = this.layer.pollEvent()) events.push(event);
    return events;
  }
}

/** A queue pair of a test. */
export interface Queues {
  readonly side: Side;
  readonly queuePair: QueuePair;
  readonly queues: WorkQueues;
  readonly completions: CompletionQueue;
}

/** Copies of all completions. */
export function completionsOf({ completions }: Queues): WorkCompletion[] {
  const all: WorkCompletion[] = [];
  for (let completion = completions.poll(); completion; completion = completions.poll()) all.push({ ...completion });
  return all;
}

/** What a test mostly wants to know of completions. */
export const outcomesOf = (queues: Queues): string[] =>
  completionsOf(queues).map(({ id, opcode, status }) => `${id} ${opcode} ${status}`);

/** Sides and what is between them, in virtual time. */
export class Fabric {
  now = 1_000 as Instant;
  readonly sides: readonly Side[];
  /** By default packets arrive at once, in order. */
  fate: Fate = (bytes) => [{ bytes, delay: 0 }];
  /** Every packet that was sent. */
  readonly log: Uint8Array[] = [];
  logging = false;
  readonly #flights = new FlightHeap<Flight>();
  readonly #buffer = new Uint8Array(PACKET_BYTES_MAX + 8);

  constructor(
    limits: Partial<TransportLimits> = {},
    icrc: 'verify' | 'ignore' = 'verify',
    addresses: readonly [string, string] = ['10.0.0.1', '10.0.0.2'],
  ) {
    this.sides = addresses.map((address, i) => new Side('ab'[i] as string, address, i + 1, limits, icrc));
  }

  get a(): Side {
    return this.sides[0] as Side;
  }

  get b(): Side {
    return this.sides[1] as Side;
  }

  /** Sends what is to be sent, and delivers what arrives by now. @returns whether anything was done. */
  step(): boolean {
    let busy = false;
    for (const side of this.sides) if (this.send(side)) busy = true;
    return this.arrive() || busy;
  }

  /** Delivers what arrives by now. @returns whether there was anything. */
  arrive(): boolean {
    let busy = false;
    for (let flight = this.#flights.pop(this.now); flight; flight = this.#flights.pop(this.now)) {
      busy = true;
      this.deliver(flight);
    }
    return busy;
  }

  deliver({ to, from, bytes }: Flight): void {
    const source = { port: 1, remoteGid: from.gid, sourcePort: SOURCE_PORT, identification: 0 };
    to.adapter.handleDatagram(bytes, 0, bytes.length, source, this.now);
  }

  /** Until nothing is left to be done at this moment. */
  settle(): void {
    while (this.step());
  }

  /** Jumps to the next moment at which something happens. @returns false if there is none. */
  jump(): boolean {
    const timeouts = this.sides.map(({ adapter }) => adapter.nextTimeout());
    const next = Math.min(this.#flights.next, ...timeouts) as Instant;
    if (next === NEVER) return false;
    this.now = Math.max(this.now, next) as Instant;
    for (const { adapter } of this.sides) adapter.handleTimeout(this.now);
    return true;
  }

  /** Until nothing happens any more, however long it takes. */
  run(steps = 100_000): void {
    for (let i = 0; i < steps; i += 1) {
      this.settle();
      if (!this.jump()) return;
    }
    throw new Error('it does not come to an end');
  }

  /** Sends what one side has to send. @returns whether there was anything. */
  send(side: Side): boolean {
    let busy = false;
    for (;;) {
      const sent = side.adapter.pollTransmit(this.#buffer, 4);
      if (sent === undefined) return busy;
      busy = true;
      const bytes = this.#buffer.slice(4, 4 + sent.length);
      if (this.logging) this.log.push(bytes);
      const to = this.sides.find(({ gid }) => gid[15] === sent.path.remoteGid[15]);
      if (to === undefined) continue;
      for (const { bytes: arriving, delay } of this.fate(bytes, side)) {
        this.#flights.push({ to, from: side, bytes: arriving, arrives: (this.now + delay) as Instant });
      }
    }
  }

  get inFlight(): number {
    return this.#flights.size;
  }
}

/** What two connected queue pairs agree on. */
export interface ConnectOptions {
  readonly mtu?: number;
  readonly depth?: number;
  readonly ackTimeout?: number;
  readonly retryCount?: number;
  readonly rnrRetryCount?: number;
  readonly minRnrTimer?: number;
  readonly accessFlags?: number;
  /** Where PSNs begin; default: shortly before they go round. */
  readonly psn?: number;
}

export function attributesToward(
  state: 'INIT' | 'RTR' | 'RTS',
  own: Queues,
  peer: Queues,
  options: ConnectOptions = {},
): ModifyAttributes {
  const { mtu = 1, depth = 4, psn = 0xff_fff0 } = options;
  const rc = own.queuePair.transport === 'rc';
  const [ownPsn, peerPsn] = own.side.gid[15] === 1 ? [psn, psn + 7] : [psn + 7, psn];
  const path = {
    port: 1,
    localGid: own.side.gid,
    remoteGid: peer.side.gid,
    trafficClass: 0,
    sourcePort: SOURCE_PORT,
  };
  switch (state) {
    case 'INIT':
      return { state, pKey: P_KEY, port: 1, accessFlags: options.accessFlags ?? ALL_ACCESS & ~1 };
    case 'RTR':
      return {
        state,
        path,
        mtu,
        destinationQpn: peer.queuePair.qpn,
        receivePsn: peerPsn & 0xff_ffff,
        ...(rc && { responderResources: depth, minRnrTimer: options.minRnrTimer ?? 12 }),
      };
    default:
      return {
        state,
        sendPsn: ownPsn & 0xff_ffff,
        ...(rc && {
          ackTimeout: options.ackTimeout ?? 10,
          retryCount: options.retryCount ?? 7,
          rnrRetryCount: options.rnrRetryCount ?? 7,
          initiatorDepth: depth,
        }),
      };
  }
}

/** Leads two queue pairs to RTS. */
export function connect(one: Queues, other: Queues, options: ConnectOptions = {}): void {
  for (const state of ['INIT', 'RTR', 'RTS'] as const) {
    one.queuePair.modify(attributesToward(state, one, other, options));
    other.queuePair.modify(attributesToward(state, other, one, options));
  }
}

/** A pair of connected queue pairs on a fabric of its own. */
export function connectedPair(
  options: ConnectOptions & {
    transport?: 'rc' | 'uc';
    attach?: Partial<AttachOptions>;
    limits?: Partial<TransportLimits>;
    icrc?: 'verify' | 'ignore';
  } = {},
): { fabric: Fabric; a: Queues; b: Queues } {
  const fabric = new Fabric(options.limits, options.icrc);
  const a = fabric.a.create(options.transport, options.attach);
  const b = fabric.b.create(options.transport, options.attach);
  connect(a, b, options);
  return { fabric, a, b };
}

/** A datagram queue pair in RTS. */
export function datagramQueues(side: Side, attach: Partial<AttachOptions> = {}, qKey = Q_KEY): Queues {
  const queues = side.create('ud', attach);
  queues.queuePair.modify({ state: 'INIT', pKey: P_KEY, port: 1, qKey });
  queues.queuePair.modify({ state: 'RTR' });
  queues.queuePair.modify({ state: 'RTS', sendPsn: 5 });
  return queues;
}

/** The way to another side. */
export function pathTo(
  from: Side,
  to: Side,
): { port: number; localGid: Gid; remoteGid: Gid; trafficClass: number; sourcePort: number } {
  return { port: 1, localGid: from.gid, remoteGid: to.gid, trafficClass: 0, sourcePort: SOURCE_PORT };
}

/** Bytes that are easy to tell apart. */
export function patterned(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed * 31) & 0xff);
}

export const opcodeIn = (packet: Uint8Array): number => BTH.opcode.get(packet, 0);
export const psnIn = (packet: Uint8Array): number => BTH.psn.get(packet, 0);

/** The packet, with the right ICRC, as one from a queue pair to another. */
export function sealed(packet: Uint8Array, from: Queues, to: Queues): Uint8Array {
  const ends = { source: from.side.gid, sourceOffset: 0, destination: to.side.gid, destinationOffset: 0 };
  new Icrc().seal({ ...ends, sourcePort: SOURCE_PORT }, 0, packet, 0, packet.length);
  return packet;
}
