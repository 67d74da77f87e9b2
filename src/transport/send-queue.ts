import type { CompletionOpcode } from './completion-queue.js';
import { copyBytes } from './copy-bytes.js';
import type { ScatterGatherElement } from './memory-region.js';
import type { MemoryTable } from './memory-table.js';
import type { AddressHandle, ProtectionDomain } from './protection-domain.js';
import { ScatterList } from './scatter-list.js';
import type { WorkRequest } from './work-request.js';

/** Kinds of requests. From `READ` on, the peer answers with data. @internal */
export const KIND = { SEND: 0, WRITE: 1, READ: 2, FETCH_AND_ADD: 3, COMPARE_AND_SWAP: 4 } as const;
const KINDS: Readonly<Record<WorkRequest['opcode'], number>> = {
  send: KIND.SEND,
  rdmaWrite: KIND.WRITE,
  rdmaRead: KIND.READ,
  fetchAndAdd: KIND.FETCH_AND_ADD,
  compareAndSwap: KIND.COMPARE_AND_SWAP,
};
const OPCODES = Object.keys(KINDS) as CompletionOpcode[];

/** What a message carries beside its data. @internal */
export const EXTRA = { NONE: 0, IMMEDIATE: 1, INVALIDATE: 2 } as const;

const WORD = 2 ** 32;
const LOW_MASK = 0xffff_ffffn;
const NO_BYTES = new Uint8Array(0);

/** A posted request, in numbers. It is used again for others. @internal */
export class SendEntry {
  id = 0;
  kind: number = KIND.SEND;
  signalled = false;
  solicited = false;
  fence = false;
  extra: number = EXTRA.NONE;
  /** Immediate data, or the key to be invalidated. */
  extraValue = 0;
  remoteHigh = 0;
  remoteLow = 0;
  rkey = 0;
  /** What to add or to swap in. */
  operandHigh = 0;
  operandLow = 0;
  compareHigh = 0;
  compareLow = 0;
  /** Bytes of the message. */
  length = 0;
  /** Of a datagram. */
  handle: AddressHandle | undefined = undefined;
  qpn = 0;
  qKey = 0;
  /** Once it was begun: its PSNs, and how many of its responses have come. */
  firstPsn = 0;
  packets = 0;
  received = 0;
  /** How many messages up to this one take a receive of the peer's. */
  ordinal = 0;
  readonly #list = new ScatterList();
  /** The message's bytes, if they are not in the list's memory: those below, or the program's own. */
  #bytes: Uint8Array | undefined = undefined;
  #inline = NO_BYTES;

  /** Whether the peer needs a receive for it. */
  get takesReceive(): boolean {
    return this.kind === KIND.SEND || (this.kind === KIND.WRITE && this.extra === EXTRA.IMMEDIATE);
  }

  get opcode(): CompletionOpcode {
    return OPCODES[this.kind] as CompletionOpcode;
  }

  /** Takes over a request that was checked. */
  set(request: WorkRequest, signalled: boolean, maxInline: number): void {
    this.id = request.id ?? 0;
    this.kind = KINDS[request.opcode];
    this.signalled = signalled;
    this.fence = request.fence === true;
    this.solicited = false;
    this.extra = EXTRA.NONE;
    this.handle = undefined;
    this.received = 0;
    if (request.opcode === 'send' || request.opcode === 'rdmaWrite') {
      this.solicited = request.solicited === true;
      if (request.immediate !== undefined) {
        this.extra = EXTRA.IMMEDIATE;
        this.extraValue = request.immediate;
      }
    }
    const inline = request.opcode === 'send' || request.opcode === 'rdmaWrite' ? request.inline : undefined;
    if (inline !== undefined) this.#setInline(inline, maxInline);
    else this.#setMemory(request.memory, request.elements);
    if (request.opcode === 'send') this.#setSend(request.invalidate, request.to);
    else this.#setRemote(request.remoteAddress, request.rkey);
    if (request.opcode === 'fetchAndAdd') this.#setOperands(request.add, 0n);
    else if (request.opcode === 'compareAndSwap') this.#setOperands(request.swap, request.compare);
  }

