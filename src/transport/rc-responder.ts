import { ACCESS } from '../verbs/index.js';
import {
  AETH,
  AETH_BYTES,
  AETH_KINDS,
  ATOMIC_ACK_ETH,
  ATOMIC_ACK_ETH_BYTES,
  ATOMIC_ETH,
  CREDITS_UNLIMITED,
  creditCodeOf,
  NAK_CODES,
  opcodeOf,
  PSN_WINDOW_MAX,
  psnDistance,
  psnPlus,
  RETH,
} from '../wire/index.js';
import { ATOMIC_BYTES, applyAtomic } from './atomic.js';
import type { QueuePairContext } from './context.js';
import { copyBytes } from './copy-bytes.js';
import { InboundMessage, OUTCOME, type ReceiveSource } from './inbound-message.js';
import type { MemoryRegion } from './memory-region.js';
import { packetsOf } from './message-packets.js';
import type { IncomingPacket, OutgoingPacket } from './packet.js';
import { PACKET, TRAITS, WHAT } from './packet-codes.js';
import type { ReceiveQueue } from './receive-queue.js';
import { accessRemote, remoteAddress } from './remote-access.js';

/** Half of what is told from what is to come. */
const ACCEPTED_DISTANCE_MAX = 2 ** 22;
const ACKNOWLEDGE = opcodeOf('rc', 'acknowledge', 'only');
const ATOMIC_ACKNOWLEDGE = opcodeOf('rc', 'atomicAcknowledge', 'only');
const READ_RESPONSE = {
  first: opcodeOf('rc', 'rdmaReadResponse', 'first'),
  middle: opcodeOf('rc', 'rdmaReadResponse', 'middle'),
  last: opcodeOf('rc', 'rdmaReadResponse', 'last'),
  only: opcodeOf('rc', 'rdmaReadResponse', 'only'),
} as const;
const COMPARE_AND_SWAP = opcodeOf('rc', 'compareAndSwap', 'only');
const NOTHING = -1;

/** A read or an atomic of the peer's, kept in case that its response is lost (IBTA 9.7.5.1.1). */
class ResponderResource {
  firstPsn = 0;
  packets = 0;
  atomic = false;
  region: MemoryRegion | undefined = undefined;
  address = 0;
  length = 0;
  originalHigh = 0;
  originalLow = 0;
  /** Responses still to be sent, counted from the first PSN; of those that were asked for together, the first. */
  next = 0;
  end = 0;
  begin = 0;
  /** It was answered before. */
  again = false;

  get pending(): boolean {
    return this.next < this.end;
  }
}

/**
 * The responder of a reliable connection (IBTA 9.7): does what the peer asks, once and in order, and answers. Answers stand in the order of their PSNs: first reads and
 * atomics, then one acknowledgement for all that was done, or what is wrong with the packet after that.
 * @internal
 */
export class RcResponder {
  readonly #context: QueuePairContext;
  readonly #message: InboundMessage;
  readonly #receives: ReceiveSource;
  /** The queue pair's own receives, which are told as credits. */
  readonly #credits: ReceiveQueue | undefined;
  #expected = 0;
  /**
   * The last packet that an acknowledgement is for: of a send or a write. Responses acknowledge reads and atomics: soft-RoCE takes an acknowledgement of a read's last packet for
   * that response, which may have been lost.
   */
  #accepted = 0;
  #messages = 0;
  /** A packet was refused, and nothing is done before it has come again. */
  #refused = false;
  /** The answer to be sent, as kind and value of an AETH, for the packets before {@link #answerPsn} or for that one. */
  #answer = NOTHING;
  #answerValue = 0;
  #answerPsn = 0;
  readonly #resources: ResponderResource[] = [];
  /** How many there are in use, and where the next goes to. */
  #capacity = 0;
  #next = 0;
  #pending = 0;

  constructor(context: QueuePairContext, receives: ReceiveSource, credits: ReceiveQueue | undefined) {
    this.#context = context;
    this.#receives = receives;
    this.#credits = credits;
    this.#message = new InboundMessage(context, receives);
  }

  /** The queue pair is ready to receive. */
  start(): void {
    const { receivePsn, responderResources } = this.#context;
    this.#expected = receivePsn;
    this.#accepted = psnPlus(receivePsn, -1);
    this.#messages = 0;
    this.#refused = false;
    this.#answer = NOTHING;
    this.#setCapacity(responderResources);
  }

