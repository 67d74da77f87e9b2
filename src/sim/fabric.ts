import { type Gid, GSI_QPN, type SeededRandom } from '../base/index.js';
import { type ChannelAdapter, CM_PACKET_BYTES, type DatagramSource } from '../ca/index.js';
import type { PathAddress } from '../cep/index.js';
import { PACKET_BYTES_MAX } from '../transport/index.js';
import {
  ATTRIBUTE_ID,
  BTH,
  BTH_BYTES,
  DETH_BYTES,
  MAD_BYTES,
  MESSAGE_NAMES,
  MESSAGE_NUMBER,
  type MessageName,
  messageNumberOf,
  REJ,
  REQ,
} from '../wire/index.js';
import type { TransmissionFault, TransmissionFaults } from './faults.js';
import type { Attempt } from './side.js';
import type { SimAdapter } from './sim-adapter.js';
import { between, streamOf } from './streams.js';
import { ENTRY, type World } from './world.js';

const MAD_OFFSET = BTH_BYTES + DETH_BYTES;
/** Room for one message, a whole number of words. */
const MESSAGE_STRIDE = Math.ceil(CM_PACKET_BYTES / 4) * 4;
/** Room for a packet of data, with the smallest MTU. */
const DATA_STRIDE = 304;
/** Behind the last packet: it is written as if it could be the longest. */
const SLACK = Math.ceil(PACKET_BYTES_MAX / 4) * 4;
const MAD_WORDS = MAD_BYTES / 4;
/** The congestion bits may change on the way (IBTA 7.8.1): the ICRC does not cover this byte. */
const UNCOVERED_BYTE = 4;
const ROCE_PORT = 4791;

/** Why a packet did not arrive, for the ladder. */
export type Fate = 'arrives' | 'lost' | 'corrupt' | 'cut off' | 'port down' | 'nobody there';

/**
 * Moves packets between the adapters' ports, in buffers that are used again, and does to them what the faults say.
 * A link leads from one port to another (of the same number); each has a latency of its own.
 */
export class Fabric {
  readonly #world: World;
  readonly #adapters: readonly SimAdapter[];
  readonly #faults: TransmissionFaults;
  readonly #ports: number;
  readonly #packets: boolean;
  readonly #latency: Float64Array;
  readonly #jitter: (SeededRandom | undefined)[] = [];
  /** Transmissions of each link so far. */
  readonly #counts: Uint32Array;
  /** How many faults cut a link, or hold a port down, now. */
  readonly #cuts: Uint8Array;
  readonly #down: Uint8Array;
  readonly #stride: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #words: Int32Array;
  #froms = new Int32Array(64);
  #tos = new Int32Array(64);
  /** Bytes of each packet. */
  #lengths = new Int32Array(64);
  /** 1 + the bit that was flipped; 0: none. */
  #flips = new Int32Array(64);
  readonly #free: number[] = [];
  #fresh = 0;
  readonly #source: { -readonly [Name in keyof DatagramSource]: DatagramSource[Name] };
  readonly #from: { -readonly [Name in keyof PathAddress]: PathAddress[Name] };
  /** Packets under way. */
  inFlight = 0;

  constructor(world: World, adapters: readonly SimAdapter[], faults: TransmissionFaults) {
    const { seed, settings } = world;
    this.#world = world;
    this.#adapters = adapters;
    this.#faults = faults;
    this.#packets = settings.fabric === 'packet';
    this.#stride = settings.interface === 'data' ? DATA_STRIDE : MESSAGE_STRIDE;
    this.#bytes = new Uint8Array(this.#stride * 64 + SLACK);
    this.#words = new Int32Array(this.#bytes.buffer);
    this.#ports = settings.adapters * settings.ports;
    const links = this.#ports * this.#ports;
    this.#counts = new Uint32Array(links);
    this.#cuts = new Uint8Array(links);
    this.#down = new Uint8Array(this.#ports);
    const random = streamOf(seed, 'latency');
    this.#latency = Float64Array.from({ length: links }, () => between(random, 1, settings.latencyUs));
    const nowhere = this.#gid(0);
    this.#source = { port: 1, remoteGid: nowhere, sourcePort: ROCE_PORT, identification: 0 };
    this.#from = { port: 1, localGid: nowhere, remoteGid: nowhere, trafficClass: 0, sourcePort: 0 };
  }

  cut(from: number, to: number, change: 1 | -1): void {
    const link = from * this.#ports + to;
    this.#cuts[link] = (this.#cuts[link] as number) + change;
  }

  takeDown(port: number, change: 1 | -1): void {
    this.#down[port] = (this.#down[port] as number) + change;
  }