  /** Looks its memory up. @returns false if it may not be used. */
  resolve(table: MemoryTable, domain: ProtectionDomain): boolean {
    return this.#bytes !== undefined || this.#list.resolve(table, domain, this.kind >= KIND.READ);
  }

  /** Copies a part of the message. @returns false if its memory is not there any more. */
  gather(offset: number, into: Uint8Array, at: number, count: number): boolean {
    const bytes = this.#bytes;
    if (bytes === undefined) return this.#list.gather(offset, into, at, count);
    // The program may have detached it.
    if (offset + count > bytes.length) return false;
    copyBytes(bytes, offset, into, at, count);
    return true;
  }

  /** Copies a part of a response into the request's memory. @returns false if that is not there any more. */
  scatter(offset: number, from: Uint8Array, at: number, count: number): boolean {
    const bytes = this.#bytes;
    if (bytes === undefined) return this.#list.scatter(offset, from, at, count);
    if (offset + count > bytes.length) return false;
    copyBytes(from, at, bytes, offset, count);
    return true;
  }

  /** Nothing is kept alive by what was done. */
  clear(): void {
    if (this.#bytes === undefined) this.#list.clear();
    else this.#bytes = undefined;
    this.handle = undefined;
  }

  #setInline(data: Uint8Array, maxInline: number): void {
    if (this.#inline.length < maxInline) this.#inline = new Uint8Array(maxInline);
    copyBytes(data, 0, this.#inline, 0, data.length);
    this.#bytes = this.#inline;
    this.length = data.length;
  }

  #setMemory(memory: Uint8Array | undefined, elements: readonly ScatterGatherElement[] = []): void {
    this.#bytes = memory;
    if (memory === undefined) this.#list.set(elements);
    this.length = memory === undefined ? this.#list.length : memory.length;
  }

  #setSend(invalidate: number | undefined, to: (WorkRequest & { opcode: 'send' })['to']): void {
    if (invalidate !== undefined) {
      this.extra = EXTRA.INVALIDATE;
      this.extraValue = invalidate;
    }
    if (to === undefined) return;
    this.handle = to.handle;
    this.qpn = to.qpn;
    this.qKey = to.qKey;
  }

  #setRemote(address: number | bigint, rkey: number): void {
    this.rkey = rkey;
    if (typeof address === 'bigint') {
      this.remoteHigh = Number(address >> 32n);
      this.remoteLow = Number(address & LOW_MASK);
    } else {
      this.remoteHigh = Math.floor(address / WORD);
      this.remoteLow = address % WORD;
    }
  }

  #setOperands(operand: bigint, compare: bigint): void {
    this.operandHigh = Number(operand >> 32n);
    this.operandLow = Number(operand & LOW_MASK);
    this.compareHigh = Number(compare >> 32n);
    this.compareLow = Number(compare & LOW_MASK);
  }
}

/**
 * Posted requests in order. They are numbered for ever; `head` is the oldest that is not completed, `cursor` the one whose packets are being sent (it goes back
 * when packets are lost), `begun` the first that has no PSNs yet, `tail` the next to be posted. @internal
 */
export class SendQueue {
  readonly capacity: number;
  head = 0;
  cursor = 0;
  begun = 0;
  tail = 0;
  readonly #ring: SendEntry[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get isFull(): boolean {
    return this.tail - this.head === this.capacity;
  }

  /** The entry to be filled in by who posts. */
  next(): SendEntry {
    const place = this.tail % this.capacity;
    let entry = this.#ring[place];
    if (entry === undefined) {
      entry = new SendEntry();
      this.#ring[place] = entry;
    }
    return entry;
  }

  at(number: number): SendEntry {
    return this.#ring[number % this.capacity] as SendEntry;
  }

  /** Forgets everything. */
  clear(): void {
    for (; this.head < this.tail; this.head += 1) this.at(this.head).clear();
    this.cursor = this.tail;
    this.begun = this.tail;
  }
}