  /** The number of responder resources may have changed (in SQD). */
  resize(): void {
    if (this.#capacity !== this.#context.responderResources) this.#setCapacity(this.#context.responderResources);
  }

  /**
   * In ERR: completes the receive that is taken. The peer is still told what was done of its requests, or which of them was the reason, after what it has asked for before: whoever
   * disconnects as soon as it has a message, has it.
   */
  flush(): void {
    const receive = this.#message.surrender();
    if (receive !== undefined) {
      this.#context.failReceive(receive.id, 'flushed');
      this.#receives.release(receive);
    }
    const acknowledges = this.#answer === AETH_KINDS.acknowledge;
    const refuses = this.#answer === AETH_KINDS.negativeAcknowledge && this.#answerValue !== NAK_CODES.sequenceError;
    if (acknowledges || refuses) return;
    this.#setCapacity(0);
    this.#answer = NOTHING;
  }

  /** Forgets everything, and tells nothing. */
  reset(): void {
    const receive = this.#message.surrender();
    if (receive !== undefined) this.#receives.release(receive);
    this.#setCapacity(0);
    this.#answer = NOTHING;
  }

  /** A request has come. */
  handle(packet: IncomingPacket): void {
    const distance = psnDistance(this.#expected, packet.psn);
    if (distance < 0) {
      this.#handleDuplicate(packet);
      return;
    }
    if (distance > 0) {
      this.#handleGap();
      return;
    }
    this.#refused = false;
    const what = (TRAITS[packet.opcode] as number) & WHAT;
    if (what === PACKET.READ) this.#handleRead(packet);
    else if (what === PACKET.ATOMIC) this.#handleAtomic(packet);
    else this.#handleMessage(packet);
  }

  /** Writes the next answer. @returns false if there is none. */
  write(packet: OutgoingPacket): boolean {
    if (this.#pending > 0 && this.#writeResponse(packet)) return true;
    if (this.#answer === NOTHING) return false;
    const { pKey, destinationQpn } = this.#context;
    const acknowledges = this.#answer === AETH_KINDS.acknowledge;
    const psn = acknowledges ? this.#accepted : this.#answerPsn;
    packet.writeBth(ACKNOWLEDGE, pKey, destinationQpn, psn, false, false);
    this.#writeAeth(packet, this.#answer, acknowledges ? this.#creditCode() : this.#answerValue);
    this.#answer = NOTHING;
    return true;
  }

  // ---- requests

  #handleMessage(packet: IncomingPacket): void {
    const outcome = this.#message.handle(packet);
    switch (outcome) {
      case OUTCOME.MORE:
        this.#accept(packet, 1);
        return;
      case OUTCOME.DONE:
        this.#messages += 1;
        this.#accept(packet, 1);
        return;
      case OUTCOME.NOT_READY:
        this.#context.layer.counters.receiverNotReady += 1;
        this.#refuse(AETH_KINDS.receiverNotReady, this.#context.minRnrTimer);
        return;
      case OUTCOME.TOO_LONG:
        this.#failReceive('localLengthError');
        this.#break(NAK_CODES.invalidRequest);
        return;
      case OUTCOME.PROTECTION:
        this.#failReceive('localProtectionError');
        this.#break(NAK_CODES.remoteOperationalError);
        return;
      case OUTCOME.ACCESS:
        this.#break(NAK_CODES.remoteAccessError);
        return;
      default:
        this.#break(NAK_CODES.invalidRequest);
        return;
    }
  }

  #handleRead(packet: IncomingPacket): void {
    const { bytes, headers } = packet;
    const length = RETH.length.get(bytes, headers);
    const packets = packetsOf(length, this.#context.mtu);
    const resource = this.#message.begun || packets >= PSN_WINDOW_MAX ? undefined : this.#freeResource();
    if (resource === undefined) {
      this.#break(NAK_CODES.invalidRequest);
      return;
    }
    const region = accessRemote(this.#context, packet, RETH.rKey.get(bytes, headers), length, ACCESS.remoteRead);
    // Reading nothing needs no key (IBTA 9.7.4.1.5).
    if (region === undefined && length > 0) {
      this.#break(NAK_CODES.remoteAccessError);
      return;
    }
    resource.atomic = false;
    resource.region = region;
    resource.address = remoteAddress(packet);
    resource.length = length;
    this.#take(resource, packet, packets);
  }

  #handleAtomic(packet: IncomingPacket): void {
    const { bytes, headers, opcode } = packet;
    const resource = this.#message.begun ? undefined : this.#freeResource();
    if (resource === undefined || remoteAddress(packet) % ATOMIC_BYTES !== 0) {
      this.#break(NAK_CODES.invalidRequest);
      return;
    }
    const rKey = ATOMIC_ETH.rKey.get(bytes, headers);
    const region = accessRemote(this.#context, packet, rKey, ATOMIC_BYTES, ACCESS.remoteAtomic);
    if (region === undefined) {
      this.#break(NAK_CODES.remoteAccessError);
      return;
    }
    const offset = region.offsetOf(remoteAddress(packet), ATOMIC_BYTES);
    resource.atomic = true;
    resource.region = undefined;
    applyAtomic(region.bytes, offset, opcode === COMPARE_AND_SWAP, bytes, headers, resource);
    this.#take(resource, packet, 1);
  }

  /** A request takes the oldest resource; undefined if that is still needed, or there are none: the peer asks for too much at once. */
  #freeResource(): ResponderResource | undefined {
    if (this.#capacity === 0) return undefined;
    let resource = this.#resources[this.#next];
    if (resource === undefined) {
      resource = new ResponderResource();
      this.#resources[this.#next] = resource;
    }
    if (!resource.pending) return resource;
    if (!resource.again) return undefined;
    // The peer asks for something new: it has had this answer, and the question came twice.
    this.#settle(resource);
    return resource;
  }

  #take(resource: ResponderResource, packet: IncomingPacket, packets: number): void {
    resource.firstPsn = packet.psn;
    resource.packets = packets;
    resource.again = false;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#messages += 1;
    this.#owe(resource, 0, packets);
    // Its responses acknowledge all that was before, and what was to be said of this packet is no longer true.
    this.#answer = NOTHING;
    this.#expected = psnPlus(this.#expected, packets);
    // It follows at a distance, so that it is never taken for one to come.
    if (psnDistance(this.#expected, this.#accepted) < -ACCEPTED_DISTANCE_MAX)
      this.#accepted = psnPlus(this.#expected, -ACCEPTED_DISTANCE_MAX);
  }

  #accept(packet: IncomingPacket, packets: number): void {
    this.#expected = psnPlus(this.#expected, packets);
    this.#accepted = psnPlus(this.#expected, -1);
    // What was to be said of this packet is no longer true.
    if (packet.ackRequest || this.#answer !== NOTHING) this.#say(AETH_KINDS.acknowledge, 0);
  }

  // ---- what is not as it should be

  #handleGap(): void {
    const { counters } = this.#context.layer;
    counters.drops.outOfOrder += 1;
    // It is asked for once: what follows was sent before the peer could know.
    if (this.#refused) return;
    counters.sequenceNaks += 1;
    this.#refuse(AETH_KINDS.negativeAcknowledge, NAK_CODES.sequenceError);
  }

  #handleDuplicate(packet: IncomingPacket): void {
    const { counters } = this.#context.layer;
    const what = (TRAITS[packet.opcode] as number) & WHAT;
    if (what === PACKET.SEND || what === PACKET.WRITE) {
      counters.duplicates += 1;
      // Unless there is something worse to say, which acknowledges the same.
      if (this.#answer === NOTHING) this.#say(AETH_KINDS.acknowledge, 0);
      return;
    }
    const resource = this.#resourceOf(packet.psn);
    const number = resource === undefined ? 0 : psnDistance(resource.firstPsn, packet.psn);
    if (resource === undefined || !this.#isSame(resource, packet, what, number)) {
      counters.drops.duplicate += 1;
      return;
    }
    counters.duplicates += 1;
    const { bytes, headers } = packet;
    const packets = resource.atomic ? 1 : packetsOf(RETH.length.get(bytes, headers), this.#context.mtu);
    if (!resource.pending) resource.again = true;
    this.#owe(resource, number, number + packets);
  }

  /** Whether a duplicate asks for what was asked before, or the rest of it. */
  #isSame(resource: ResponderResource, packet: IncomingPacket, what: number, number: number): boolean {
    if (resource.atomic || what === PACKET.ATOMIC) return resource.atomic && what === PACKET.ATOMIC;
    const offset = number * this.#context.mtu;
    const length = RETH.length.get(packet.bytes, packet.headers);
    return remoteAddress(packet) === resource.address + offset && length <= resource.length - offset;
  }

  #resourceOf(psn: number): ResponderResource | undefined {
    for (const resource of this.#resources) {
      const number = psnDistance(resource.firstPsn, psn);
      if (number >= 0 && number < resource.packets) return resource;
    }
    return undefined;
  }

  /** The packet that is expected cannot be taken now; it will come again. */
  #refuse(kind: number, value: number): void {
    this.#refused = true;
    this.#answerPsn = this.#expected;
    this.#say(kind, value);
  }

  /** What the peer asks cannot be done, and that is the end of the connection (IBTA 9.9.3). */
  #break(code: number): void {
    this.#answerPsn = this.#expected;
    this.#say(AETH_KINDS.negativeAcknowledge, code);
    const { queuePair } = this.#context;
    queuePair.broken();
    if (code === NAK_CODES.invalidRequest) this.#context.tell('queuePairRequestError');
    else if (code === NAK_CODES.remoteAccessError) this.#context.tell('queuePairAccessError');
  }

  #failReceive(status: 'localLengthError' | 'localProtectionError'): void {
    const receive = this.#message.surrender();
    if (receive === undefined) return;
    this.#context.failReceive(receive.id, status);
    this.#receives.release(receive);
  }

  // ---- answers

  #say(kind: number, value: number): void {
    this.#answer = kind;
    this.#answerValue = value;
    this.#context.schedule();
  }

