import { ACCESS } from '../verbs/index.js';
import { IETH, IMMEDIATE, IMMEDIATE_BYTES, RETH } from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import { copyBytes } from './copy-bytes.js';
import type { MemoryRegion } from './memory-region.js';
import type { IncomingPacket } from './packet.js';
import { BEGINS, ENDS, HAS_IMMEDIATE, HAS_INVALIDATE, PACKET, TRAITS, WHAT } from './packet-codes.js';
import type { ReceiveEntry } from './receive-queue.js';
import { accessRemote, remoteAddress } from './remote-access.js';

/** Where receives come from: a queue of the queue pair's own, or a shared one. @internal */
export interface ReceiveSource {
  take(): ReceiveEntry | undefined;
  release(entry: ReceiveEntry): void;
}

/** What became of a packet of a send or write. Only with `DONE` and `MORE` has anything changed. @internal */
export const OUTCOME = {
  /** The message goes on. */
  MORE: 0,
  /** The message is complete, and so is its receive, if it took one. */
  DONE: 1,
  /** No receive is posted. */
  NOT_READY: 2,
  /** It does not follow the packet before, or its length cannot be. */
  INVALID: 3,
  /** The peer may not write there, or has no such key to invalidate. */
  ACCESS: 4,
  /** The message is longer than the receive. */
  TOO_LONG: 5,
  /** The receive's memory may not be used. */
  PROTECTION: 6,
} as const;

/**
 * A connection's sends and writes as they come in, packet after packet: where the message stands, and where its data goes.
 * What a wrong packet leads to, the transport service decides. @internal
 */
export class InboundMessage {
  readonly #context: QueuePairContext;
  readonly #receives: ReceiveSource;
  /** SEND or WRITE while one has begun and not ended. */
  #what: number = PACKET.NONE;
  #receive: ReceiveEntry | undefined = undefined;
  /** Bytes received of a send. */
  #offset = 0;
  #region: MemoryRegion | undefined = undefined;
  #address = 0;
  /** Bytes that a write still brings, and brings in all. */
  #left = 0;
  #length = 0;

  constructor(context: QueuePairContext, receives: ReceiveSource) {
    this.#context = context;
    this.#receives = receives;
  }

  /** Whether a message has begun and not ended. */
  get begun(): boolean {
    return this.#what !== PACKET.NONE;
  }

  /** The receive that is taken, if one is. */
  get receive(): ReceiveEntry | undefined {
    return this.#receive;
  }

