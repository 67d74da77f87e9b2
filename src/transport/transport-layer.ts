import { assert, gidEquals, type Instant, type Random, TimerWheel } from '../base/index.js';
import type { PathAddress } from '../cep/index.js';
import type { QueuePair } from '../verbs/index.js';
import { type Crc32, ICRC_BYTES, Icrc, MTU_BYTES_MAX, PAYLOAD_HEADER_BYTES_MAX, ROCE_UDP_PORT } from '../wire/index.js';
import { CompletionQueue } from './completion-queue.js';
import type { Layer, QueuePairContext } from './context.js';
import { TransportCounters, type TransportDropReason } from './counters.js';
import { checkInteger, TransportError } from './error.js';
import { EventQueue, type TransportEvent } from './event-queue.js';
import {
  COMPLETIONS_MAX,
  checkTransportLimits,
  DEFAULT_TRANSPORT_LIMITS,
  ELEMENTS_MAX,
  INLINE_BYTES_MAX,
  QUEUE_DEPTH_MAX,
  type TransportLimits,
} from './limits.js';
import { MemoryTable } from './memory-table.js';
import { IncomingPacket, OutgoingPacket } from './packet.js';
import { HAS_PAYLOAD, PACKET, SERVICE, SERVICE_OF, TRAITS, WHAT } from './packet-codes.js';
import { AddressSpace, ProtectionDomain } from './protection-domain.js';
import { SharedReceiveQueue, type SharedReceiveQueueOptions } from './shared-receive-queue.js';
import { type AttachOptions, WorkQueues } from './work-queues.js';

/** The longest packet: UDP payload in bytes. */
export const PACKET_BYTES_MAX = PAYLOAD_HEADER_BYTES_MAX + MTU_BYTES_MAX + ICRC_BYTES;

/** The partition's number in a P_Key; the bit beyond says full member. */
const PARTITION_MASK = 0x7fff;
const FULL_MEMBER = 0x8000;
/** Who comes after a queue pair in the ring of turns, if nobody does. */
const NOT_WAITING = 0;
const LAST = -1;

export interface TransportLayerOptions {
  /** For memory keys: must be unpredictable outside of simulations. */
  readonly random: Random;
  readonly limits?: Partial<TransportLimits>;
  /** See `Icrc`. */
  readonly crc32?: Crc32;
}

/** A packet that came in, besides its bytes. */
export interface PacketSource {
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
}

/** A packet to be sent: its bytes are in the caller's buffer. Valid until the next poll; the object is used again. */
export interface OutgoingTransportPacket {
  readonly path: PathAddress;
  readonly sourcePort: number;
  readonly length: number;
}

/**
 * The transport layer of one adapter (IBTA 9): moves the data of queue pairs, reliably connected, unreliably connected or as datagrams. Data goes between packets and
 * registered memory directly.
 *
 * It is sans-IO, in the manner of the CEP manager. After every input ({@link handlePacket}, {@link handleTimeout}, posting a request, or changing a queue pair) the driver
 * 1. lets the consumers poll: {@link pollEvent}, and their completion queues;
 * 2. polls {@link pollTransmit} until it is undefined, and sends each packet; if there are events now ({@link hasEvents}), it begins again;
 * 3. asks {@link nextTimeout} and calls {@link handleTimeout} then.
 * Calls that come too early or too often are harmless. A `ChannelAdapter` that has a transport layer is its driver.
 */
