import { type Random, SeededRandom, uniform } from '../../src/base/index.js';
import type { MemoryRegion, WorkCompletion, WorkRequest } from '../../src/transport/index.js';
import { type ConnectOptions, connect, Fabric, type Queues } from './fabric.js';

/** How bad the network is: chances in a thousand, and delays in microseconds. */
export interface Faults {
  readonly loss: number;
  readonly duplication: number;
  readonly corruption: number;
  /** Packets are late by up to this, each by another time: they overtake each other. */
  readonly delay: number;
}

export interface ModelOptions extends ConnectOptions {
  readonly seed: number;
  readonly operations: number;
  readonly faults: Faults;
  readonly pairs?: number;
  /** Bytes of a long message. */
  readonly longest?: number;
  /** Whether receives are posted late: senders find the peer not ready. */
  readonly shy?: boolean;
}

const SLOTS = 16;
const SLOT_BYTES = 4_096;
const TARGET_BYTES = 2_048;
const RECEIVE_BYTES = 4_096;

/** What a completion of a send must say, and what must be in memory then. */
interface ExpectedSend {
  readonly id: number;
  readonly opcode: string;
  readonly slot: number;
  /** What a read or an atomic must have brought. */
  readonly brought: Uint8Array | undefined;
  readonly signalled: boolean;
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
 * in the order in which they were posted. So it must look when they are done.
 */
class Flow {
  readonly #random: Random;
  readonly #requester: Queues;
  readonly #responder: Queues;
  /** Data to be sent, and data that was read: a slot for each operation. */
  readonly #local: MemoryRegion;
  readonly #target: MemoryRegion;
  readonly #receives: MemoryRegion;
  readonly #shadow = new Uint8Array(TARGET_BYTES);
  readonly #sends: ExpectedSend[] = [];
  readonly #messages: ExpectedReceive[] = [];
  readonly #longest: number;
  #nextId = 1;
  #nextSlot = 0;
  #readsSinceFence = false;
  #posted = 0;
  #nextReceive = 0;
  #receivesOpen = 0;
  readonly trouble: string[] = [];
  completed = 0;

  constructor(random: Random, requester: Queues, responder: Queues, longest: number) {
    this.#random = random;
    this.#requester = requester;
    this.#responder = responder;
    this.#longest = longest;
    this.#local = requester.side.register(SLOTS * SLOT_BYTES);
    this.#target = responder.side.register(TARGET_BYTES);
    this.#receives = responder.side.register(SLOTS * RECEIVE_BYTES);
  }

  get open(): number {
    return this.#sends.length;
  }

  /** Posts something, if there is room. */
  post(now: Parameters<Queues['queues']['postSend']>[1]): boolean {
    if (this.#sends.length >= SLOTS - 1) return false;
    const slot = this.#nextSlot;
    this.#nextSlot = (slot + 1) % SLOTS;
    const id = this.#nextId++;
    const request = this.#request(id, slot);
    this.#requester.queues.postSend(request, now);
    this.#posted += 1;
    return true;
  }

  /** Posts receives, so that those who send are not held up for ever. */
  postReceive(): void {
    if (this.#receivesOpen >= SLOTS) return;
    const slot = this.#nextReceive++ % SLOTS;
    this.#receivesOpen += 1;
    const half = RECEIVE_BYTES / 2;
    this.#responder.queues.postReceive({
      id: slot,
      elements: [
        this.#receives.element(slot * RECEIVE_BYTES, half),
        this.#receives.element(slot * RECEIVE_BYTES + half, half),
      ],
    });
  }

