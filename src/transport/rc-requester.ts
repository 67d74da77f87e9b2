import { after, type Instant, NEVER } from '../base/index.js';
import {
  AETH,
  AETH_BYTES,
  AETH_KINDS,
  creditsOfCode,
  durationOfRnrTimer,
  NAK_CODES,
  PSN_WINDOW_MAX,
  psnDistance,
  psnPlus,
} from '../wire/index.js';
import { ATOMIC_BYTES, readOriginal } from './atomic.js';
import type { CompletionStatus } from './completion-queue.js';
import type { QueuePairContext } from './context.js';
import { packetsOf, writeAtomicRequest, writeMessagePacket, writeReadRequest } from './message-packets.js';
import type { IncomingPacket, OutgoingPacket } from './packet.js';
import { PACKET, TRAITS, WHAT } from './packet-codes.js';
import { KIND, type SendEntry, type SendQueue } from './send-queue.js';

/** As a number of retries for want of a receive: for ever (IBTA 9.7.6.1.4). */
const RNR_FOREVER = 7;
const NO_PSN = -1;

const STATUS_OF_NAK: Readonly<Record<number, CompletionStatus>> = {
  [NAK_CODES.invalidRequest]: 'remoteInvalidRequest',
  [NAK_CODES.remoteAccessError]: 'remoteAccessError',
  [NAK_CODES.remoteOperationalError]: 'remoteOperationalError',
};

/**
 * The requester of a reliable connection (IBTA 9.7): sends what is posted, at most a window of packets ahead of their acknowledgements, and goes back to the
 * oldest that is not acknowledged when one is lost.
 *
 * A long read is asked for in segments of half a window, each a request of its own: so responses do not overrun the receiver, and a window limits them as it does requests.
 * @internal
 */
export class RcRequester {
  readonly #context: QueuePairContext;
  readonly #queue: SendQueue;
  readonly #window: number;
  readonly #segment: number;
  /** The oldest PSN that is not acknowledged, the one after the last that was ever sent, and the next to be given to a request. */
  #unacked = 0;
  #sentEnd = 0;
  #fresh = 0;
  /** Which packet of the request at the cursor is next. */
  #packet = 0;
  /** Reads (segments) and atomics that were sent, since it last went back, and not answered. */
  #readsInFlight = 0;
  /** Reads and atomics that were begun and are not done. */
  #readsOpen = 0;
  #retries = 0;
  #rnrRetries = 0;
  /** Where it went back to last without progress since: what was sent before that may still cause complaints about it. */
  #recovering = NO_PSN;
  /** Scratch: what an atomic has found. */
  readonly #original = new Uint8Array(ATOMIC_BYTES);
  /** The local ACK timeout, or the end of a wait for the peer's receives. */
  #deadline: Instant = NEVER;
  #waiting = false;
  /** Packets since the last that asked for an acknowledgement. */
  #unrequested = 0;
  /** Messages that take a receive: begun, acknowledged, and how many may be begun by the peer's credits. */
  #takersBegun = 0;
  #takersAcked = 0;
  #takersAllowed = Number.POSITIVE_INFINITY;

  constructor(context: QueuePairContext, queue: SendQueue) {
    this.#context = context;
    this.#queue = queue;
    this.#window = context.layer.limits.maxUnackedPackets;
    this.#segment = this.#window >> 1;
  }

  /** The queue pair is ready to send. */
  start(): void {
    const { sendPsn, retryCount, rnrRetryCount } = this.#context;
    this.#unacked = sendPsn;
    this.#sentEnd = sendPsn;
    this.#fresh = sendPsn;
    this.#packet = 0;
    this.#readsInFlight = 0;
    this.#readsOpen = 0;
    this.#retries = retryCount;
    this.#rnrRetries = rnrRetryCount;
    this.#recovering = NO_PSN;
    this.#unrequested = 0;
    this.#takersBegun = 0;
    this.#takersAcked = 0;
    this.#takersAllowed = Number.POSITIVE_INFINITY;
    this.stop();
  }

