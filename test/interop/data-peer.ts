import { parseGid, type Random, ReferenceLedger } from 'ibcm/base';
import { type CmEvent, type CmId, CmInterface } from 'ibcm/cm';
import type { PortDriver } from 'ibcm/io';
import { type ConnectedQueuePair, ConnectedQueuePairs } from 'ibcm/qp';
import {
  type CompletionQueue,
  MEMORY_ACCESS,
  type MemoryRegion,
  type ProtectionDomain,
  type SharedReceiveQueue,
  type TransportLayer,
  type WorkCompletion,
  type WorkQueues,
  type WorkRequest,
} from 'ibcm/transport';
import { ACCESS, QueuePairTable } from 'ibcm/verbs';
import { encodeIpCmHeader, IP_CM_HEADER_BYTES, type PortSpace, serviceIdOfPort } from 'ibcm/wire';
import { Deferred } from '../../dist/endpoint/deferred.js';
import { Log, WAIT_SECONDS, within } from './waiting.js';

/** Address, key and length of memory that the other side may work on: rdma-data-peer's private data, and ours if nothing else is said. */
const PLACE_BYTES = 16;
const RECEIVES = 16;
const RECEIVES_MAX = 256;
const SENDS_MAX = 64;
/** Reads and atomics at once, each way. */
const DEPTH = 16;
const RESPONSE_TIMEOUT = 18;
/** Who finds no receive of ours tries again after 0.64 ms. */
const MIN_RNR_TIMER = 12;

/** What moves, and how much of it. */
export interface DataOptions {
  readonly service?: 'rc' | 'uc';
  /** Bytes that the peer may work on; what is in them at the beginning, {@link memoryOf} says. */
  readonly memoryBytes?: number;
  /** What the peer may do there, of {@link ACCESS}; default everything. */
  readonly rights?: number;
  /** Receives that are posted from the beginning; default 16. */
  readonly receives?: number;
  readonly receiveBytes?: number;
  readonly rnrRetryCount?: number;
  /** Receives come from here. */
  readonly shared?: SharedReceives;
  /** Of the path, as IBTA's code, where we connect. */
  readonly mtu?: number;
  /** Our private data; default where our memory is. */
  readonly introduce?: (peer: DataPeer) => Uint8Array;
}

/** Memory of the peer's. */
interface Place {
  readonly address: bigint;
  readonly rkey: number;
  readonly length: number;
}

/** A message that has come, or the end of a receive without one. */
export interface Arrived {
  readonly status: WorkCompletion['status'];
  readonly data: Uint8Array;
  readonly immediate: number | undefined;
  /** Bytes that were written, if it is the immediate data of a write. */
  readonly written: number | undefined;
  readonly invalidatedKey: number | undefined;
}

/** Any of {@link WorkRequest}, without what every request of ours has. */
type Wanted = WorkRequest extends infer Request ? (Request extends unknown ? Omit<Request, 'id'> : never) : never;

interface Parts {
  readonly driver: PortDriver;
  readonly transport: TransportLayer;
  readonly random: Random;
  readonly address: string;
}

/** What memory that a peer may work on holds at the beginning. */
export const memoryOf = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => i * 7 + (i >> 8));

/** Data that rdma-data-peer sends, and we send. */
export const dataOf = (bytes: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => seed + i * 5 + (i >> 8));

/** Receives that several queue pairs of ours take from. */
export class SharedReceives {
  readonly domain: ProtectionDomain;
  readonly queue: SharedReceiveQueue;
  readonly memory: MemoryRegion;
  readonly receiveBytes: number;
  #next = 0;

  constructor(transport: TransportLayer, receiveBytes: number) {
    this.domain = transport.allocateProtectionDomain();
    this.queue = transport.createSharedReceiveQueue({ domain: this.domain, capacity: RECEIVES_MAX });
    this.receiveBytes = receiveBytes;
    const bytes = new Uint8Array(RECEIVES_MAX * receiveBytes);
    this.memory = this.domain.register(bytes, { access: MEMORY_ACCESS.localWrite });
  }

  post(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const id = this.#next % RECEIVES_MAX;
      this.#next += 1;
      this.queue.post({ id, elements: [this.memory.element(id * this.receiveBytes, this.receiveBytes)] });
    }
  }
}

/** A connection was not made. */
export class NotConnected extends Error {
  /** The number of the peer's reason, if it rejected. */
  readonly reason: number | undefined;

  constructor({ type, message }: CmEvent) {
    super(`the connection came to ${type}`);
    this.reason = message?.message === 'REJ' ? message.fields.reason : undefined;
  }
}