  handleSend(completion: WorkCompletion): void {
    let expected = this.#sends.shift();
    while (expected !== undefined && !expected.signalled && expected.id !== completion.id) {
      this.completed += 1;
      expected = this.#sends.shift();
    }
    const { id, opcode, status } = completion;
    if (expected === undefined || expected.id !== id || expected.opcode !== opcode || status !== 'success') {
      this.trouble.push(`send ${id} ${opcode} ${status}; expected ${expected?.id} ${expected?.opcode}`);
      return;
    }
    this.completed += 1;
    const { brought, slot } = expected;
    if (brought === undefined) return;
    const start = slot * SLOT_BYTES;
    if (!same(brought, this.#local.bytes, start)) this.trouble.push(`${opcode} ${id} has brought something else`);
  }

  handleReceive({ id, opcode, status, byteLength, immediate }: WorkCompletion): void {
    this.#receivesOpen -= 1;
    const expected = this.#messages.shift();
    if (
      status !== 'success' ||
      expected?.opcode !== opcode ||
      expected.byteLength !== byteLength ||
      expected.immediate !== immediate
    ) {
      this.trouble.push(`${opcode} ${status} ${byteLength} ${immediate}; expected ${JSON.stringify(expected)}`);
      return;
    }
    if (expected.data !== undefined && !same(expected.data, this.#receives.bytes, id * RECEIVE_BYTES)) {
      this.trouble.push(`a message of ${byteLength} bytes came as something else`);
    }
  }

  /** What is wrong when everything must be done. */
  check(): void {
    while (this.#sends[0]?.signalled === false) {
      this.#sends.shift();
      this.completed += 1;
    }
    if (this.#sends.length > 0) this.trouble.push(`${this.#sends.length} operations were not completed`);
    if (this.#messages.length > 0) this.trouble.push(`${this.#messages.length} messages did not come`);
    if (!same(this.#shadow, this.#target.bytes, 0)) this.trouble.push("the peer's memory is not what it should be");
    if (this.#requester.queues.sends > 0) this.trouble.push('sends are left');
  }

  #request(id: number, slot: number): WorkRequest {
    const random = this.#random;
    const start = slot * SLOT_BYTES;
    const kind = uniform(random, 12);
    const signalled = uniform(random, 4) > 0;
    const expect = (opcode: string, brought?: Uint8Array): void => {
      this.#sends.push({ id, opcode, slot, brought, signalled });
    };
    const remote = (length: number, align = 1): { offset: number; remoteAddress: number; rkey: number } => {
      const offset = uniform(random, (TARGET_BYTES - length) / align + 1) * align;
      return { offset, remoteAddress: this.#target.address + offset, rkey: this.#target.rkey };
    };
    if (kind < 4) {
      const length = this.#length(Math.min(this.#longest, RECEIVE_BYTES));
      const data = this.#fill(start, length);
      const immediate = kind === 0 ? random.uint32() : undefined;
      this.#messages.push({ opcode: 'receive', byteLength: length, immediate, data });
      expect('send');
      const base = { opcode: 'send', id, signalled, ...(immediate !== undefined && { immediate }) } as const;
      return length <= 64 && uniform(random, 2) === 0
        ? { ...base, inline: data }
        : { ...base, elements: this.#split(start, length) };
    }
    if (kind < 8) {
      const length = this.#length(Math.min(this.#longest, TARGET_BYTES));
      const data = this.#fill(start, length);
      const { offset, ...where } = remote(length);
      this.#shadow.set(data, offset);
      const immediate = kind === 4 ? random.uint32() : undefined;
      if (immediate !== undefined) {
        this.#messages.push({ opcode: 'receiveRdmaWithImmediate', byteLength: length, immediate, data: undefined });
      }
      expect('rdmaWrite');
      const extra = immediate === undefined ? {} : { immediate };
      const elements = this.#split(start, length);
      return { opcode: 'rdmaWrite', id, signalled, fence: this.#fence(), elements, ...where, ...extra };
    }
    if (kind < 10) {
      const length = this.#length(Math.min(this.#longest, TARGET_BYTES));
      const { offset, ...where } = remote(length);
      this.#local.bytes.fill(0xee, start, start + length);
      expect('rdmaRead', this.#shadow.slice(offset, offset + length));
      this.#readsSinceFence = true;
      return { opcode: 'rdmaRead', id, signalled, elements: this.#split(start, length), ...where };
    }
    const { offset, ...where } = remote(8, 8);
    const view = new DataView(this.#shadow.buffer);
    const before = view.getBigUint64(offset, true);
    const brought = this.#shadow.slice(offset, offset + 8);
    const fence = this.#fence();
    const elements = [this.#local.element(start, 8)];
    this.#readsSinceFence = true;
    const operand = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
    if (kind === 10) {
      view.setBigUint64(offset, BigInt.asUintN(64, before + operand), true);
      expect('fetchAndAdd', brought);
      return { opcode: 'fetchAndAdd', id, signalled, fence, elements, add: operand, ...where };
    }
    const compare = uniform(random, 2) === 0 ? before : operand;
    if (compare === before) view.setBigUint64(offset, operand, true);
    expect('compareAndSwap', brought);
    return { opcode: 'compareAndSwap', id, signalled, fence, elements, compare, swap: operand, ...where };
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

  #split(start: number, length: number): ReturnType<MemoryRegion['element']>[] {
    const cut = uniform(this.#random, length + 1);
    return [this.#local.element(start, cut), this.#local.element(start + cut, length - cut)];
  }
}

function same(expected: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < expected.length; i += 1) if (expected[i] !== bytes[at + i]) return false;
  return true;
}

export interface ModelResult {
  readonly operations: number;
  readonly packets: number;
  readonly retransmitted: number;
  readonly trouble: string[];
}

/** Runs random operations between pairs of queue pairs over a bad network, both ways, against what must come of them. */
export function runModel({
  seed,
  operations,
  faults,
  pairs = 2,
  longest = 3_000,
  shy = false,
  ...options
}: ModelOptions): ModelResult {
  const random = new SeededRandom(seed);
  const fabric = new Fabric({ maxUnackedPackets: 16 });
  disturb(fabric, random, faults);
  const flows: Flow[] = [];
  const polled: { readonly queues: Queues; readonly sending: Flow; readonly receiving: Flow }[] = [];
  for (let i = 0; i < pairs; i += 1) {
    const attach = { maxElements: 2, maxSend: SLOTS, maxReceive: SLOTS, signalAll: false };
    const [a, b] = [fabric.a.create('rc', attach), fabric.b.create('rc', attach)];
    connect(a, b, { ackTimeout: 8, minRnrTimer: 5, psn: random.uint32() & 0xff_ffff, ...options });
    const [there, back] = [new Flow(random, a, b, longest), new Flow(random, b, a, longest)];
    flows.push(there, back);
    polled.push({ queues: a, sending: there, receiving: back }, { queues: b, sending: back, receiving: there });
  }
  const poll = (): void => {
    for (const { queues, sending, receiving } of polled) {
      for (let done = queues.completions.poll(); done; done = queues.completions.poll()) {
        if (done.opcode === 'receive' || done.opcode === 'receiveRdmaWithImmediate') receiving.handleReceive(done);
        else sending.handleSend(done);
      }
    }
  };
  const isWrong = (): boolean => flows.some(({ trouble }) => trouble.length > 0);
  let posted = 0;
  while (posted < operations && !isWrong()) {
    for (let i = 0; i < 4; i += 1) {
      const flow = flows[uniform(random, flows.length)] as Flow;
      if (uniform(random, 3) > (shy ? 1 : 0)) flow.postReceive();
      if (flow.post(fabric.now)) posted += 1;
    }
    if (uniform(random, 2) === 0) {
      fabric.step();
    } else {
      fabric.settle();
      fabric.jump();
    }
    poll();
  }
  for (let i = 0; i < 1_000_000 && !isWrong(); i += 1) {
    for (const flow of flows) if (!shy || i % 5 === 0) flow.postReceive();
    fabric.settle();
    poll();
    if (!fabric.jump()) break;
  }
  for (const flow of flows) flow.check();
  for (const { layer } of fabric.sides) {
    const { timers, turns } = layer.usage();
    if (timers + turns > 0 && !isWrong()) flows[0]?.trouble.push(`${timers} timers and ${turns} turns are left`);
  }
  const sum = (count: (flow: Fabric['a']) => number): number =>
    fabric.sides.reduce((all, side) => all + count(side), 0);
  return {
    operations: flows.reduce((all, { completed }) => all + completed, 0),
    packets: sum(({ layer }) => layer.counters.packetsSent),
    retransmitted: sum(({ layer }) => layer.counters.retransmitted),
    trouble: flows.flatMap(({ trouble }) => trouble).slice(0, 3),
  };
}

/** Makes a fabric's network bad. */
export function disturb(fabric: Fabric, random: Random, { loss, duplication, corruption, delay }: Faults): void {
  const chance = (perMille: number): boolean => perMille > 0 && uniform(random, 1_000) < perMille;
  const late = (): number => (delay === 0 ? 0 : uniform(random, delay));
  fabric.fate = (bytes) => {
    if (chance(loss)) return [];
    const arriving = { bytes, delay: late() };
    if (chance(corruption)) {
      const damaged = bytes.slice();
      const at = uniform(random, damaged.length);
      damaged[at] = (damaged[at] as number) ^ (1 << uniform(random, 8));
      return [{ bytes: damaged, delay: late() }];
    }
    return chance(duplication) ? [arriving, { bytes, delay: late() * 3 }] : [arriving];
  };
}
