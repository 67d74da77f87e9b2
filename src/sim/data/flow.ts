import { type Instant, type Random, uniform } from '../../base/index.js';
import type { MemoryRegion, WorkCompletion, WorkQueues, WorkRequest } from '../../transport/index.js';
import type { Receives } from './receives.js';

/** Operations that a flow has open at most: the depth of a send queue that has no others. */
export const FLOW_OPERATIONS_MAX = 16;

/** One end of a connection, as a flow uses it. */
export interface FlowEnd {
  readonly queues: WorkQueues;
  /** Registers so many bytes of its own, with all rights. */
  readonly register: (bytes: number) => MemoryRegion;
}

/** How much memory there is, in bytes. */
export interface FlowSizes {
  /** For the data of one operation; a read's or a write's at most. */
  readonly operation: number;
  /** What the peer works on. */
  readonly target: number;
  /** Of one receive: the longest message. */
  readonly receive: number;
}

/** Bytes that an operation puts into the peer's memory. */
interface Effect {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a completion of a send must say, and what must be in memory then. */
interface ExpectedSend {
  readonly id: number;
  readonly opcode: string;
  readonly slot: number;
  /** What a read or an atomic must have brought. */
  readonly brought: Uint8Array | undefined;
  readonly signalled: boolean;
  readonly effect: Effect | undefined;
  /** Whether it takes a receive of the peer's. */
  readonly isMessage: boolean;
}

/** What a receive must get. */
interface ExpectedReceive {
  readonly opcode: string;
  readonly byteLength: number;
  readonly immediate: number | undefined;
  readonly data: Uint8Array | undefined;
}

/**
 * Everything that one queue pair asks of its peer, beside what must come of it: a copy of the peer's memory that every operation is applied to at once,
 * in the order in which they were posted. So it must look when they are done. If the connection ends before that, memory must look as after some of them:
 * all that were completed, and of each of the others all, nothing, or a part.
 */
export class Flow {
  readonly #random: Random;
  readonly #requester: FlowEnd;
  readonly #sizes: FlowSizes;
  readonly #longest: number;
  readonly #receives: Receives;
  /** Data to be sent, and data that was read: a slot for each operation. */
  readonly #local: MemoryRegion;
  readonly #target: MemoryRegion;
  /** The peer's memory when all that were posted are done, and when those are that were completed. */
  readonly #shadow: Uint8Array;
  readonly #done: Uint8Array;
  readonly #sends: ExpectedSend[] = [];
  readonly #messages: ExpectedReceive[] = [];
  #nextId = 1;
  #nextSlot = 0;
  #readsSinceFence = false;
  /** Messages that were completed at their sender, and at their receiver. */
  #sent = 0;
  #received = 0;
  /** Operations that were told not to be done, or of which nothing will be told. */
  readonly #undone: ExpectedSend[] = [];
  /** If the connection may end: whether the peer may be silent. */
  #mayBeSilent: (() => boolean) | undefined;
  /** Whether an operation, and a receive, was not done. */
  #sendsEnded = false;
  #receivesEnded = false;
  /** Memory of the requester, and of the responder, when its queue pair had ended. */
  #localAtEnd: Uint8Array | undefined;
  #targetAtEnd: Uint8Array | undefined;
  readonly trouble: string[] = [];
  /** Operations that succeeded. */
  completed = 0;

  /** @param receives the responder's. @param longest bytes of an operation. */
  constructor(
    random: Random,
    requester: FlowEnd,
    responder: FlowEnd,
    { receives, longest, sizes }: { readonly receives: Receives; readonly longest: number; readonly sizes: FlowSizes },
  ) {
    this.#random = random;
    this.#requester = requester;
    this.#receives = receives;
    this.#longest = longest;
    this.#sizes = sizes;
    this.#local = requester.register(FLOW_OPERATIONS_MAX * sizes.operation);
    this.#target = responder.register(sizes.target);
    this.#shadow = new Uint8Array(sizes.target);
    this.#done = new Uint8Array(sizes.target);
  }