/** Queue pairs of ours, connected by the connection manager, whose work requests the scenario posts itself. */
export class DataPeers {
  readonly #parts: Parts;
  readonly #cm: CmInterface;
  readonly #connected: ConnectedQueuePairs;
  readonly #peers: DataPeer[] = [];

  constructor(parts: Parts) {
    const { driver, random } = parts;
    const ledger = new ReferenceLedger();
    this.#parts = parts;
    this.#cm = new CmInterface(driver.adapter.cep, ledger);
    this.#connected = new ConnectedQueuePairs({
      cm: this.#cm,
      queuePairs: new QueuePairTable({ random, ledger }),
      ledger,
    });
    driver.onTurn(() => {
      this.#cm.poll(driver.now());
      for (const peer of this.#peers) peer.poll();
    });
  }

  shareReceives(receiveBytes: number): SharedReceives {
    return new SharedReceives(this.#parts.transport, receiveBytes);
  }

  /** Connects to Linux. */
  async connect(remote: string, port: number, options: DataOptions = {}): Promise<DataPeer> {
    const { driver, address } = this.#parts;
    const localGid = parseGid(address);
    const remoteGid = parseGid(remote);
    const peer = this.#create(options);
    const { introduce = placeOf } = options;
    const header = new Uint8Array(IP_CM_HEADER_BYTES);
    const ipVersion = remote.includes(':') ? 6 : 4;
    encodeIpCmHeader({ ipVersion, source: localGid, destination: remoteGid, sourcePort: 40_000 }, header);
    const request = {
      path: { port: 1, localGid, remoteGid },
      serviceId: serviceIdOfPort(portSpaceOf(options), port),
      startingPsn: 0xff_ff00,
      remoteCmResponseTimeout: RESPONSE_TIMEOUT,
      localCmResponseTimeout: RESPONSE_TIMEOUT,
      privateData: Buffer.concat([header, introduce(peer)]),
      mtu: options.mtu ?? 3,
      retryCount: 7,
      rnrRetryCount: options.rnrRetryCount ?? 7,
      responderResources: DEPTH,
      initiatorDepth: DEPTH,
      srq: options.shared !== undefined,
    };
    peer.queuePair.connect(request, driver.now());
    peer.post(options.receives ?? RECEIVES);
    await within(WAIT_SECONDS, 'our connection', peer.established);
    return peer;
  }

  /** Accepts so many connections of Linux'. */
  listen(port: number, count: number, options: DataOptions = {}): Promise<DataPeer>[] {
    const { driver } = this.#parts;
    const arriving = Array.from({ length: count }, () => new Deferred<DataPeer>());
    let next = 0;
    const listener = this.#cm.createId((id: CmId, { type }: CmEvent) => {
      if (type !== 'req_received') return;
      const request = this.#connected.getRequest(id);
      if (request === undefined) return;
      const message = request.event.message;
      const peer = this.#create(options);
      if (message?.message !== 'REQ') return;
      const { privateData, responderResources, initiatorDepth } = message.fields;
      const { introduce = placeOf } = options;
      peer.learn(privateData.subarray(IP_CM_HEADER_BYTES));
      const answer = {
        startingPsn: 0xff_ff00,
        responderResources: Math.min(DEPTH, initiatorDepth),
        initiatorDepth: Math.min(DEPTH, responderResources),
        rnrRetryCount: options.rnrRetryCount ?? 7,
        srq: options.shared !== undefined,
        privateData: introduce(peer),
      };
      peer.queuePair.accept(request, answer, driver.now());
      peer.post(options.receives ?? RECEIVES);
      const arrived = arriving[next];
      next += 1;
      peer.established.then(
        () => arrived?.resolve(peer),
        (error: unknown) => arrived?.reject(error as Error),
      );
    }, undefined);
    this.#cm.listen(listener, { serviceId: serviceIdOfPort(portSpaceOf(options), port), backlog: count }, driver.now());
    return arriving.map(({ promise }) => within(WAIT_SECONDS, "Linux' connection", promise));
  }

  #create(options: DataOptions): DataPeer {
    const peer = new DataPeer(this.#parts, this.#connected, options);
    this.#peers.push(peer);
    return peer;
  }
}

const placeOf = (peer: DataPeer): Uint8Array => peer.place;

/** Port space TCP has reliable connections only. */
const portSpaceOf = ({ service }: DataOptions): PortSpace => (service === 'uc' ? 'ib' : 'tcp');

