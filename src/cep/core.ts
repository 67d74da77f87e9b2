import {
  after,
  assert,
  type CaGuid,
  type Duration,
  durationOfExponent,
  elapsed,
  gidAt,
  gidEquals,
  type Instant,
  NEVER,
  type Random,
  randomBits,
  type TimeExponent,
  TimerWheel,
} from '../base/index.js';
import { ATTRIBUTE_ID, MAD_BYTES, MAD_HEADER, MESSAGE_NUMBER, messageNumberOf, REJ } from '../wire/index.js';
import { Backlogs } from './backlog.js';
import { CepStore } from './cep-store.js';
import { CidSlots } from './cid-slot.js';
import { forgetAlternate, forgetProposal } from './connection-paths.js';
import { Counters, countReject, type DropReason, increment } from './counters.js';
import { CepError } from './error.js';
import { CAUSE, type CauseNumber, type EventNumber, EventPool } from './event-queue.js';
import { Identities } from './identities.js';
import {
  type CepLimits,
  MAX_EVENTS_PER_CEP,
  MAX_MRA_EXTENSION,
  MAX_UNBOUND_WAIT,
  MAX_UNREAD_EVENTS,
  PATHS_PER_CEP,
  RATE_BUCKETS,
  SPARE_MADS,
} from './limits.js';
import { ListenMap } from './listen-map.js';
import { MadPool } from './mad-pool.js';
import { OwnerTable } from './owner-table.js';
import { type PathAddress, PathTable } from './path-table.js';
import { PeerRequests } from './peer-requests.js';
import { RateLimit } from './rate-limit.js';
import { beginningOf, type Cep, type CepCursor, FLAGS, WORD_RANGE } from './record.js';
import { STATE, STATES, type State } from './states.js';
import { deadlineOf, retryDelay, type TimingPolicy, TimingTable } from './timing.js';
import { TransmitQueue } from './transmit-queue.js';

const { transactionId } = MAD_HEADER;

/** By number, whether a state is among these. */
const among = (states: readonly State[]): readonly boolean[] => STATES.map((state) => states.includes(state));

/** The states in which a deadline may run: the others wait for the consumer, or for nothing. */
export const AWAITS_ANSWER = among([
  'REQ_SENT',
  'REQ_MRA_RCVD',
  'REP_SENT',
  'REP_MRA_RCVD',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'DREQ_SENT',
  'SIDR_REQ_SENT',
]);

/** The states in which a message is formatted and not yet sent. */
const PREPARED = among([
  'REQ_PREPARED',
  'REP_PREPARED',
  'REP_PREPARED_MRA_SENT',
  'APR_PREPARED',
  'APR_PREPARED_MRA_SENT',
]);

/** A received MAD and where it came from, while it is being handled. */
export interface Incoming {
  readonly bytes: Uint8Array;
  readonly at: number;
  /** As a path back to the sender. */
  readonly from: PathAddress;
}

/**
 * What the manager is made of, and the steps that handlers are written in. A handler runs within one input: nothing else
 * happens meanwhile, and it does not call back into anything above (the manager's lock is the turn).
 */
export class CepCore {
  readonly limits: CepLimits;
  readonly caGuid: { readonly high: number; readonly low: number };
  readonly random: Random;
  readonly store: CepStore;
  readonly owners: OwnerTable;
  readonly paths: PathTable;
  readonly identities: Identities;
  readonly backlogs: Backlogs;
  readonly mads: MadPool;
  readonly events: EventPool;
  readonly transmits: TransmitQueue;
  readonly timings = new TimingTable();
  readonly listens = new ListenMap();
  readonly peerRequests = new PeerRequests();
  readonly cidSlots = new CidSlots();
  /** How often answers go to those who have no CEP here, by whom they go to. */
  readonly strayAnswers: RateLimit;
  /** How often new requests are looked at, by whom they come from. */
  readonly newRequests: RateLimit;
  readonly counters = new Counters();
  /** Timer `slot` is the CEP's one timer, timer `maxCeps + slot` its deadline. */
  readonly timers: TimerWheel;
  /** The moment of the input that is being handled. */
  now = 0 as Instant;
  /** The MAD that is being handled; undefined during calls and time-outs. */
  incoming: Incoming | undefined;
  /** Cursors for a CEP other than the one that an input is for. */
  readonly other: CepCursor;
  readonly #gids: readonly Uint8Array[];
  readonly #transactionHigh: number;
  #transactionLow: number;

