import type { Instant } from '../base/index.js';
import type { QpState, QueuePair, QueuePairFollower } from '../verbs/index.js';
import type { CompletionQueue } from './completion-queue.js';
import { type Layer, QueuePairContext } from './context.js';
import { TransportError } from './error.js';
import { MESSAGE_BYTES_MAX } from './limits.js';
import type { IncomingPacket, OutgoingPacket } from './packet.js';
import type { ProtectionDomain } from './protection-domain.js';
import { RcRequester } from './rc-requester.js';
import { RcResponder } from './rc-responder.js';
import { ReceiveQueue, type ReceiveRequest } from './receive-queue.js';
import { SendQueue } from './send-queue.js';
import type { SharedReceiveQueue } from './shared-receive-queue.js';
import { UcResponder } from './uc-responder.js';
import { UdResponder } from './ud-responder.js';
import { UnreliableRequester } from './unreliable-requester.js';
import {
  checkAddress,
  checkElements,
  checkMemory,
  checkUint64,
  checkWord,
  invalidRequest,
  type WorkRequest,
} from './work-request.js';

/** How a queue pair moves data. */
export interface AttachOptions {
  readonly domain: ProtectionDomain;
  /** Where the ends of sends are told. */
  readonly sendCompletions: CompletionQueue;
  /** Where the ends of receives are told; default: with the sends. */
  readonly receiveCompletions?: CompletionQueue;
  /** Requests that the send queue holds; default 64. */
  readonly maxSend?: number;
  /** Requests that the receive queue holds; default 64. */
  readonly maxReceive?: number;
  /** Elements that a request may have; default 1. */
  readonly maxElements?: number;
  /** Bytes that a request can have with it (`inline`); default 64. */
  readonly maxInline?: number;
  /** Every request that succeeds is told by a completion; default true. Otherwise those that are `signalled`. */
  readonly signalAll?: boolean;
  /** Where receives come from instead of a queue of its own; of the same protection domain. */
  readonly sharedReceiveQueue?: SharedReceiveQueue;
}

const RECEIVING: ReadonlySet<QpState> = new Set<QpState>(['RTR', 'RTS', 'SQD', 'SQE']);
const SENDING: ReadonlySet<QpState> = new Set<QpState>(['RTS', 'SQD']);
const REFUSES_SENDS: ReadonlySet<QpState> = new Set<QpState>(['RESET', 'INIT', 'RTR']);

/**
 * The send queue and the receive queue of a queue pair. It is made by `TransportLayer.attach`.
 *
 * Every request that was posted ends with one completion, in the order of its queue (if it succeeds and is not signalled: with none), unless the queue pair is
 * led to RESET or destroyed before: then what is left is forgotten. In ERR all that is left, and all that is posted, is `flushed`; in SQE, what is in the send queue.
 */
export class WorkQueues implements QueuePairFollower {
  readonly queuePair: QueuePair;
  readonly #context: QueuePairContext;
  readonly #layer: Layer;
  readonly #detach: () => void;
  readonly #sendQueue: SendQueue;
  readonly #receiveQueue: ReceiveQueue;
  readonly #shared: SharedReceiveQueue | undefined;
  readonly #requester: RcRequester | UnreliableRequester;
  readonly #responder: RcResponder | UcResponder | UdResponder;
  readonly #maxElements: number;
  readonly #maxInline: number;
  readonly #signalAll: boolean;
  #requesterFirst = false;
  /** Since it was in RTR, a packet has come. */
  #established = false;