  /** @returns an {@link OUTCOME}. */
  handle(packet: IncomingPacket): number {
    const traits = TRAITS[packet.opcode] as number;
    const what = traits & WHAT;
    const begins = (traits & BEGINS) !== 0;
    const ends = (traits & ENDS) !== 0;
    const { mtu } = this.#context;
    if (begins ? this.begun : this.#what !== what) return OUTCOME.INVALID;
    // Only the last packet of a message may be shorter than the others (IBTA 9.7.4.1.6).
    if (ends ? packet.payloadLength > mtu : packet.payloadLength !== mtu) return OUTCOME.INVALID;
    if (ends && !begins && packet.payloadLength === 0) return OUTCOME.INVALID;
    return what === PACKET.SEND ? this.#handleSend(packet, traits) : this.#handleWrite(packet, traits);
  }

  /** Forgets the message in progress; its receive, if it took one, is there for the next. */
  abandon(): void {
    this.#what = PACKET.NONE;
    this.#region = undefined;
  }

  /** The receive that is taken, no more this message's: the caller completes it. */
  surrender(): ReceiveEntry | undefined {
    const receive = this.#receive;
    this.abandon();
    this.#receive = undefined;
    return receive;
  }

  #handleSend(packet: IncomingPacket, traits: number): number {
    const begins = (traits & BEGINS) !== 0;
    const { memory } = this.#context.layer;
    if (begins) {
      if (!this.#takeReceive()) return OUTCOME.NOT_READY;
      this.#offset = 0;
    }
    const { list } = this.#receive as ReceiveEntry;
    if (begins && !list.resolve(memory, this.#context.domain, true)) return OUTCOME.PROTECTION;
    if (this.#offset + packet.payloadLength > list.length) return OUTCOME.TOO_LONG;
    let invalidated: MemoryRegion | undefined;
    if ((traits & HAS_INVALIDATE) !== 0) {
      invalidated = memory.find(IETH.rKey.get(packet.bytes, packet.headers));
      if (invalidated?.domain !== this.#context.domain || !invalidated.remoteInvalidate) return OUTCOME.ACCESS;
    }
    if (!list.scatter(this.#offset, packet.bytes, packet.payload, packet.payloadLength)) return OUTCOME.PROTECTION;
    this.#offset += packet.payloadLength;
    if ((traits & ENDS) === 0) {
      this.#what = PACKET.SEND;
      return OUTCOME.MORE;
    }
    invalidated?.deregister();
    this.#complete(packet, traits, invalidated);
    return OUTCOME.DONE;
  }

  #handleWrite(packet: IncomingPacket, traits: number): number {
    const ends = (traits & ENDS) !== 0;
    if ((traits & BEGINS) !== 0) {
      const { bytes, headers } = packet;
      const length = RETH.length.get(bytes, headers);
      // More than a packet in the first, all of it in the only one.
      if (ends ? length !== packet.payloadLength : length <= packet.payloadLength) return OUTCOME.INVALID;
      const region = accessRemote(this.#context, packet, RETH.rKey.get(bytes, headers), length, ACCESS.remoteWrite);
      if (length > 0 && region === undefined) return OUTCOME.ACCESS;
      if (ends && !this.#readyFor(traits)) return OUTCOME.NOT_READY;
      this.#region = region;
      this.#address = remoteAddress(packet);
      this.#left = length;
      this.#length = length;
    } else {
      if (ends ? this.#left !== packet.payloadLength : this.#left <= packet.payloadLength) return OUTCOME.INVALID;
      if (ends && !this.#readyFor(traits)) return OUTCOME.NOT_READY;
    }
    if (!this.#write(packet)) return OUTCOME.ACCESS;
    if (!ends) {
      this.#what = PACKET.WRITE;
      return OUTCOME.MORE;
    }
    if ((traits & HAS_IMMEDIATE) !== 0) this.#complete(packet, traits, undefined);
    else this.abandon();
    return OUTCOME.DONE;
  }

  #write({ bytes, payload, payloadLength }: IncomingPacket): boolean {
    if (payloadLength === 0) return true;
    const region = this.#region as MemoryRegion;
    const to = region.offsetOf(this.#address, payloadLength);
    if (to < 0) return false;
    copyBytes(bytes, payload, region.bytes, to, payloadLength);
    this.#address += payloadLength;
    this.#left -= payloadLength;
    return true;
  }

  #readyFor(traits: number): boolean {
    return (traits & HAS_IMMEDIATE) === 0 || this.#takeReceive();
  }

  #takeReceive(): boolean {
    this.#receive ??= this.#receives.take();
    return this.#receive !== undefined;
  }

  #complete(packet: IncomingPacket, traits: number, invalidated: MemoryRegion | undefined): void {
    const context = this.#context;
    const receive = this.#receive as ReceiveEntry;
    const isSend = (traits & WHAT) === PACKET.SEND;
    const opcode = isSend ? 'receive' : 'receiveRdmaWithImmediate';
    const completion = context.pushReceive(receive.id, 'success', opcode);
    if (completion !== undefined) {
      completion.byteLength = isSend ? this.#offset : this.#length;
      if ((traits & HAS_IMMEDIATE) !== 0) {
        completion.immediate = IMMEDIATE.data.get(packet.bytes, packet.payload - IMMEDIATE_BYTES);
      }
      if (invalidated !== undefined) completion.invalidatedKey = invalidated.rkey;
      context.receiveCompletions.notify(packet.solicited);
    }
    this.#receives.release(receive);
    this.#receive = undefined;
    this.abandon();
  }
}