  constructor(caGuid: CaGuid, random: Random, limits: CepLimits, gids: readonly Uint8Array[]) {
    this.#gids = gids.map((gid) => gidAt(gid));
    const { maxCeps, maxMads, maxTransmits } = limits;
    this.limits = limits;
    this.caGuid = { high: Number(caGuid >> 32n), low: Number(caGuid & 0xffff_ffffn) };
    this.random = random;
    this.store = new CepStore(maxCeps, random);
    this.owners = new OwnerTable(this.store);
    // A CEP has up to three paths, and a message that waits to be sent may have another.
    this.paths = new PathTable(PATHS_PER_CEP * maxCeps + maxTransmits + 1, random);
    this.identities = new Identities(this.store, this.paths, maxCeps, random);
    this.backlogs = new Backlogs(this.store);
    this.mads = new MadPool(maxMads);
    this.events = new EventPool(maxCeps * MAX_EVENTS_PER_CEP);
    this.transmits = new TransmitQueue(maxTransmits);
    this.timers = new TimerWheel(2 * maxCeps + 1);
    this.strayAnswers = new RateLimit(limits.maxStrayAnswersPerSecond, RATE_BUCKETS, random);
    this.newRequests = new RateLimit(limits.maxRequestsPerSecond, RATE_BUCKETS, random);
    this.other = this.store.cursor();
    this.#transactionHigh = randomBits(random, 32);
    this.#transactionLow = randomBits(random, 32);
  }

  // ---- states

  /** Enters a state, by its number ({@link STATE}). Whatever the state does not need (timer, keys, kept message) is given up here, in one place. */
  enter(cep: Cep, state: number): void {
    if (cep.state <= STATE.REQ_PREPARED) this.#begin(cep);
    else if (state === STATE.ESTABLISHED && cep.state < state) this.counters.establishing.count(this.#since(cep));
    cep.state = state;
    this.timers.cancel(cep.slot);
    if (AWAITS_ANSWER[state] === false) this.cancelDeadline(cep);
    if (cep.preparedMad !== 0 && PREPARED[state] === false) this.prepare(cep, 0);
    if (state === STATE.TIMEWAIT) this.#beginTimewait(cep);
    else if (state === STATE.IDLE) this.#reset(cep);
  }

  stateOf(cep: Cep): State {
    return STATES[cep.state] as State;
  }

  #begin(cep: Cep): void {
    cep.beganHigh = Math.floor(this.now / WORD_RANGE);
    cep.beganLow = this.now % WORD_RANGE;
  }