  /** @internal */
  constructor(layer: Layer, slot: number, queuePair: QueuePair, options: AttachOptions, detach: () => void) {
    const { domain, sendCompletions, receiveCompletions = sendCompletions, sharedReceiveQueue } = options;
    const context = new QueuePairContext(layer, slot, queuePair, domain, sendCompletions, receiveCompletions);
    this.queuePair = queuePair;
    this.#layer = layer;
    this.#context = context;
    this.#detach = detach;
    this.#sendQueue = new SendQueue(options.maxSend ?? 64);
    this.#receiveQueue = new ReceiveQueue(sharedReceiveQueue === undefined ? (options.maxReceive ?? 64) : 0);
    this.#shared = sharedReceiveQueue;
    this.#maxElements = options.maxElements ?? 1;
    this.#maxInline = options.maxInline ?? 64;
    this.#signalAll = options.signalAll ?? true;
    const receives = sharedReceiveQueue ?? this.#receiveQueue;
    const { transport } = queuePair;
    this.#requester =
      transport === 'rc'
        ? new RcRequester(context, this.#sendQueue)
        : new UnreliableRequester(context, this.#sendQueue);
    if (transport === 'rc') {
      const credits = sharedReceiveQueue === undefined ? this.#receiveQueue : undefined;
      this.#responder = new RcResponder(context, receives, credits);
    } else if (transport === 'uc') {
      this.#responder = new UcResponder(context, receives);
    } else {
      this.#responder = new UdResponder(context, receives);
    }
  }

  /** Sends that are not completed. */
  get sends(): number {
    return this.#sendQueue.tail - this.#sendQueue.head;
  }

  /** Receives that wait for a message, in its own queue. */
  get receives(): number {
    return this.#receiveQueue.size;
  }

  /**
   * Posts a request to the send queue (`ibv_post_send`). It is sent when the driver polls. The memory of its elements is not to be changed before its end.
   * @throws TransportError `INVALID_REQUEST`; `QUEUE_FULL`; `INVALID_STATE` before RTS. Nothing was posted then. What is wrong with the memory shows in the completion.
   */
  postSend(request: WorkRequest, now: Instant): void {
    const { state } = this.#context;
    if (REFUSES_SENDS.has(state) || this.queuePair.destroyed) throw this.#wrongState('sends');
    this.#check(request);
    const queue = this.#sendQueue;
    if (queue.isFull) throw new TransportError('QUEUE_FULL', `${queue.capacity} sends are not completed`, {});
    queue.next().set(request, this.#signalAll || request.signalled === true, this.#maxInline);
    queue.tail += 1;
    if (SENDING.has(state)) {
      this.#layer.now = now;
      this.#layer.schedule(this.#context.slot);
    } else {
      this.#flushSends();
      this.settle();
    }
  }

  /**
   * Posts a receive (`ibv_post_recv`). A datagram (UD) has 40 bytes in front: the network header that it came with, an IPv6 header, or 20 bytes without meaning and
   * an IPv4 header.
   * @throws TransportError `INVALID_REQUEST`, also with a shared receive queue; `QUEUE_FULL`; `INVALID_STATE` in RESET.
   */
  postReceive({ id = 0, elements = [] }: ReceiveRequest): void {
    const { state } = this.#context;
    if (state === 'RESET' || this.queuePair.destroyed) throw this.#wrongState('receives');
    if (this.#shared !== undefined) throw invalidRequest('receives are posted to the shared receive queue');
    checkElements(elements, this.#maxElements);
    const queue = this.#receiveQueue;
    if (queue.isFull) throw new TransportError('QUEUE_FULL', `${queue.capacity} receives are not completed`, {});
    queue.push(id, elements);
    if (state === 'ERR') {
      this.#flushReceives();
      this.settle();
    }
  }

  // ---- for the layer

  /** A packet has come that is for the queue pair, and right as far as the adapter can see. @internal */
  handlePacket(packet: IncomingPacket, isAnswer: boolean): void {
    const { state } = this.#context;
    if (!(isAnswer ? SENDING : RECEIVING).has(state)) {
      this.#layer.counters.drops.state += 1;
      return;
    }
    if (isAnswer) {
      (this.#requester as RcRequester).handle(packet);
    } else {
      if (state === 'RTR' && !this.#established) this.#establish();
      this.#responder.handle(packet);
    }
    this.settle();
  }

  /** Writes the next packet, answers and requests by turns. @returns false if there is none. @internal */
  write(packet: OutgoingPacket): boolean {
    this.#requesterFirst = !this.#requesterFirst;
    packet.path = this.#context.path;
    const written = this.#requesterFirst
      ? this.#requester.write(packet) || this.#responder.write(packet)
      : this.#responder.write(packet) || this.#requester.write(packet);
    // Each turn begins with a request: an acknowledgement, which is shorter, can follow in the same message of the system's.
    if (!written) this.#requesterFirst = false;
    this.settle();
    return written;
  }

  /** @internal */
  handleTimeout(now: Instant): void {
    this.#requester.handleTimeout(now);
    this.settle();
  }

  /** What the checks of a packet need to know. @internal */
  get context(): QueuePairContext {
    return this.#context;
  }

  /** The end of a step: a queue pair that has lost a completion breaks. */
  settle(): void {
    if (!this.#context.broken) return;
    this.#context.broken = false;
    if (this.queuePair.destroyed || this.queuePair.state === 'RESET') return;
    if (this.queuePair.state !== 'ERR') {
      this.#context.tell('queuePairFatal');
      this.queuePair.broken();
      this.#context.broken = false;
    }
  }

  // ---- for the queue pair

  /** @internal */
  handleModified(from: QpState): void {
    const context = this.#context;
    context.load();
    const { state } = context;
    switch (state) {
      case 'RTR':
        this.#established = false;
        this.#responder.start();
        break;
      case 'RTS':
        if (from === 'RTR') this.#requester.start();
        this.#layer.schedule(context.slot);
        break;
      case 'SQD':
        this.#responder.resize();
        if (from !== 'SQD' && this.#requester.drained) context.tell('sendQueueDrained');
        break;
      case 'SQE':
        this.#flushSends();
        break;
      case 'ERR':
        if (from !== 'ERR') this.#break();
        break;
      case 'RESET':
        this.#forget();
        break;
      default:
    }
  }

  /** @internal */
  handleDestroyed(): void {
    this.#context.state = 'ERR';
    this.#forget();
    this.#detach();
  }

  #establish(): void {
    this.#established = true;
    if (this.queuePair.transport !== 'ud') this.#context.tell('communicationEstablished');
  }

  #break(): void {
    this.#flushSends();
    this.#flushReceives();
    if (this.#shared !== undefined) this.#context.tell('lastWorkRequestReached');
    if (this.#context.broken) this.#context.tell('queuePairFatal');
    this.#context.broken = false;
  }

  #flushSends(): void {
    const queue = this.#sendQueue;
    for (; queue.head < queue.tail; queue.head += 1) {
      const entry = queue.at(queue.head);
      this.#context.completeSend(entry.id, 'flushed', entry.opcode, 0);
      entry.clear();
    }
    queue.clear();
    this.#requester.stop();
  }

  #flushReceives(): void {
    this.#responder.flush();
    const queue = this.#receiveQueue;
    for (let entry = queue.take(); entry !== undefined; entry = queue.take()) {
      this.#context.failReceive(entry.id, 'flushed');
      queue.release(entry);
    }
  }

  /** Nothing is left, and nobody is told. */
  #forget(): void {
    this.#sendQueue.clear();
    this.#requester.stop();
    this.#responder.reset();
    this.#receiveQueue.clear();
    this.#context.forgetEvents();
  }

  #check(request: WorkRequest): void {
    const { transport } = this.queuePair;
    const { opcode, elements, memory } = request;
    if (transport !== 'rc' && opcode !== 'send' && (opcode !== 'rdmaWrite' || transport === 'ud')) {
      throw invalidRequest(`${opcode} is not for ${transport.toUpperCase()}`);
    }
    if (elements !== undefined) checkElements(elements, this.#maxElements);
    if (memory !== undefined) {
      checkMemory('memory', memory, MESSAGE_BYTES_MAX);
      if (elements !== undefined) throw invalidRequest('a request has either elements or memory');
    }
    switch (opcode) {
      case 'send':
        this.#checkData(request);
        this.#checkSend(request);
        return;
      case 'rdmaWrite':
        this.#checkData(request);
        break;
      case 'rdmaRead':
        break;
      case 'fetchAndAdd':
        checkUint64('add', request.add);
        break;
      case 'compareAndSwap':
        checkUint64('compare', request.compare);
        checkUint64('swap', request.swap);
        break;
      default:
        throw invalidRequest(`there is no opcode ${String(opcode satisfies never)}`);
    }
    checkAddress(request.remoteAddress);
    checkWord('rkey', request.rkey);
  }

  #checkData({ inline, elements, memory, immediate }: WorkRequest & { readonly opcode: 'send' | 'rdmaWrite' }): void {
    if (immediate !== undefined) checkWord('immediate', immediate);
    if (inline === undefined) return;
    checkMemory('inline', inline, this.#maxInline);
    if (elements !== undefined || memory !== undefined) {
      throw invalidRequest('a request has either inline data or elements or memory');
    }
  }

  #checkSend({ invalidate, immediate, to }: WorkRequest & { readonly opcode: 'send' }): void {
    const { transport } = this.queuePair;
    if (invalidate !== undefined) {
      checkWord('invalidate', invalidate);
      if (transport !== 'rc') throw invalidRequest('only reliable connections send with invalidate');
      if (immediate !== undefined) throw invalidRequest('a send has either immediate data or a key to invalidate');
    }
    if ((to !== undefined) !== (transport === 'ud')) {
      throw invalidRequest('datagrams have a destination (to), and nothing else has one');
    }
    if (to === undefined) return;
    checkWord('to.qKey', to.qKey);
    if (!Number.isInteger(to.qpn) || to.qpn < 0 || to.qpn > 0xff_ffff) {
      throw invalidRequest(`to.qpn is ${to.qpn}, not a queue pair number`);
    }
  }

  #wrongState(what: string): TransportError {
    const { qpn, destroyed, state } = this.queuePair;
    const why = destroyed ? 'is being destroyed' : `is in ${state}`;
    return new TransportError('INVALID_STATE', `queue pair 0x${qpn.toString(16)} ${why} and takes no ${what}`, { qpn });
  }
}