  /** It waits for nothing any more. */
  stop(): void {
    this.#waiting = false;
    this.#setDeadline(NEVER);
  }

  /** Whether all that was begun is done. */
  get drained(): boolean {
    return this.#queue.head === this.#queue.begun;
  }

  /** Writes the next packet. @returns false if there is none to be sent now. */
  write(packet: OutgoingPacket): boolean {
    const queue = this.#queue;
    if (this.#waiting || queue.cursor === queue.tail) return false;
    const { state } = this.#context;
    if (state !== 'RTS' && state !== 'SQD') return false;
    const entry = queue.at(queue.cursor);
    if (this.#packet === 0 && this.#exceedsCredits(entry, queue.cursor)) return this.#askAgain(packet);
    if (queue.cursor === queue.begun && !this.#begin(entry)) return this.#askAgain(packet);
    if (entry.kind < KIND.READ) return this.#writeMessage(packet, entry);
    if (this.#readsInFlight >= this.#context.initiatorDepth) return false;
    return entry.kind === KIND.READ ? this.#writeRead(packet, entry) : this.#writeAtomic(packet, entry);
  }

  /** An acknowledgement or a response has come. */
  handle(packet: IncomingPacket): void {
    const { psn } = packet;
    const ahead = psnDistance(this.#unacked, psn);
    // The last acknowledgement may come again, with news of credits.
    if (ahead < -1 || psnDistance(this.#sentEnd, psn) >= 0) {
      this.#dropUnexpected();
      return;
    }
    const what = (TRAITS[packet.opcode] as number) & WHAT;
    if (what !== PACKET.ACKNOWLEDGE) {
      this.#handleResponse(packet, what, ahead);
      return;
    }
    const kind = AETH.kind.get(packet.bytes, packet.headers);
    const value = AETH.value.get(packet.bytes, packet.headers);
    if (kind === AETH_KINDS.acknowledge) this.#handleAcknowledge(psn, value);
    else if (ahead < 0) this.#dropUnexpected();
    else if (kind === AETH_KINDS.receiverNotReady) this.#handleNotReady(psn, value);
    else if (kind === AETH_KINDS.negativeAcknowledge) this.#handleNak(psn, value);
    else this.#dropUnexpected();
  }

  handleTimeout(now: Instant): void {
    if (now < this.#deadline) {
      this.#setDeadline(this.#deadline);
      return;
    }
    this.#deadline = NEVER;
    if (this.#waiting) {
      this.#waiting = false;
      this.#context.schedule();
      if (this.#unacked !== this.#sentEnd) this.#await();
      return;
    }
    if (this.#unacked === this.#sentEnd) return;
    this.#context.layer.counters.timeouts += 1;
    this.#recovering = NO_PSN;
    this.#retry();
  }

  // ---- sending

  /** Gives a request its PSNs. @returns false if it must wait, or has failed. */
  #begin(entry: SendEntry): boolean {
    const queue = this.#queue;
    const { state, mtu, initiatorDepth, layer, domain } = this.#context;
    const alone = queue.head === queue.cursor;
    if (state === 'SQD') return false;
    if (entry.fence && this.#readsOpen > 0) return false;
    const wrong = this.#wrongWith(entry, initiatorDepth, entry.resolve(layer.memory, domain));
    if (wrong !== undefined) {
      // Those before it are done first, and well (IBTA 10.8.3.1).
      if (alone) this.#fail(entry, wrong);
      return false;
    }
    const packets = entry.kind > KIND.READ ? 1 : packetsOf(entry.length, mtu);
    if (!alone && psnDistance(this.#unacked, this.#fresh) + packets >= PSN_WINDOW_MAX) return false;
    entry.firstPsn = this.#fresh;
    entry.packets = packets;
    entry.received = 0;
    this.#fresh = psnPlus(this.#fresh, packets);
    if (entry.takesReceive) this.#takersBegun += 1;
    entry.ordinal = this.#takersBegun;
    if (entry.kind >= KIND.READ) this.#readsOpen += 1;
    queue.begun += 1;
    return true;
  }

  #wrongWith(entry: SendEntry, initiatorDepth: number, resolved: boolean): CompletionStatus | undefined {
    if (!resolved) return 'localProtectionError';
    if (entry.kind < KIND.READ) return undefined;
    if (initiatorDepth === 0) return 'localQueuePairOperationError';
    return entry.kind > KIND.READ && entry.length !== ATOMIC_BYTES ? 'localLengthError' : undefined;
  }

  #writeMessage(packet: OutgoingPacket, entry: SendEntry): boolean {
    const psn = psnPlus(entry.firstPsn, this.#packet);
    const ahead = psnDistance(this.#unacked, psn);
    if (ahead >= this.#window) return false;
    const ends = this.#packet === entry.packets - 1;
    const ackRequest = this.#wantsAcknowledgement(ends, ahead);
    if (!writeMessagePacket(packet, this.#context, entry, this.#packet, ackRequest)) {
      this.#failMidway(entry);
      return false;
    }
    this.#unrequested = ackRequest ? 0 : this.#unrequested + 1;
    this.#sent(psn, 1);
    this.#advance(entry, this.#packet + 1);
    return true;
  }

  /** What was sent last did not ask for an acknowledgement, because more was to follow, and that must wait now: it is sent again, and asks. */
  #askAgain(packet: OutgoingPacket): boolean {
    const queue = this.#queue;
    if (this.#unrequested === 0 || queue.cursor === queue.head) return false;
    const last = queue.at(queue.cursor - 1);
    this.#unrequested = 0;
    this.#context.layer.counters.retransmitted += 1;
    return writeMessagePacket(packet, this.#context, last, last.packets - 1, true);
  }

  /** Acknowledgements are asked for where nothing follows at once, and often enough that the window moves on. */
  #wantsAcknowledgement(ends: boolean, ahead: number): boolean {
    const queue = this.#queue;
    if (this.#unrequested >= this.#window >> 2 || ahead === this.#window - 1) return true;
    if (!ends) return false;
    if (queue.cursor + 1 === queue.tail) return true;
    const next = queue.at(queue.cursor + 1);
    return next.kind >= KIND.READ || next.fence || this.#exceedsCredits(next, queue.cursor + 1);
  }

  /** Whether a request, the one at `index` of the queue, must wait for the peer's receives. The oldest may always be tried. */
  #exceedsCredits({ takesReceive, ordinal }: SendEntry, index: number): boolean {
    if (!takesReceive || index === this.#queue.head) return false;
    return (index < this.#queue.begun ? ordinal : this.#takersBegun + 1) > this.#takersAllowed;
  }

  #writeRead(packet: OutgoingPacket, entry: SendEntry): boolean {
    const begin = this.#packet;
    const end = Math.min(entry.packets, (Math.floor(begin / this.#segment) + 1) * this.#segment);
    const psn = psnPlus(entry.firstPsn, begin);
    if (psnDistance(this.#unacked, psn) + (end - begin) > this.#window && psn !== this.#unacked) return false;
    writeReadRequest(packet, this.#context, entry, begin, end);
    this.#readsInFlight += 1;
    this.#unrequested = 0;
    this.#sent(psn, end - begin);
    this.#advance(entry, end);
    return true;
  }

  #writeAtomic(packet: OutgoingPacket, entry: SendEntry): boolean {
    const psn = entry.firstPsn;
    if (psnDistance(this.#unacked, psn) >= this.#window) return false;
    writeAtomicRequest(packet, this.#context, entry);
    this.#readsInFlight += 1;
    this.#unrequested = 0;
    this.#sent(psn, 1);
    this.#advance(entry, 1);
    return true;
  }

  #sent(psn: number, count: number): void {
    const end = psnPlus(psn, count);
    if (psnDistance(this.#sentEnd, end) > 0) this.#sentEnd = end;
    else this.#context.layer.counters.retransmitted += 1;
    if (this.#deadline === NEVER) this.#await();
  }

  #advance(entry: SendEntry, packet: number): void {
    this.#packet = packet;
    if (packet < entry.packets) return;
    this.#queue.cursor += 1;
    this.#packet = 0;
  }

  // ---- answers

  #handleAcknowledge(psn: number, credits: number): void {
    const moved = psnDistance(this.#unacked, psn) >= 0;
    if (moved && !this.#acknowledge(psnPlus(psn, 1))) {
      this.#recover();
      return;
    }
    this.#takersAllowed = this.#takersTaken() + creditsOfCode(credits);
    if (moved) this.#progress();
    else this.#context.schedule();
  }

  /** Messages whose receives were taken when the peer has acknowledged what it has. */
  #takersTaken(): number {
    const queue = this.#queue;
    if (queue.head === queue.begun) return this.#takersAcked;
    const head = queue.at(queue.head);
    return head.takesReceive && head.firstPsn !== this.#unacked ? head.ordinal : this.#takersAcked;
  }

  #handleNotReady(psn: number, timer: number): void {
    if (!this.#acknowledge(psn)) {
      this.#recover();
      return;
    }
    if (this.#waiting) return;
    const { layer, rnrRetryCount } = this.#context;
    if (this.#rnrRetries === 0) {
      this.#fail(this.#queue.at(this.#queue.head), 'rnrRetryExceeded');
      return;
    }
    if (rnrRetryCount !== RNR_FOREVER) this.#rnrRetries -= 1;
    this.#goBack();
    // The first is sent alone then: its acknowledgement says how many may follow.
    this.#takersAllowed = this.#takersTaken();
    this.#waiting = true;
    this.#setDeadline(after(layer.now, durationOfRnrTimer(timer)));
  }

  #handleNak(psn: number, code: number): void {
    if (!this.#acknowledge(psn)) {
      this.#recover();
      return;
    }
    const status = STATUS_OF_NAK[code];
    if (status !== undefined) this.#fail(this.#queue.at(this.#queue.head), status);
    else if (code === NAK_CODES.sequenceError) this.#recover();
    else this.#dropUnexpected();
  }

  #handleResponse(packet: IncomingPacket, what: number, ahead: number): void {
    if (ahead < 0) {
      this.#dropUnexpected();
      return;
    }
    const { psn } = packet;
    const queue = this.#queue;
    // A response acknowledges all that was before it (IBTA 9.7.5.1.2).
    if (!this.#acknowledge(psn)) {
      this.#recover();
      return;
    }
    const entry = queue.at(queue.head);
    const fits =
      entry.kind === KIND.READ
        ? what === PACKET.READ_RESPONSE
        : entry.kind > KIND.READ && what === PACKET.ATOMIC_ACKNOWLEDGE;
    if (!fits) {
      this.#fail(entry, 'badResponse');
      return;
    }
    const { mtu } = this.#context;
    const number = entry.received;
    if (what === PACKET.READ_RESPONSE) {
      const length = number === entry.packets - 1 ? entry.length - number * mtu : mtu;
      if (packet.payloadLength !== length) {
        this.#fail(entry, 'badResponse');
        return;
      }
      if (!entry.scatter(number * mtu, packet.bytes, packet.payload, length)) {
        this.#fail(entry, 'localProtectionError');
        return;
      }
    } else if (
      !entry.scatter(0, readOriginal(packet.bytes, packet.headers + AETH_BYTES, this.#original), 0, ATOMIC_BYTES)
    ) {
      this.#fail(entry, 'localProtectionError');
      return;
    }
    entry.received = number + 1;
    const done = entry.received === entry.packets;
    // Late responses to what it went back to were not counted again.
    const requested = queue.cursor > queue.head || this.#packet >= entry.received;
    if (requested && (done || entry.received % this.#segment === 0)) this.#readsInFlight -= 1;
    this.#moveTo(psnPlus(psn, 1));
    if (done) this.#complete(entry);
    this.#progress();
  }

  /** Everything before `end` has arrived. @returns false if responses to it are missing: they were lost. */
  #acknowledge(end: number): boolean {
    const queue = this.#queue;
    while (queue.head < queue.begun) {
      const entry = queue.at(queue.head);
      const arrived = psnDistance(entry.firstPsn, end);
      if (arrived <= 0) return true;
      if (entry.kind >= KIND.READ) return arrived <= entry.received;
      const unacked = psnPlus(entry.firstPsn, Math.min(arrived, entry.packets));
      if (psnDistance(this.#unacked, unacked) > 0) this.#moveTo(unacked);
      if (arrived < entry.packets) return true;
      this.#complete(entry);
    }
    return true;
  }

  /** The oldest PSN that is not acknowledged is another: patience begins anew. */
  #moveTo(unacked: number): void {
    this.#unacked = unacked;
    this.#retries = this.#context.retryCount;
    this.#rnrRetries = this.#context.rnrRetryCount;
    this.#recovering = NO_PSN;
  }

  #complete(entry: SendEntry): void {
    const queue = this.#queue;
    if (entry.kind >= KIND.READ) this.#readsOpen -= 1;
    else if (entry.takesReceive) this.#takersAcked = entry.ordinal;
    if (entry.signalled) this.#context.completeSend(entry.id, 'success', entry.opcode, entry.length);
    entry.clear();
    queue.head += 1;
    if (queue.cursor >= queue.head) return;
    // It went back, and what it would have sent again has arrived.
    queue.cursor = queue.head;
    this.#packet = 0;
  }

  /** Something was acknowledged, and nothing is wrong. */
  #progress(): void {
    const context = this.#context;
    const queue = this.#queue;
    // After going back, what has arrived need not be sent again.
    if (queue.cursor === queue.head && queue.head < queue.begun) {
      const arrived = psnDistance(queue.at(queue.head).firstPsn, this.#unacked);
      if (arrived > this.#packet) this.#packet = arrived;
    }
    context.schedule();
    if (this.#waiting) return;
    if (this.#unacked === this.#sentEnd) this.#setDeadline(NEVER);
    else this.#await();
    if (context.state === 'SQD' && this.drained) context.tell('sendQueueDrained');
  }

  // ---- losses

  /** Something was lost, as the peer's answer shows: goes back, but once for each loss. */
  #recover(): void {
    if (this.#recovering === this.#unacked || this.#waiting) return;
    this.#recovering = this.#unacked;
    this.#retry();
  }

  #retry(): void {
    if (this.#retries === 0) {
      this.#fail(this.#queue.at(this.#queue.head), 'retryExceeded');
      return;
    }
    this.#retries -= 1;
    this.#goBack();
    this.#await();
  }

  /** The next packet is the oldest that is not acknowledged. */
  #goBack(): void {
    const queue = this.#queue;
    queue.cursor = queue.head;
    this.#packet = queue.head < queue.begun ? psnDistance(queue.at(queue.head).firstPsn, this.#unacked) : 0;
    this.#readsInFlight = 0;
    this.#unrequested = 0;
    this.#context.schedule();
  }

  /** The memory of a request went away while it was sent: what was sent before is not waited for. */
  #failMidway(entry: SendEntry): void {
    const queue = this.#queue;
    for (; queue.head < queue.cursor; queue.head += 1) {
      const before = queue.at(queue.head);
      this.#context.completeSend(before.id, 'flushed', before.opcode, 0);
      before.clear();
    }
    this.#fail(entry, 'localProtectionError');
  }

  /** A request ends the connection (IBTA 9.9.2). */
  #fail(entry: SendEntry, status: CompletionStatus): void {
    this.#context.completeSend(entry.id, status, entry.opcode, 0);
    entry.clear();
    this.#queue.head += 1;
    this.#context.queuePair.sendFailed();
  }

  // ---- time

  #await(): void {
    const { layer, ackTimeout } = this.#context;
    this.#setDeadline(after(layer.now, ackTimeout));
  }

  #setDeadline(deadline: Instant): void {
    const { layer, slot } = this.#context;
    this.#deadline = deadline;
    if (deadline === NEVER) layer.sleep(slot);
    else layer.wakeAt(slot, deadline);
  }

  #dropUnexpected(): void {
    this.#context.layer.counters.drops.unexpected += 1;
  }
}