export class TransportLayer {
  readonly counters = new TransportCounters();
  readonly limits: TransportLimits;
  readonly #memory: MemoryTable;
  readonly #space = new AddressSpace();
  readonly #events = new EventQueue();
  readonly #layer: Layer;
  readonly #timers: TimerWheel;
  /** By slot, from 1. */
  readonly #queues: (WorkQueues | undefined)[] = [undefined];
  readonly #freeSlots: number[] = [];
  readonly #byQpn = new Map<number, WorkQueues>();
  /** Slots that may have something to send, in the order of their turns, a list: by slot, the next one. */
  readonly #nextTurn: number[] = [0];
  #turn = 0;
  #lastTurn = 0;
  /** Packets that the one whose turn it is has sent. */
  #burst = 0;
  readonly #incoming = new IncomingPacket();
  readonly #packet = new OutgoingPacket();
  readonly #icrc: Icrc;
  readonly #ends: {
    source: Uint8Array;
    destination: Uint8Array;
    sourcePort: number;
    readonly sourceOffset: 0;
    readonly destinationOffset: 0;
  };
  readonly #outgoing: { path: PathAddress; sourcePort: number; length: number };

  /** @throws TransportError `INVALID_ARGUMENT` for a limit that is out of its range. */
  constructor({ random, limits, crc32 }: TransportLayerOptions) {
    this.#icrc = new Icrc(crc32);
    this.limits = { ...DEFAULT_TRANSPORT_LIMITS, ...limits };
    checkTransportLimits(this.limits);
    this.#memory = new MemoryTable(random, this.limits.maxMemoryRegions);
    this.#timers = new TimerWheel(this.limits.maxQueuePairs);
    this.#layer = {
      memory: this.#memory,
      events: this.#events,
      counters: this.counters,
      limits: this.limits,
      now: 0 as Instant,
      schedule: (slot) => this.#schedule(slot),
      wakeAt: (slot, deadline) => this.#wakeAt(slot, deadline),
      sleep: (slot) => this.#timers.cancel(slot),
    };
    const none = new Uint8Array(0);
    this.#ends = { source: none, sourceOffset: 0, destination: none, destinationOffset: 0, sourcePort: 0 };
    const nowhere: PathAddress = { port: 0, localGid: none, remoteGid: none, trafficClass: 0, sourcePort: 0 };
    this.#outgoing = { path: nowhere, sourcePort: 0, length: 0 };
  }

  // ---- objects

  allocateProtectionDomain(): ProtectionDomain {
    return new ProtectionDomain(this.#memory, this.#space);
  }

  /**
   * A queue for completions.
   * @param capacity completions that nobody has polled. One more breaks the queue pairs that have it.
   * @param context see `CompletionQueue.context`.
   * @throws TransportError `INVALID_ARGUMENT`
   */
  createCompletionQueue(capacity: number, context?: unknown): CompletionQueue {
    checkInteger('capacity', capacity, 1, COMPLETIONS_MAX);
    return new CompletionQueue(this.#events, capacity, context);
  }

  /** @throws TransportError `INVALID_ARGUMENT`, `DESTROYED` */
  createSharedReceiveQueue(options: SharedReceiveQueueOptions): SharedReceiveQueue {
    checkInteger('capacity', options.capacity, 1, QUEUE_DEPTH_MAX);
    checkInteger('maxElements', options.maxElements ?? 1, 0, ELEMENTS_MAX);
    return new SharedReceiveQueue(this.#events, options);
  }

  /**
   * Makes a queue pair in RESET one that moves data, until it is destroyed.
   * @throws TransportError `INVALID_ARGUMENT`, `INVALID_STATE`, `LIMIT_REACHED`, `DESTROYED`
   */
  attach(queuePair: QueuePair, options: AttachOptions): WorkQueues {
    const { domain, sendCompletions, receiveCompletions = sendCompletions, sharedReceiveQueue } = options;
    const { qpn } = queuePair;
    checkInteger('maxSend', options.maxSend ?? 1, 1, QUEUE_DEPTH_MAX);
    checkInteger('maxReceive', options.maxReceive ?? 1, 1, QUEUE_DEPTH_MAX);
    checkInteger('maxElements', options.maxElements ?? 1, 0, ELEMENTS_MAX);
    checkInteger('maxInline', options.maxInline ?? 0, 0, INLINE_BYTES_MAX);
    if (sharedReceiveQueue !== undefined && sharedReceiveQueue.domain !== domain) {
      const text = 'the shared receive queue is of another protection domain';
      throw new TransportError('INVALID_ARGUMENT', text, { name: 'sharedReceiveQueue' });
    }
    if (queuePair.state !== 'RESET' || queuePair.destroyed || this.#byQpn.has(qpn)) {
      throw new TransportError('INVALID_STATE', `queue pair 0x${qpn.toString(16)} is not a fresh one in RESET`, {
        qpn,
      });
    }
    const { maxQueuePairs } = this.limits;
    if (this.#byQpn.size >= maxQueuePairs) {
      const message = `${maxQueuePairs} queue pairs move data (maxQueuePairs)`;
      throw new TransportError('LIMIT_REACHED', message, { limit: 'maxQueuePairs' });
    }
    const held = [domain, sendCompletions, receiveCompletions, ...(sharedReceiveQueue ? [sharedReceiveQueue] : [])];
    holdAll(held);
    const slot = this.#freeSlots.pop() ?? this.#queues.length;
    const queues = new WorkQueues(this.#layer, slot, queuePair, options, () => {
      this.#detach(slot, qpn);
      for (const each of held) each.unhold();
    });
    this.#queues[slot] = queues;
    // One behind it may wait for its turn before it does.
    this.#nextTurn[slot] ??= NOT_WAITING;
    this.#byQpn.set(qpn, queues);
    queuePair.follow(queues);
    return queues;
  }

  // ---- inputs

  /** Whether there is a queue pair that moves data, by the number in a packet. */
  has(qpn: number): boolean {
    return this.#byQpn.has(qpn);
  }

  /**
   * A packet has come for a queue pair that is there ({@link has}): the UDP payload of a RoCEv2 packet. Its length holds a BTH and an ICRC, its header version
   * is 0, and its ICRC is right. @param length with the ICRC.
   */
  handlePacket(qpn: number, bytes: Uint8Array, at: number, length: number, from: PacketSource, now: Instant): void {
    const queues = this.#byQpn.get(qpn);
    if (queues === undefined) return;
    this.#layer.now = now;
    this.counters.packetsReceived += 1;
    const packet = this.#incoming;
    const reason = this.#check(queues, packet, bytes, at, length, from);
    if (reason !== undefined) {
      this.counters.drops[reason] += 1;
      return;
    }
    const what = (TRAITS[packet.opcode] as number) & WHAT;
    queues.handlePacket(packet, what >= PACKET.ACKNOWLEDGE);
  }

  /** Time has passed: what is due by `now` happens; as in `CepManager.handleTimeout`, of very much, a part at once. */
  handleTimeout(now: Instant): void {
    this.#layer.now = now;
    this.#timers.expire(now, this.#expire);
  }

  readonly #expire = (slot: number): void => {
    (this.#queues[slot] as WorkQueues).handleTimeout(this.#layer.now);
  };

  // ---- outputs

  /** When {@link handleTimeout} has something to do at the earliest; NEVER if nothing waits. */
  nextTimeout(): Instant {
    return this.#timers.nextDeadline();
  }

  /** Whether there are events to be polled. Sending can cause some, too: what is unreliable is done when it is sent. */
  get hasEvents(): boolean {
    return this.#events.size > 0;
  }

  /** The oldest event, taken out; undefined if there is none. */
  pollEvent(): TransportEvent | undefined {
    return this.#events.poll();
  }

  /**
   * Writes the next packet, sealed, into `into` at `at`, where {@link PACKET_BYTES_MAX} must fit; undefined if there is none. Queue pairs take turns.
   * Over IPv4 its ICRC is right if it is sent with identification 0 and "don't fragment".
   */
  pollTransmit(into: Uint8Array, at: number): OutgoingTransportPacket | undefined {
    const packet = this.#packet;
    while (this.#turn !== 0) {
      const queues = this.#queues[this.#turn];
      packet.begin(into, at);
      if (queues === undefined || this.#burst >= this.limits.burstPackets) {
        this.#pass(queues !== undefined);
        continue;
      }
      if (queues.write(packet)) {
        this.#burst += 1;
        return this.#seal(packet);
      }
      this.#pass(false);
    }
    return undefined;
  }

  /** What exists: for leak checks and for the curious. All zero when nothing is left. */
  usage(): Record<'queuePairs' | 'memoryRegions' | 'events' | 'timers' | 'turns', number> {
    let turns = 0;
    for (const next of this.#nextTurn) if (next !== 0) turns += 1;
    return {
      queuePairs: this.#byQpn.size,
      memoryRegions: this.#memory.size,
      events: this.#events.size,
      timers: this.#timers.armed,
      turns,
    };
  }

  /** The checks of a receiving queue pair (IBTA 9.6), but for those of the service. */
  #check(
    queues: WorkQueues,
    packet: IncomingPacket,
    bytes: Uint8Array,
    at: number,
    length: number,
    from: PacketSource,
  ): TransportDropReason | undefined {
    const { context, queuePair } = queues;
    const traits = TRAITS[bytes[at] as number] as number;
    if ((traits & SERVICE) !== SERVICE_OF[queuePair.transport]) return 'opcode';
    if (!packet.parse(bytes, at, length)) return 'length';
    if ((traits & HAS_PAYLOAD) === 0 && packet.payloadLength > 0) return 'length';
    if (!samePartition(packet.pKey, context.pKey)) return 'pKey';
    packet.localGid = from.localGid;
    packet.remoteGid = from.remoteGid;
    return queuePair.transport === 'ud' || isFromPeer(context, from) ? undefined : 'source';
  }

  #seal(packet: OutgoingPacket): OutgoingTransportPacket {
    const { bytes, start, path } = packet;
    assert(path !== undefined, 'a packet has a way');
    const end = packet.end + ICRC_BYTES;
    const sourcePort = path.sourcePort === 0 ? ROCE_UDP_PORT : path.sourcePort;
    const ends = this.#ends;
    ends.source = path.localGid;
    ends.destination = path.remoteGid;
    ends.sourcePort = sourcePort;
    this.#icrc.seal(ends, 0, bytes, start, end);
    this.counters.packetsSent += 1;
    const outgoing = this.#outgoing;
    outgoing.path = path;
    outgoing.sourcePort = sourcePort;
    outgoing.length = end - start;
    return outgoing;
  }

  #schedule(slot: number): void {
    const next = this.#nextTurn;
    if ((next[slot] ?? NOT_WAITING) !== NOT_WAITING) return;
    next[slot] = LAST;
    if (this.#turn === 0) this.#turn = slot;
    else next[this.#lastTurn] = slot;
    this.#lastTurn = slot;
  }

  /** The turn of the one whose turn it is ends. */
  #pass(again: boolean): void {
    const slot = this.#turn;
    const next = this.#nextTurn[slot] as number;
    this.#nextTurn[slot] = NOT_WAITING;
    this.#turn = next === LAST ? 0 : next;
    this.#burst = 0;
    if (again) this.#schedule(slot);
    else if (this.#queues[slot] === undefined) this.#freeSlots.push(slot);
  }

  /** A timer that expires early costs less than one that is moved at every packet. */
  #wakeAt(slot: number, deadline: Instant): void {
    if (this.#timers.deadline(slot) > deadline) this.#timers.arm(slot, deadline);
  }

  #detach(slot: number, qpn: number): void {
    this.#timers.cancel(slot);
    this.#queues[slot] = undefined;
    this.#byQpn.delete(qpn);
    // While it waits for its turn, nobody else may have its place there.
    if ((this.#nextTurn[slot] ?? NOT_WAITING) === NOT_WAITING) this.#freeSlots.push(slot);
  }
}

/** What a queue pair needs for its life. */
interface Holdable {
  hold(): void;
  unhold(): void;
}

/** Holds all or none. */
function holdAll(objects: readonly Holdable[]): void {
  const held: Holdable[] = [];
  try {
    for (const object of objects) {
      object.hold();
      held.push(object);
    }
  } catch (error) {
    for (const object of held) object.unhold();
    throw error;
  }
}

/** Two keys of one partition, not both of limited members (IBTA 10.9.3). */
function samePartition(a: number, b: number): boolean {
  return ((a ^ b) & PARTITION_MASK) === 0 && ((a | b) & FULL_MEMBER) !== 0;
}

function isFromPeer({ path, alternatePath }: QueuePairContext, from: PacketSource): boolean {
  return isAlong(path, from) || isAlong(alternatePath, from);
}

function isAlong(path: PathAddress | undefined, { localGid, remoteGid }: PacketSource): boolean {
  return path !== undefined && gidEquals(path.remoteGid, 0, remoteGid, 0) && gidEquals(path.localGid, 0, localGid, 0);
}