  /** Posts something, if there is room. */
  post(now: Instant): boolean {
    if (this.#sendsEnded || this.#sends.length >= FLOW_OPERATIONS_MAX - 1) return false;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % FLOW_OPERATIONS_MAX;
    const id = this.#nextId++;
    this.#requester.queues.postSend(this.#request(id, slot), now);
    return true;
  }

  handleSend({ id, opcode, status }: WorkCompletion): void {
    let expected = this.#sends.shift();
    while (expected !== undefined && !expected.signalled && expected.id !== id) {
      // What is not told was done: failures are always told.
      this.#complete(expected);
      expected = this.#sends.shift();
    }
    const isAllowed = status === 'success' ? !this.#sendsEnded : this.#mayEnd(status);
    if (expected === undefined || expected.id !== id || expected.opcode !== opcode || !isAllowed) {
      this.trouble.push(`send ${id} ${opcode} ${status}; expected ${expected?.id} ${expected?.opcode}`);
      return;
    }
    if (status !== 'success') {
      this.#sendsEnded = true;
      this.#undone.push(expected);
      return;
    }
    this.#complete(expected);
    const { brought, slot } = expected;
    if (brought === undefined) return;
    const start = slot * this.#sizes.operation;
    if (!same(brought, this.#local.bytes, start)) this.trouble.push(`${opcode} ${id} has brought something else`);
  }

  /** From now on the connection may end at any time. @param mayBeSilent whether the peer may rightly have answered nothing. */
  allowEnd(mayBeSilent: () => boolean): void {
    this.#mayBeSilent = mayBeSilent;
  }

  /** What was not done is flushed; of the first one it may be said that the peer did not answer. */
  #mayEnd(status: string): boolean {
    if (this.#mayBeSilent === undefined) return false;
    return status === 'flushed' || (status === 'retryExceeded' && !this.#sendsEnded && this.#mayBeSilent());
  }

  #complete({ effect, isMessage }: ExpectedSend): void {
    this.completed += 1;
    if (effect !== undefined) this.#done.set(effect.bytes, effect.offset);
    if (isMessage) this.#sent += 1;
  }

  handleReceive({ id, opcode, status, byteLength, immediate }: WorkCompletion): void {
    const place = this.#receives.take(id);
    if (status === 'flushed' && this.#mayBeSilent !== undefined) {
      this.#receivesEnded = true;
      return;
    }
    const expected = this.#messages.shift();
    if (
      status !== 'success' ||
      this.#receivesEnded ||
      expected?.opcode !== opcode ||
      expected.byteLength !== byteLength ||
      expected.immediate !== immediate
    ) {
      this.trouble.push(`${opcode} ${status} ${byteLength} ${immediate}; expected ${JSON.stringify(expected)}`);
      return;
    }
    this.#received += 1;
    if (expected.data !== undefined && !same(expected.data, place, 0)) {
      this.trouble.push(`a message of ${byteLength} bytes came as something else`);
    }
  }

  /** The requester's queue pair has ended, and its completions were taken: nothing of its memory changes any more. */
  endRequester(): void {
    this.#undone.push(...this.#sends);
    this.#sends.length = 0;
    this.#sendsEnded = true;
    this.#localAtEnd ??= this.#local.bytes.slice();
  }

  /** The same of the responder. */
  endResponder(): void {
    this.#receivesEnded = true;
    this.#targetAtEnd ??= this.#target.bytes.slice();
  }

  /** What is wrong when everything must be done. */
  check(): void {
    while (this.#sends[0]?.signalled === false) this.#complete(this.#sends.shift() as ExpectedSend);
    const open = this.#sends.length + this.#undone.length;
    if (open > 0) this.trouble.push(`${open} operations were not completed`);
    if (this.#messages.length > 0) this.trouble.push(`${this.#messages.length} messages did not come`);
    if (!same(this.#shadow, this.#target.bytes, 0)) this.trouble.push("the peer's memory is not what it should be");
    if (this.#requester.queues.sends > 0) this.trouble.push('sends are left');
  }

  /** What is wrong when the connection has ended, or one of its ends. @param responderCounts whether what the responder has received is known to the end. */
  checkEnded(responderCounts: boolean): void {
    if (responderCounts && this.#received < this.#sent) {
      this.trouble.push(`${this.#sent} messages were acknowledged, and ${this.#received} came`);
    }
    if (responderCounts) this.#checkPrefix();
    if (this.#targetAtEnd && !same(this.#targetAtEnd, this.#target.bytes, 0))
      this.trouble.push("memory was written to after its queue pair's end");
    if (this.#localAtEnd && !same(this.#localAtEnd, this.#local.bytes, 0))
      this.trouble.push("what was read was written to after its queue pair's end");
  }

  /** What was completed is in the peer's memory; what else is there, operations that were not completed have put there. */
  #checkPrefix(): void {
    const open = [...this.#undone, ...this.#sends].flatMap(({ effect }) => effect ?? []);
    const { bytes } = this.#target;
    for (let i = 0; i < bytes.length; i += 1) {
      const byte = bytes[i];
      if (byte === this.#done[i]) continue;
      if (open.some((effect) => effect.bytes[i - effect.offset] === byte)) continue;
      this.trouble.push(`byte ${i} of the peer's memory is what no operation has put there`);
      return;
    }
  }

  #request(id: number, slot: number): WorkRequest {
    const random = this.#random;
    const { operation, target, receive } = this.#sizes;
    const start = slot * operation;
    const kind = uniform(random, 12);
    const signalled = uniform(random, 4) > 0;
    const expect = (
      opcode: string,
      more: { brought?: Uint8Array; effect?: Effect; isMessage?: boolean } = {},
    ): void => {
      const { brought, effect, isMessage = false } = more;
      this.#sends.push({ id, opcode, slot, brought, signalled, effect, isMessage });
    };
    const remote = (length: number, align = 1): { offset: number; remoteAddress: number; rkey: number } => {
      const offset = uniform(random, (target - length) / align + 1) * align;
      return { offset, remoteAddress: this.#target.address + offset, rkey: this.#target.rkey };
    };
    if (kind < 4) {
      const length = this.#length(Math.min(this.#longest, receive));
      const data = this.#fill(start, length);
      const immediate = kind === 0 ? random.uint32() : undefined;
      this.#messages.push({ opcode: 'receive', byteLength: length, immediate, data });
      expect('send', { isMessage: true });
      const base = { opcode: 'send', id, signalled, ...(immediate !== undefined && { immediate }) } as const;
      return length <= 64 && uniform(random, 2) === 0
        ? { ...base, inline: data }
        : { ...base, ...this.#memory(start, length) };
    }
    if (kind < 8) {
      const length = this.#length(Math.min(this.#longest, target));
      const data = this.#fill(start, length);
      const { offset, ...where } = remote(length);
      this.#shadow.set(data, offset);
      const immediate = kind === 4 ? random.uint32() : undefined;
      if (immediate !== undefined) {
        this.#messages.push({ opcode: 'receiveRdmaWithImmediate', byteLength: length, immediate, data: undefined });
      }
      expect('rdmaWrite', { effect: { offset, bytes: data }, isMessage: immediate !== undefined });
      const extra = immediate === undefined ? {} : { immediate };
      const memory = this.#memory(start, length);
      return { opcode: 'rdmaWrite', id, signalled, fence: this.#fence(), ...memory, ...where, ...extra };
    }
    if (kind < 10) {
      const length = this.#length(Math.min(this.#longest, target));
      const { offset, ...where } = remote(length);
      this.#local.bytes.fill(0xee, start, start + length);
      expect('rdmaRead', { brought: this.#shadow.slice(offset, offset + length) });
      this.#readsSinceFence = true;
      return { opcode: 'rdmaRead', id, signalled, ...this.#memory(start, length), ...where };
    }
    const { offset, ...where } = remote(8, 8);
    const view = new DataView(this.#shadow.buffer);
    const before = view.getBigUint64(offset, true);
    const brought = this.#shadow.slice(offset, offset + 8);
    const fence = this.#fence();
    const memory = this.#memory(start, 8);
    this.#readsSinceFence = true;
    const operand = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
    const put = (value: bigint): Effect => {
      view.setBigUint64(offset, value, true);
      return { offset, bytes: this.#shadow.slice(offset, offset + 8) };
    };
    if (kind === 10) {
      expect('fetchAndAdd', { brought, effect: put(BigInt.asUintN(64, before + operand)) });
      return { opcode: 'fetchAndAdd', id, signalled, fence, ...memory, add: operand, ...where };
    }
    const compare = uniform(random, 2) === 0 ? before : operand;
    expect('compareAndSwap', { brought, effect: put(compare === before ? operand : before) });
    return { opcode: 'compareAndSwap', id, signalled, fence, ...memory, compare, swap: operand, ...where };
  }

  /** What changes the peer's memory must not overtake a read that was posted before it: only a fence sees to that (IBTA 10.8.3.3). */
  #fence(): boolean {
    const fence = this.#readsSinceFence;
    this.#readsSinceFence = false;
    return fence;
  }

  #length(max: number): number {
    const kind = uniform(this.#random, 8);
    if (kind === 0) return 0;
    if (kind < 6) return uniform(this.#random, Math.min(max, 300) + 1);
    return uniform(this.#random, max + 1);
  }

  #fill(start: number, length: number): Uint8Array {
    const { bytes } = this.#local;
    let word = this.#random.uint32();
    for (let i = 0; i < length; i += 1) {
      word = Math.imul(word, 0x0019_660d) + 0x3c6e_f35f;
      bytes[start + i] = word >>> 24;
    }
    return bytes.slice(start, start + length);
  }

  /** Memory of ours for a request: registered, in two elements, or as it is. */
  #memory(start: number, length: number): Pick<WorkRequest, 'elements' | 'memory'> {
    const local = this.#local;
    if (uniform(this.#random, 3) === 0) return { memory: local.bytes.subarray(start, start + length) };
    const cut = uniform(this.#random, length + 1);
    return { elements: [local.element(start, cut), local.element(start + cut, length - cut)] };
  }
}

function same(expected: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < expected.length; i += 1) if (expected[i] !== bytes[at + i]) return false;
  return true;
}
