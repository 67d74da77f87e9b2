import { type Duration, type Instant, milliseconds } from '../base/index.js';
import {
  type AddressHandle,
  type CompletionQueue,
  type DatagramDestination,
  MEMORY_ACCESS,
  type MemoryRegion,
  type ProtectionDomain,
  TransportError,
  type TransportLayer,
  type WorkCompletion,
  type WorkQueues,
  type WorkRequest,
} from '../transport/index.js';
import { ACCESS, type AddressVector, type QueuePair } from '../verbs/index.js';
import { Deferred } from './deferred.js';
import { ReceivedMessages } from './received-messages.js';
import { type FailureStatus, TransferError } from './transfer-error.js';
import { DEFAULT_RECEIVE_BYTES, DEFAULT_RECEIVES, DEFAULT_SENDS, type TransferOptions } from './transfer-options.js';

/** Memory of the peer's, as it has told us: a region of ours has the same two numbers. */
export interface RemoteMemory {
  readonly address: number | bigint;
  readonly rkey: number;
}

/** What the peer may do with registered memory. By default nothing. */
export interface RegisterRights {
  readonly remoteRead?: boolean;
  readonly remoteWrite?: boolean;
  readonly remoteAtomic?: boolean;
}

/** A message's companion: 32 bits that the peer gets with it. */
export interface ImmediateOption {
  readonly immediate?: number;
}

export interface TransfersParts {
  readonly transport: TransportLayer;
  readonly queuePair: QueuePair;
  readonly now: () => Instant;
  /** Lets the driver send. */
  readonly wake: () => void;
  /** Calls back after a time. @returns what takes that back. */
  readonly schedule: (delay: Duration, call: () => void) => () => void;
  readonly options: TransferOptions;
}

/** What is posted: with a number of its own, for memory of the program's. */
type NumberedRequest = WorkRequest & { readonly id: number; readonly memory: Uint8Array };

/** A transfer and who waits for it. */
interface Transfer {
  readonly operation: string;
  readonly request: NumberedRequest;
  /** How long its memory was when it was given. */
  readonly length: number;
  readonly done: Deferred<void>;
}

const ATOMIC_BYTES = 8;
/** Regions that are remembered before it is looked whether they are still registered. */
const SWEEP_MIN = 64;
const NO_DATA = new Uint8Array(0);
/** Where nothing is written, it does not matter (IBTA 9.7.4.1.3): no key is looked at. */
const NOWHERE: RemoteMemory = { address: 0, rkey: 0 };

/** What a peer may ask of a connection's queue pair; what of it concerns which memory is said where the memory is registered. */
export const REMOTE_ACCESS = ACCESS.remoteRead | ACCESS.remoteWrite | ACCESS.remoteAtomic;
/** When a peer that found no receive here may ask again: 0.64 ms, as most RDMA software says; the verbs' own default is 655 ms. As IBTA encodes it. */
export const MIN_RNR_TIMER = 12;

/** The data of one connection: its work queues, the memory that is registered for it, and who waits for what. */
export class Transfers {
  readonly #now: () => Instant;
  readonly #wake: () => void;
  readonly #schedule: TransfersParts['schedule'];
  readonly #keepAlive: Duration | undefined;
  readonly #domain: ProtectionDomain;
  readonly #completions: CompletionQueue;
  readonly #queues: WorkQueues;
  readonly #sends: number;
  readonly #received: ReceivedMessages;
  /** By the number of the request. */
  readonly #posted = new Map<number, Transfer>();
  /** For want of room in the send queue. */
  readonly #waiting: Transfer[] = [];
  readonly #regions = new Set<MemoryRegion>();
  #sweepAt = SWEEP_MIN;
  #next = 0;
  #ended = false;
  #waking = false;
  /** Completions so far, and when it was last looked whether there are any. */
  #completed = 0;
  #seen = 0;
  /** Ends the wait for the next look at whether the peer is there. */
  #unwatch: (() => void) | undefined;
  /** Told when the queue pair is in ERR, whatever the reason; perhaps more than once. */
  onBroken: (() => void) | undefined;