  /** How long ago the CEP began what it is doing. */
  #since(cep: Cep): Duration {
    return elapsed(beginningOf(cep), this.now);
  }

  /** A peer-to-peer request that has been answered, or given up. */
  endPeerRequest(cep: Cep): void {
    if ((cep.flags & FLAGS.peerToPeer) === 0) return;
    this.peerRequests.remove(cep.serviceHigh, cep.serviceLow, cep.slot);
    cep.flags &= ~FLAGS.peerToPeer;
  }

  /** The peer may use its QPN again from now on; ours, and its comm ID, rest until timewait is over. */
  #beginTimewait(cep: Cep): void {
    this.keep(cep, 0);
    this.endPeerRequest(cep);
    this.backlogs.leave(cep);
    this.identities.forgetRemoteQpn(cep);
    this.armWait(cep, this.#timewait(cep));
    if (cep.flags & FLAGS.unbound) this.limitUnbound(cep);
  }

  /** 2 × packet life + the peer's ACK delay: after it, nothing of the connection is on its way any more (IBTA 12.9.8.4). */
  #timewait(cep: Cep): Duration {
    return (2 * durationOfExponent(cep.packetLife as TimeExponent) +
      durationOfExponent(cep.remoteAckDelay as TimeExponent)) as Duration;
  }

  /** Nothing is left of the connection. An unbound CEP ceases to exist. */
  #reset(cep: Cep): void {
    this.keep(cep, 0);
    this.endPeerRequest(cep);
    this.backlogs.leave(cep);
    this.identities.forget(cep);
    forgetProposal(this, cep);
    forgetAlternate(this, cep);
    if (cep.path !== 0) this.paths.drop(cep.path);
    this.timings.drop(cep.timing);
    cep.flags &= FLAGS.unbound | FLAGS.slotHeld;
    cep.path = 0;
    cep.timing = 0;
    cep.localCommId = 0;
    cep.remoteAckDelay = 0;
    if (cep.flags & FLAGS.unbound) this.store.release(cep.slot);
  }

  // ---- paths

  /** The port that has the GID at `offset`; the other one if none has. */
  portOf(bytes: Uint8Array, offset: number, otherwise: number): number {
    const index = this.#gids.findIndex((gid) => gidEquals(gid, 0, bytes, offset));
    return index < 0 ? otherwise : index + 1;
  }

  // ---- timers

  policyOf(cep: Cep): TimingPolicy | undefined {
    return this.timings.get(cep.timing);
  }

  /** Notes the policy of the wait that is to begin later. */
  holdTiming(cep: Cep, policy: TimingPolicy | undefined): void {
    // Mostly it is the one that the CEP has.
    if (policy === this.timings.get(cep.timing)) return;
    const timing = this.timings.hold(policy);
    this.timings.drop(cep.timing);
    cep.timing = timing;
  }

  /** Begins waiting for an answer: the timer for the first transmission, and the deadline if the consumer gave one. */
  beginWait(cep: Cep, policy: TimingPolicy | undefined): void {
    this.holdTiming(cep, policy);
    cep.retries = 0;
    cep.mraExtension = 0;
    this.armRetry(cep);
    this.cancelDeadline(cep);
    const deadline = deadlineOf(policy, this.now);
    if (deadline !== NEVER) this.timers.arm(this.limits.maxCeps + cep.slot, deadline);
  }

  cancelDeadline(cep: Cep): void {
    this.timers.cancel(this.limits.maxCeps + cep.slot);
  }

  /** The next retry: 2 × packet life + response time (IBTA 12.9.8.5), or what the policy says. */
  armRetry(cep: Cep): void {
    const policy = this.policyOf(cep);
    this.armWait(cep, policy === undefined ? this.#responseTime(cep) : retryDelay(policy, cep.retries, this.random));
  }

  armWait(cep: Cep, wait: Duration): void {
    this.timers.arm(cep.slot, after(this.now, wait));
  }

  /** The peer needs longer (MRA): the present wait ends `wait` from now. What MRAs add to the waits for one answer is limited. */
  lengthenWait(cep: Cep, state: number, wait: Duration): void {
    const end = this.timers.deadline(cep.slot);
    const latest = end + MAX_MRA_EXTENSION - cep.mraExtension;
    const lengthened = Math.min(after(this.now, wait), latest) as Instant;
    cep.mraExtension += Math.ceil(Math.max(0, lengthened - end));
    this.enter(cep, state);
    this.timers.arm(cep.slot, lengthened);
  }

  /** Nobody is there to tell an unbound CEP to stop: whatever its peer said, its disconnecting and its timewait end. */
  limitUnbound(cep: Cep): void {
    const timer = cep.state === STATE.TIMEWAIT ? cep.slot : this.limits.maxCeps + cep.slot;
    const latest = after(this.now, MAX_UNBOUND_WAIT);
    if (this.timers.deadline(timer) > latest) this.timers.arm(timer, latest);
  }

  #responseTime(cep: Cep): Duration {
    return (2 * durationOfExponent(cep.packetLife as TimeExponent) +
      durationOfExponent(cep.responseTimeout as TimeExponent)) as Duration;
  }

  retriesOf(cep: Cep): number {
    return this.policyOf(cep)?.retries ?? cep.maxRetries;
  }

  // ---- messages

  /** A buffer with what a message begins as; the handler fills it in at {@link at}. Buffer 0 if none is left. */
  compose(beginning: Uint8Array): number {
    const mad = this.mads.take();
    this.mads.bytes.set(beginning, this.mads.offset(mad));
    return mad;
  }

  at(mad: number): number {
    return this.mads.offset(mad);
  }

  newTransaction(cep: Cep): void {
    this.#transactionLow = (this.#transactionLow + 1) >>> 0;
    cep.transactionHigh = this.#transactionHigh;
    cep.transactionLow = this.#transactionLow;
  }

  /** Takes over the transaction of the message being handled: the answer repeats it. */
  adoptTransaction(cep: Cep, { bytes, at }: Incoming): void {
    cep.transactionHigh = transactionId.high.get(bytes, at);
    cep.transactionLow = transactionId.low.get(bytes, at);
  }

  putTransaction(mad: number, high: number, low: number): void {
    transactionId.high.put(this.mads.bytes, this.at(mad), high);
    transactionId.low.put(this.mads.bytes, this.at(mad), low);
  }

  /** Queues a message of a CEP, and gives up the composer's hold on it: whoever needs it longer keeps it first. */
  transmit(cep: Cep, mad: number): void {
    this.putTransaction(mad, cep.transactionHigh, cep.transactionLow);
    this.paths.share(cep.path);
    this.#queue(mad, cep.path);
  }

  /** Queues an answer that belongs to no CEP, in the transaction and on the path of what it answers. */
  transmitStateless(mad: number, incoming: Incoming): void {
    const { bytes, at, from } = incoming;
    if (!this.strayAnswers.take(from.remoteGid, this.now)) {
      this.drop('answersLimited');
      this.mads.drop(mad);
      return;
    }
    this.putTransaction(mad, transactionId.high.get(bytes, at), transactionId.low.get(bytes, at));
    this.#queue(mad, this.paths.hold(from));
  }

  #queue(mad: number, path: number): void {
    if (mad === 0 || this.transmits.isFull) {
      this.drop(mad === 0 ? 'noBuffers' : 'transmitQueueFull');
      this.mads.drop(mad);
      this.paths.drop(path);
      return;
    }
    const message = this.messageOf(mad);
    increment(this.counters.messages.sent, message);
    if (message === MESSAGE_NUMBER.REJ) {
      countReject(this.counters.rejects.sent, REJ.fields.reason.get(this.mads.bytes, this.at(mad)));
    }
    this.transmits.push(mad, path);
  }

  /** Which message is in a buffer: its place in `MESSAGE_NAMES`. */
  messageOf(mad: number): number {
    return messageNumberOf(ATTRIBUTE_ID.get(this.mads.bytes, this.at(mad)));
  }

  /** Keeps a message to send again, in place of the one kept before. 0 keeps none. */
  keep(cep: Cep, mad: number): void {
    this.mads.share(mad);
    this.mads.drop(cep.sentMad);
    cep.sentMad = mad;
  }

  /** Keeps a message that is to be sent later, in place of one kept before; gives up the composer's hold on it. 0 keeps none. */
  prepare(cep: Cep, mad: number): void {
    this.mads.drop(cep.preparedMad);
    cep.preparedMad = mad;
  }

  /** The prepared message, which is the caller's from now on. */
  takePrepared(cep: Cep): number {
    const mad = cep.preparedMad;
    cep.preparedMad = 0;
    return mad;
  }

  /** Sends the kept message again. */
  sendAgain(cep: Cep): void {
    this.mads.share(cep.sentMad);
    this.paths.share(cep.path);
    this.#queue(cep.sentMad, cep.path);
  }

  countRetry(cep: Cep, message: number): void {
    cep.retries += 1;
    increment(this.counters.messages.retries, message);
  }

  /** Whether any input can be handled with the buffers that are left. */
  get hasSpareMads(): boolean {
    return this.mads.available >= SPARE_MADS;
  }

  // ---- events

  drop(reason: DropReason): void {
    this.counters.drops[reason] += 1;
  }

  /** Whether an event that may repeat fits in the CEP's queue. */
  hasRoomForEvent(cep: Cep): boolean {
    return cep.unreadEvents < MAX_UNREAD_EVENTS;
  }

  /** Tells the CEP's owner; an unbound CEP has nobody to tell. @param withMessage whether the MAD being handled goes with it. */
  tell(cep: Cep, type: EventNumber, cause: CauseNumber, withMessage = cause === CAUSE.message): void {
    if (cep.flags & FLAGS.unbound) return;
    assert(cep.unreadEvents < MAX_EVENTS_PER_CEP, 'what ends a connection finds room among its events');
    const event = this.events.take(type, cause, withMessage ? this.#copyIncoming() : 0, cep.retries + 1);
    if (cep.eventTail === 0) {
      cep.eventHead = event;
      this.owners.addReady(cep);
    } else {
      this.events.link(cep.eventTail, event);
    }
    cep.eventTail = event;
    cep.unreadEvents += 1;
  }

  #copyIncoming(): number {
    if (this.incoming === undefined) return 0;
    const mad = this.mads.take();
    assert(mad !== 0, 'spare buffers were checked before the input was handled');
    const { bytes, at } = this.incoming;
    this.mads.bytes.set(bytes.subarray(at, at + MAD_BYTES), this.at(mad));
    return mad;
  }

  /** Takes the CEP's first event out of its queue; 0 if there is none. The caller releases it. */
  takeEvent(cep: Cep): number {
    const event = cep.eventHead;
    if (event === 0) return 0;
    cep.eventHead = this.events.next(event);
    if (cep.eventHead === 0) cep.eventTail = 0;
    cep.unreadEvents -= 1;
    this.owners.removeReady(cep);
    if (cep.eventHead !== 0) this.owners.addReady(cep);
    return event;
  }

  releaseEvent(event: number): void {
    this.mads.drop(this.events.mad(event));
    this.events.release(event);
  }

  /** Takes the CEP from its owner: its handle is void, nobody is told anything any more. */
  unbind(cep: Cep): void {
    for (let event = this.takeEvent(cep); event !== 0; event = this.takeEvent(cep)) this.releaseEvent(event);
    this.owners.removeCep(cep);
    if (cep.flags & FLAGS.slotHeld) this.cidSlots.release(cep.slot);
    cep.flags = (cep.flags & ~FLAGS.slotHeld) | FLAGS.unbound;
  }

  /** @throws {@link CepError} `LIMIT_REACHED` when a call finds no buffers, or would begin something above unread events. */
  checkRoom(cep: Cep): void {
    if (!this.hasSpareMads) {
      throw new CepError('LIMIT_REACHED', `all ${this.limits.maxMads} message buffers are in use`, {
        limit: 'maxMads',
      });
    }
    if (cep.unreadEvents > MAX_UNREAD_EVENTS) {
      throw new CepError('LIMIT_REACHED', 'read the events of this CEP first', { limit: 'MAX_UNREAD_EVENTS' });
    }
  }
}