/** A queue pair of ours, its memory, and the peer's. */
export class DataPeer {
  readonly queuePair: ConnectedQueuePair;
  /** What the peer may work on. */
  readonly memory: MemoryRegion;
  readonly #driver: PortDriver;
  readonly #sends: CompletionQueue;
  readonly #receives: CompletionQueue;
  readonly #domain: ProtectionDomain;
  readonly #incoming: MemoryRegion;
  readonly #receiveBytes: number;
  readonly #shared: SharedReceives | undefined;
  readonly #arrived: Log<Arrived>;
  readonly #established = new Deferred<void>();
  readonly #ended = new Deferred<CmEvent['type']>();
  readonly #posted = new Map<number, Deferred<WorkCompletion>>();
  #queues: WorkQueues | undefined;
  #said: Uint8Array = new Uint8Array();
  #peer: Place | undefined;
  #next = 0;
  #nextReceive = 0;
  #nextArrived = 0;

  constructor({ driver, transport }: Parts, connected: ConnectedQueuePairs, options: DataOptions) {
    const { memoryBytes = 65_536, receiveBytes = 65_536, shared, service = 'rc' } = options;
    this.#driver = driver;
    this.#receiveBytes = shared?.receiveBytes ?? receiveBytes;
    this.#shared = shared;
    this.#arrived = new Log<Arrived>('our queue pair', ({ status, data }) => `${status}, ${data.length} bytes`);
    const domain = shared?.domain ?? transport.allocateProtectionDomain();
    this.#domain = domain;
    this.#sends = transport.createCompletionQueue(2 * SENDS_MAX);
    this.#receives = transport.createCompletionQueue(2 * RECEIVES_MAX);
    const rights = options.rights ?? ACCESS.remoteRead | ACCESS.remoteWrite | ACCESS.remoteAtomic;
    this.memory = domain.register(memoryOf(memoryBytes), {
      access: MEMORY_ACCESS.localWrite | rights,
      remoteInvalidate: true,
    });
    this.#incoming =
      shared?.memory ??
      domain.register(new Uint8Array(RECEIVES_MAX * receiveBytes), { access: MEMORY_ACCESS.localWrite });
    this.queuePair = connected.create(
      {
        transport: service,
        context: undefined,
        ...(service === 'rc' && { minRnrTimer: MIN_RNR_TIMER }),
        accessFlags: ACCESS.remoteRead | ACCESS.remoteWrite | ACCESS.remoteAtomic,
        callback: (_, event, failure) => this.#handle(event, failure),
      },
      (queuePair) => {
        this.#queues = transport.attach(queuePair, {
          domain,
          sendCompletions: this.#sends,
          receiveCompletions: this.#receives,
          maxSend: SENDS_MAX,
          maxReceive: RECEIVES_MAX,
          ...(shared && { sharedReceiveQueue: shared.queue }),
        });
      },
    );
  }

  /** What the peer is to know of our memory. */
  get place(): Uint8Array {
    const bytes = Buffer.alloc(PLACE_BYTES);
    bytes.writeBigUInt64BE(BigInt(this.memory.address));
    bytes.writeUInt32BE(this.memory.rkey, 8);
    bytes.writeUInt32BE(this.memory.bytes.length, 12);
    return bytes;
  }

  /** The peer's private data. */
  get said(): Uint8Array {
    return this.#said;
  }

  /** The peer has said where its memory is. */
  learn(said: Uint8Array): void {
    this.#said = Uint8Array.from(said);
    const bytes = Buffer.from(said);
    this.#peer = { address: bytes.readBigUInt64BE(), rkey: bytes.readUInt32BE(8), length: bytes.readUInt32BE(12) };
  }

  get established(): Promise<void> {
    return this.#established.promise;
  }

  /** By which event the connection has ended. */
  ended(): Promise<CmEvent['type']> {
    return within(WAIT_SECONDS, "the connection's end", this.#ended.promise);
  }

  /** A place in the peer's memory, for a request. */
  at(offset: number): { readonly remoteAddress: bigint; readonly rkey: number } {
    if (this.#peer === undefined) throw new Error('the peer has not said where its memory is');
    return { remoteAddress: this.#peer.address + BigInt(offset), rkey: this.#peer.rkey };
  }

  /** Does something. @returns how it ended. */
  do(wanted: Wanted): Promise<WorkCompletion> {
    this.#next += 1;
    const done = new Deferred<WorkCompletion>();
    this.#posted.set(this.#next, done);
    this.#queuesNow.postSend({ ...wanted, id: this.#next } as WorkRequest, this.#driver.now());
    this.#driver.wake();
    // What is unreliable is done when it is sent.
    this.poll();
    return within(WAIT_SECONDS, `the end of ${wanted.opcode}`, done.promise);
  }

  async send(data: Uint8Array, more: { immediate?: number; invalidate?: number } = {}): Promise<WorkCompletion> {
    return this.#withMemory(data, (elements) => this.do({ opcode: 'send', elements, ...more }));
  }

  async write(
    offset: number,
    data: Uint8Array,
    more: { immediate?: number; rkey?: number } = {},
  ): Promise<WorkCompletion> {
    return this.#withMemory(data, (elements) =>
      this.do({ opcode: 'rdmaWrite', elements, ...this.at(offset), ...more }),
    );
  }

  /** @returns what came, with how it ended. */
  async read(
    offset: number,
    length: number,
    more: { rkey?: number } = {},
  ): Promise<WorkCompletion & { data: Uint8Array }> {
    const into = new Uint8Array(length);
    const done = await this.#withMemory(into, (elements) =>
      this.do({ opcode: 'rdmaRead', elements, ...this.at(offset), ...more }),
    );
    return { ...done, data: into };
  }

  /** @returns what was there, with how it ended. */
  async atomic(
    offset: number,
    operation: { readonly add: bigint } | { readonly compare: bigint; readonly swap: bigint },
    more: { rkey?: number } = {},
  ): Promise<WorkCompletion & { before: bigint }> {
    const into = new Uint8Array(8);
    const done = await this.#withMemory(into, (elements) => {
      const about = { elements, ...this.at(offset), ...more };
      return 'add' in operation
        ? this.do({ opcode: 'fetchAndAdd', ...about, ...operation })
        : this.do({ opcode: 'compareAndSwap', ...about, ...operation });
    });
    return { ...done, before: new DataView(into.buffer).getBigUint64(0, true) };
  }

  /** The next message. */
  receive(): Promise<Arrived> {
    this.#nextArrived += 1;
    return this.#arrived.find(`message ${this.#nextArrived}`, () => true, WAIT_SECONDS, this.#nextArrived);
  }

  /** Posts receives; those that are shared are posted there. */
  post(count: number): void {
    for (let left = this.#shared === undefined ? count : 0; left > 0; left -= 1) {
      const id = this.#nextReceive % RECEIVES_MAX;
      this.#nextReceive += 1;
      const elements = [this.#incoming.element(id * this.#receiveBytes, this.#receiveBytes)];
      this.#queuesNow.postReceive({ id, elements });
    }
    this.#driver.wake();
  }

  /** Disconnects. @returns by which event the connection has ended. */
  async disconnect(): Promise<CmEvent['type']> {
    if (this.queuePair.connectionState === 'ESTABLISHED') {
      this.queuePair.disconnect({}, this.#driver.now());
      this.#driver.wake();
    }
    return this.ended();
  }

  /** Takes what is done. */
  poll(): void {
    for (let done = this.#sends.poll(); done !== undefined; done = this.#sends.poll()) {
      this.#posted.get(done.id)?.resolve({ ...done });
      this.#posted.delete(done.id);
    }
    for (let done = this.#receives.poll(); done !== undefined; done = this.#receives.poll()) {
      const { id, status, opcode, byteLength, immediate, invalidatedKey } = done;
      const isWritten = opcode === 'receiveRdmaWithImmediate';
      const start = id * this.#receiveBytes;
      this.#arrived.add({
        status,
        data: this.#incoming.bytes.slice(start, start + (isWritten || status !== 'success' ? 0 : byteLength)),
        immediate,
        written: isWritten ? byteLength : undefined,
        invalidatedKey,
      });
    }
  }

  #handle(event: CmEvent, failure: Error | undefined): void {
    if (failure !== undefined) this.#established.reject(failure);
    const { message } = event;
    switch (event.type) {
      case 'rep_received':
        if (message?.message === 'REP') this.learn(message.fields.privateData);
        this.#established.resolve();
        return;
      case 'rtu_received':
        this.#established.resolve();
        return;
      case 'dreq_received':
      case 'drep_received':
      case 'dreq_error':
        this.#ended.resolve(event.type);
        return;
      case 'req_error':
      case 'rep_error':
      case 'rej_received':
        this.#established.reject(new NotConnected(event));
        return;
      default:
    }
  }

  async #withMemory<T>(
    bytes: Uint8Array,
    request: (elements: readonly ReturnType<MemoryRegion['element']>[]) => Promise<T>,
  ): Promise<T> {
    if (bytes.length === 0) return request([]);
    const region = this.#domain.register(bytes, { access: MEMORY_ACCESS.localWrite });
    try {
      return await request([region.element()]);
    } finally {
      region.deregister();
    }
  }

  get #queuesNow(): WorkQueues {
    if (this.#queues === undefined) throw new Error('the queue pair moves no data');
    return this.#queues;
  }
}