  #owe(resource: ResponderResource, begin: number, end: number): void {
    if (!resource.pending) this.#pending += 1;
    resource.begin = begin;
    resource.next = begin;
    resource.end = end;
    this.#context.schedule();
  }

  /** A resource owes nothing any more. */
  #settle(resource: ResponderResource): void {
    if (resource.pending) this.#pending -= 1;
    resource.next = resource.end;
  }

  #writeResponse(packet: OutgoingPacket): boolean {
    for (let i = 0; i < this.#capacity; i += 1) {
      // From the oldest on.
      const resource = this.#resources[(this.#next + i) % this.#capacity];
      if (resource?.pending !== true) continue;
      if (resource.atomic) this.#writeAtomicAcknowledge(packet, resource);
      else if (!this.#writeReadResponse(packet, resource)) return false;
      resource.next += 1;
      if (resource.next === resource.end) this.#pending -= 1;
      return true;
    }
    return false;
  }

  #writeAtomicAcknowledge(packet: OutgoingPacket, resource: ResponderResource): void {
    const { pKey, destinationQpn } = this.#context;
    packet.writeBth(ATOMIC_ACKNOWLEDGE, pKey, destinationQpn, resource.firstPsn, false, false);
    this.#writeAeth(packet, AETH_KINDS.acknowledge, this.#creditCode());
    const at = packet.header(ATOMIC_ACK_ETH_BYTES);
    ATOMIC_ACK_ETH.original.high.put(packet.bytes, at, resource.originalHigh);
    ATOMIC_ACK_ETH.original.low.put(packet.bytes, at, resource.originalLow);
  }

  /** @returns false if the memory is not there any more: then that is the answer. */
  #writeReadResponse(packet: OutgoingPacket, resource: ResponderResource): boolean {
    const { pKey, destinationQpn, mtu } = this.#context;
    const { next, region } = resource;
    const first = next === resource.begin;
    const last = next === resource.end - 1;
    const offset = next * mtu;
    const length = Math.min(mtu, resource.length - offset);
    const psn = psnPlus(resource.firstPsn, next);
    const from = region === undefined ? NOTHING : region.offsetOf(resource.address + offset, length);
    if (from < 0 && length > 0) {
      this.#setCapacity(0);
      this.#break(NAK_CODES.remoteAccessError);
      this.#answerPsn = psn;
      return false;
    }
    const opcode = first
      ? last
        ? READ_RESPONSE.only
        : READ_RESPONSE.first
      : last
        ? READ_RESPONSE.last
        : READ_RESPONSE.middle;
    packet.writeBth(opcode, pKey, destinationQpn, psn, false, false);
    if (first || last) this.#writeAeth(packet, AETH_KINDS.acknowledge, this.#creditCode());
    if (region !== undefined) copyBytes(region.bytes, from, packet.bytes, packet.end, length);
    packet.finishPayload(length);
    return true;
  }

  #writeAeth(packet: OutgoingPacket, kind: number, value: number): void {
    const at = packet.header(AETH_BYTES);
    // The kind and the value do not fill their byte.
    packet.bytes[at] = 0;
    AETH.kind.put(packet.bytes, at, kind);
    AETH.value.put(packet.bytes, at, value);
    AETH.msn.put(packet.bytes, at, this.#messages);
  }

  #creditCode(): number {
    return this.#credits === undefined ? CREDITS_UNLIMITED : creditCodeOf(this.#credits.size);
  }

  #setCapacity(capacity: number): void {
    this.#capacity = capacity;
    this.#resources.length = 0;
    this.#next = 0;
    this.#pending = 0;
  }
}