  /** Takes all that an adapter wants to send. */
  drain(adapter: SimAdapter, ca: ChannelAdapter): void {
    for (;;) {
      const flight = this.#take();
      const at = flight * this.#stride;
      const datagram = this.#packets ? ca.pollTransmit(this.#bytes, at) : undefined;
      const path = this.#packets ? datagram?.path : this.#pollMad(ca, at);
      if (path === undefined) {
        this.#release(flight);
        return;
      }
      const from = this.#portOf(path.localGid);
      const to = this.#portOf(path.remoteGid);
      this.#froms[flight] = from;
      this.#tos[flight] = to;
      this.#flips[flight] = 0;
      this.#lengths[flight] = datagram?.length ?? CM_PACKET_BYTES;
      if (this.#isMessage(at)) this.#see(adapter, at + MAD_OFFSET);
      if (to >= this.#ports) {
        // An answer to an attacker, who is nowhere.
        this.#release(flight);
        continue;
      }
      this.#send(flight, from, to);
    }
  }

  /** A flight has arrived. @returns the adapter that got something, if any. */
  arrive(flight: number): SimAdapter | undefined {
    const world = this.#world;
    const from = this.#froms[flight] as number;
    const to = this.#tos[flight] as number;
    const adapter = this.#adapters[Math.floor(to / world.settings.ports)] as SimAdapter;
    const { ca } = adapter;
    this.inFlight -= 1;
    const at = flight * this.#stride;
    if (ca === undefined || (this.#down[to] as number) > 0) {
      this.#lose(at);
      this.#release(flight);
      return undefined;
    }
    world.digest.addTime(world.now);
    world.digest.add(flight ^ (to << 16));
    const port = 1 + (to % world.settings.ports);
    const remoteGid = this.#gid(from);
    if (this.#packets) {
      adapter.delivered += 1;
      this.#source.port = port;
      this.#source.remoteGid = remoteGid;
      if (this.#flips[flight] !== 0) this.#arriveCorrupt(ca, adapter, flight);
      else ca.handleDatagram(this.#bytes, at, this.#lengths[flight] as number, this.#source, world.now);
    } else if (this.#flips[flight] === 0) {
      adapter.delivered += 1;
      this.#from.port = port;
      this.#from.localGid = this.#gid(to);
      this.#from.remoteGid = remoteGid;
      ca.cep.handleMad(this.#bytes, at + MAD_OFFSET, MAD_BYTES, this.#from, world.now);
    }
    this.#release(flight);
    return adapter;
  }

  /** A packet with a flipped bit must be dropped before the CM sees it. */
  #arriveCorrupt(ca: ChannelAdapter, adapter: SimAdapter, flight: number): void {
    const before = droppedPackets(ca);
    const length = this.#lengths[flight] as number;
    ca.handleDatagram(this.#bytes, flight * this.#stride, length, this.#source, this.#world.now);
    if (droppedPackets(ca) === before + 1) return;
    const bit = (this.#flips[flight] as number) - 1;
    this.#world.fail('icrc', `adapter ${adapter.number} took a packet with bit ${bit} flipped`);
  }

  #pollMad(ca: ChannelAdapter, at: number): PathAddress | undefined {
    const transmit = ca.cep.pollTransmit();
    if (transmit === undefined) return undefined;
    this.#bytes.set(transmit.mad, at + MAD_OFFSET);
    return transmit.path;
  }

  /** Counts a transmission, and checks that its sender may send such a message. */
  #see(adapter: SimAdapter, mad: number): void {
    const { taken, inspector } = adapter;
    const message = this.#messageAt(mad);
    taken[message] = (taken[message] as number) + 1;
    if (message !== MESSAGE_NUMBER.REQ && message !== MESSAGE_NUMBER.REP && message !== MESSAGE_NUMBER.RTU) return;
    const known = inspector.findCommId(REJ.fields.localCommId.get(this.#bytes, mad));
    if (known && inspector.isActive === (message === MESSAGE_NUMBER.REP)) {
      // Peer to peer, a REQ that was sent before its side gave way may still wait in the queue.
      if (message === MESSAGE_NUMBER.REQ && this.attemptOf(mad)?.script.kind === 'peerToPeer') return;
      this.#world.fail(
        'role',
        `the ${inspector.isActive ? 'active' : 'passive'} side sends ${MESSAGE_NAMES[message]}`,
        this.attemptOf(mad),
      );
    }
  }

  #send(flight: number, from: number, to: number): void {
    const world = this.#world;
    const at = flight * this.#stride;
    const link = from * this.#ports + to;
    const n = this.#counts[link] as number;
    this.#counts[link] = n + 1;
    world.digest.addTime(world.now);
    world.digest.add(link);
    const isMessage = this.#isMessage(at);
    const begin = (isMessage ? at + MAD_OFFSET : at) / 4;
    world.digest.addWords(this.#words, begin, begin + (isMessage ? MAD_WORDS : (this.#lengths[flight] as number) >> 2));
    // Drawn in any case, so that a fault more or less leaves the others' latencies alone.
    const latency = (this.#latency[link] as number) + this.#jitterOf(link) * world.settings.jitterUs;
    const fault = world.isHealed ? undefined : this.#faults.next(from, to, n);
    const fate = this.#fate(fault, from, link);
    if (world.trace !== undefined && isMessage) {
      const message = MESSAGE_NAMES[this.#messageAt(at + MAD_OFFSET)] as MessageName;
      world.trace.transmission(message, from, to, fate, fault, this.attemptOf(at + MAD_OFFSET));
    }
    if (fate !== 'arrives' && fate !== 'corrupt') {
      this.#lose(at);
      this.#release(flight);
      return;
    }
    const late = fault?.kind === 'delay' || fault?.kind === 'reorder' ? fault.amount : 0;
    if (fault?.kind === 'corrupt') this.#flip(flight, fault.amount);
    if (fault?.kind === 'duplicate') this.#launch(this.#copyOf(flight), latency + fault.amount);
    this.#launch(flight, latency + late);
  }

  #fate(fault: TransmissionFault | undefined, from: number, link: number): Fate {
    if ((this.#down[from] as number) > 0) return 'port down';
    if ((this.#cuts[link] as number) > 0) return 'cut off';
    if (fault?.kind === 'lose') return 'lost';
    return fault?.kind === 'corrupt' ? 'corrupt' : 'arrives';
  }

  #launch(flight: number, latency: number): void {
    this.inFlight += 1;
    this.#world.at(this.#world.now + latency, ENTRY.arrival, flight);
  }

  #jitterOf(link: number): number {
    let random = this.#jitter[link];
    if (random === undefined) {
      random = streamOf(this.#world.seed, 'latency', 1 + link);
      this.#jitter[link] = random;
    }
    return between(random, 0, 1);
  }

  #copyOf(flight: number): number {
    const copy = this.#take();
    this.#bytes.copyWithin(copy * this.#stride, flight * this.#stride, (flight + 1) * this.#stride);
    this.#lengths[copy] = this.#lengths[flight] as number;
    this.#froms[copy] = this.#froms[flight] as number;
    this.#tos[copy] = this.#tos[flight] as number;
    this.#flips[copy] = 0;
    return copy;
  }

  #flip(flight: number, share: number): void {
    const at = flight * this.#stride;
    this.#lose(at);
    // Every byte but the one that may change on the way.
    const covered = Math.floor(share * ((this.#lengths[flight] as number) - 1) * 8);
    const bit = covered < UNCOVERED_BYTE * 8 ? covered : covered + 8;
    const byte = at + (bit >> 3);
    this.#bytes[byte] = (this.#bytes[byte] as number) ^ (0x80 >> (bit & 7));
    this.#flips[flight] = 1 + bit;
  }

  /** A message does not arrive: its attempt is excused from agreeing at once. @param at where its packet begins. */
  #lose(at: number): void {
    const attempt = this.#isMessage(at) ? this.attemptOf(at + MAD_OFFSET) : undefined;
    if (attempt !== undefined) attempt.hasLosses = true;
  }

  /** The attempt that a message belongs to, as far as its comm IDs say. */
  attemptOf(mad: number): Attempt | undefined {
    const { attempts, attemptsByCommId } = this.#world;
    const bytes = this.#bytes;
    if (this.#messageAt(mad) === MESSAGE_NUMBER.REQ) {
      const tag = mad + REQ.fields.privateData.byte;
      return attempts[new DataView(bytes.buffer).getUint32(tag)];
    }
    return (
      attemptsByCommId.get(REJ.fields.localCommId.get(bytes, mad)) ??
      attemptsByCommId.get(REJ.fields.remoteCommId.get(bytes, mad))
    );
  }

  /** Whether a packet is a message of the CM; where MADs travel alone, all are. */
  #isMessage(at: number): boolean {
    return !this.#packets || BTH.destinationQpn.get(this.#bytes, at) === GSI_QPN;
  }

  #messageAt(mad: number): number {
    return messageNumberOf(ATTRIBUTE_ID.get(this.#bytes, mad));
  }

  #gid(port: number): Gid {
    const { ports } = this.#world.settings;
    return (this.#adapters[Math.floor(port / ports)] as SimAdapter).gid(1 + (port % ports));
  }

  /** The number of the port with an address, which ends with its adapter and its own number. */
  #portOf(gid: Uint8Array): number {
    return (gid[14] as number) * this.#world.settings.ports + (gid[15] as number) - 1;
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const flight = this.#fresh;
    this.#fresh += 1;
    if (this.#fresh > this.#froms.length) this.#grow();
    return flight;
  }

  #release(flight: number): void {
    this.#free.push(flight);
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2 - SLACK);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer);
    const grown = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const larger = new Int32Array(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.#froms = grown(this.#froms);
    this.#tos = grown(this.#tos);
    this.#flips = grown(this.#flips);
    this.#lengths = grown(this.#lengths);
  }
}

export function droppedPackets({ drops }: ChannelAdapter): number {
  return Object.values(drops).reduce((sum, count) => sum + count, 0);
}