  /** Gives a queue pair in RESET its work queues. @throws TransportError `LIMIT_REACHED`; then nothing is left. */
  constructor({ transport, queuePair, now, wake, schedule, options }: TransfersParts) {
    const { receives = DEFAULT_RECEIVES, receiveBytes = DEFAULT_RECEIVE_BYTES, sends = DEFAULT_SENDS } = options;
    this.#now = now;
    this.#wake = wake;
    this.#schedule = schedule;
    this.#keepAlive = options.keepAliveMs === undefined ? undefined : milliseconds(options.keepAliveMs);
    this.#sends = sends;
    this.#domain = transport.allocateProtectionDomain();
    this.#completions = transport.createCompletionQueue(sends + receives, this);
    this.#queues = transport.attach(queuePair, {
      domain: this.#domain,
      sendCompletions: this.#completions,
      maxSend: sends,
      maxReceive: Math.max(1, receives),
      maxInline: 0,
    });
    this.#received = new ReceivedMessages(this.#queues, receives, receiveBytes);
  }

  /** The queue pair has left RESET: it can receive. @throws TransportError `LIMIT_REACHED` */
  start(): void {
    this.#received.start(this.#domain);
    this.#completions.arm();
    this.#watch();
  }

  /** For datagrams: the way to an address. */
  createAddressHandle(address: AddressVector): AddressHandle {
    return this.#domain.createAddressHandle(address);
  }

  get received(): ReceivedMessages {
    return this.#received;
  }

  /** @param to of a datagram. */
  send(data: Uint8Array, { immediate }: ImmediateOption, to?: DatagramDestination): Promise<void> {
    const id = this.#nextId();
    return this.#start('send', { opcode: 'send', id, memory: data, immediate, to });
  }

  write({ address, rkey }: RemoteMemory, data: Uint8Array, { immediate }: ImmediateOption): Promise<void> {
    const id = this.#nextId();
    return this.#start('write', {
      opcode: 'rdmaWrite',
      id,
      memory: data,
      remoteAddress: address,
      rkey,
      immediate,
    });
  }

  read({ address, rkey }: RemoteMemory, into: Uint8Array): Promise<void> {
    const id = this.#nextId();
    return this.#start('read', { opcode: 'rdmaRead', id, memory: into, remoteAddress: address, rkey });
  }

  async fetchAdd({ address, rkey }: RemoteMemory, add: bigint): Promise<bigint> {
    const id = this.#nextId();
    const memory = new Uint8Array(ATOMIC_BYTES);
    await this.#start('fetchAdd', { opcode: 'fetchAndAdd', id, memory, remoteAddress: address, rkey, add });
    return new DataView(memory.buffer).getBigUint64(0, true);
  }

  async compareSwap({ address, rkey }: RemoteMemory, compare: bigint, swap: bigint): Promise<bigint> {
    const id = this.#nextId();
    const memory = new Uint8Array(ATOMIC_BYTES);
    const where = { remoteAddress: address, rkey };
    await this.#start('compareSwap', { opcode: 'compareAndSwap', id, memory, ...where, compare, swap });
    return new DataView(memory.buffer).getBigUint64(0, true);
  }

  /** Registers memory for the peer, until it is deregistered or the connection has ended. @throws TransportError `LIMIT_REACHED`, `INVALID_ARGUMENT`; TransferError `FLUSHED` */
  register(memory: Uint8Array | ArrayBuffer, rights: RegisterRights): MemoryRegion {
    if (this.#ended) throw new TransferError('register', 'flushed');
    const { remoteRead = false, remoteWrite = false, remoteAtomic = false } = rights;
    const region = this.#domain.register(memory, {
      access:
        MEMORY_ACCESS.localWrite |
        (remoteRead ? ACCESS.remoteRead : 0) |
        (remoteWrite ? ACCESS.remoteWrite : 0) |
        (remoteAtomic ? ACCESS.remoteAtomic : 0),
    });
    this.#regions.add(region);
    this.#sweep();
    return region;
  }

  /** Forgets regions that the caller has deregistered, before they are most of those that are remembered. */
  #sweep(): void {
    if (this.#regions.size < this.#sweepAt) return;
    for (const each of this.#regions) if (!each.registered) this.#regions.delete(each);
    this.#sweepAt = Math.max(SWEEP_MIN, 2 * this.#regions.size);
  }

  // ---- what the transport says

  /** There are completions. */
  handleCompletions(): void {
    do {
      for (let each = this.#completions.poll(); each !== undefined; each = this.#completions.poll())
        this.#complete(each);
    } while (!this.#ended && this.#completions.arm());
    this.#postWaiting();
  }

  handleBroken(): void {
    this.#received.end();
    this.onBroken?.();
  }

  /** The queue pair is being destroyed: whoever still waits is told, and all memory is given back. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unwatch?.();
    // What the transport has done already counts.
    this.handleCompletions();
    for (const transfer of [...this.#posted.values(), ...this.#waiting]) this.#fail(transfer, 'flushed');
    this.#posted.clear();
    this.#waiting.length = 0;
    this.#received.end();
    this.#received.release();
    for (const region of this.#regions) if (region.registered) region.deregister();
    this.#regions.clear();
  }

  /** After {@link end}, when the queue pair is gone. */
  dispose(): void {
    this.#completions.destroy();
    this.#domain.deallocate();
  }

  /** If nothing is completed for so long, and nothing is under way, the peer is asked. */
  #watch(): void {
    if (this.#keepAlive === undefined) return;
    this.#unwatch = this.#schedule(this.#keepAlive, () => {
      if (this.#completed === this.#seen && this.#posted.size === 0) this.#ask();
      this.#seen = this.#completed;
      this.#watch();
    });
  }

  #ask(): void {
    const done = (): void => {
      // The answer is no reason not to ask again.
      this.#seen += 1;
    };
    // What else comes of it shows in the connection.
    this.write(NOWHERE, NO_DATA, {}).then(done, () => undefined);
  }

  #complete({ id, status, opcode, byteLength, immediate, sourceQpn }: WorkCompletion): void {
    this.#completed += 1;
    if (opcode === 'receive' || opcode === 'receiveRdmaWithImmediate') {
      const length = opcode === 'receive' ? byteLength : 0;
      if (status === 'success') this.#received.take({ buffer: id, length, immediate, sourceQpn });
      else this.handleBroken();
      return;
    }
    const transfer = this.#posted.get(id);
    if (transfer === undefined) return;
    this.#posted.delete(id);
    if (status === 'success') {
      transfer.done.resolve();
      return;
    }
    this.#fail(transfer, status);
    this.handleBroken();
  }

  #fail({ done, operation }: Transfer, status: FailureStatus): void {
    done.reject(new TransferError(operation, status));
  }

  #nextId(): number {
    this.#next += 1;
    return this.#next;
  }

  #start(operation: string, request: NumberedRequest): Promise<void> {
    const { memory } = request;
    // The transport would take nothing for no data.
    if (!(memory instanceof Uint8Array)) return Promise.reject(invalidRequest(operation, 'takes a Uint8Array'));
    const transfer: Transfer = { operation, request, length: memory.length, done: new Deferred() };
    const { promise } = transfer.done;
    if (this.#ended) this.#fail(transfer, 'flushed');
    else if (this.#waiting.length > 0 || this.#isFull) this.#waiting.push(transfer);
    else {
      this.#post(transfer);
      this.#wakeSoon();
    }
    return promise;
  }

  /** What is posted in one turn of the program goes out together: the fewer answers are asked for. */
  #wakeSoon(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      this.#wake();
    });
  }

  /** A request that is over takes its place until it is polled: in ERR each is over at once, and the queue of completions must hold them. */
  get #isFull(): boolean {
    return this.#posted.size >= this.#sends;
  }

  #postWaiting(): void {
    while (!this.#ended && !this.#isFull) {
      const transfer = this.#waiting.shift();
      if (transfer === undefined) return;
      this.#post(transfer);
    }
  }

  #post(transfer: Transfer): void {
    const { operation, request, length, done } = transfer;
    if (request.memory.length !== length) {
      done.reject(invalidRequest(operation, 'waited, and its memory was detached or resized meanwhile'));
      return;
    }
    try {
      this.#queues.postSend(request, this.#now());
      this.#posted.set(request.id, transfer);
    } catch (error) {
      done.reject(error as Error);
    }
  }
}

const invalidRequest = (operation: string, what: string): TransportError =>
  new TransportError('INVALID_REQUEST', `${operation} ${what}`, {});
