import {
  MEMORY_ACCESS,
  type MemoryRegion,
  type ProtectionDomain,
  type ReceiveRequest,
  type WorkQueues,
} from '../transport/index.js';
import { Deferred } from './deferred.js';

/** A message of the peer's. */
export interface Message {
  /** The caller's own. Empty when the peer has written with immediate data: what it wrote is where it wrote it. */
  readonly data: Uint8Array;
  /** 32 bits, if the peer sent some. */
  readonly immediate: number | undefined;
}

/** What a completion says of a message in one of our buffers. */
export interface Arrival {
  readonly buffer: number;
  readonly length: number;
  readonly immediate: number | undefined;
  /** Of a datagram. */
  readonly sourceQpn: number | undefined;
}

/** A message and, of a datagram, the queue pair that has sent it. */
export type Received = Message & Pick<Arrival, 'sourceQpn'>;

const NO_BYTES = new Uint8Array(0);

/**
 * Buffers for the peer's messages, posted as receives, and the messages that are in some. A buffer is posted again when its message was
 * taken: a consumer that takes none lets the peer wait, and costs no more memory.
 */
export class ReceivedMessages {
  readonly #queues: WorkQueues;
  readonly #count: number;
  readonly #size: number;
  readonly #messages: Arrival[] = [];
  /** Those that were left when the buffers were given back. */
  #left: Received[] = [];
  readonly #takers: Deferred<Received | undefined>[] = [];
  /** By buffer. */
  readonly #receives: ReceiveRequest[] = [];
  #region: MemoryRegion | undefined;
  #bytes = NO_BYTES;
  #ended = false;

  constructor(queues: WorkQueues, count: number, size: number) {
    this.#queues = queues;
    this.#count = count;
    this.#size = size;
  }

  /** The longest message. */
  get size(): number {
    return this.#size;
  }

  /** Posts all buffers. @throws TransportError `LIMIT_REACHED`; then there are none. */
  start(domain: ProtectionDomain): void {
    if (this.#count === 0) return;
    this.#bytes = new Uint8Array(this.#count * this.#size);
    const region = domain.register(this.#bytes, { access: MEMORY_ACCESS.localWrite });
    this.#region = region;
    for (let buffer = 0; buffer < this.#count; buffer += 1) {
      const receive = { id: buffer, elements: [region.element(buffer * this.#size, this.#size)] };
      this.#receives.push(receive);
      this.#queues.postReceive(receive);
    }
  }

  /** A message has come into a buffer. */
  take(arrival: Arrival): void {
    this.#messages.push(arrival);
    this.#serve();
  }

  /** The next message; undefined when there will be none any more. @throws the signal's reason; then the message is somebody else's. */
  next(signal: AbortSignal | undefined): Promise<Received | undefined> {
    return signal === undefined ? this.#wait().promise : this.#waitUnless(signal);
  }

  #wait(): Deferred<Received | undefined> {
    const taker = new Deferred<Received | undefined>();
    this.#takers.push(taker);
    this.#serve();
    return taker;
  }

  async #waitUnless(signal: AbortSignal): Promise<Received | undefined> {
    signal.throwIfAborted();
    const taker = this.#wait();
    // One that has got its message keeps it.
    const onAbort = (): void => {
      const place = this.#takers.indexOf(taker);
      if (place < 0) return;
      this.#takers.splice(place, 1);
      taker.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await taker.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** No other message will come. Those that are here can be taken. */
  end(): void {
    this.#ended = true;
    this.#serve();
  }

  /** After {@link end}: gives the buffers back. The messages remain. */
  release(): void {
    this.#region?.deregister();
    this.#region = undefined;
    this.#left = this.#messages.splice(0).map((message) => this.#read(message));
    this.#bytes = NO_BYTES;
    this.#receives.length = 0;
  }

  #serve(): void {
    while (this.#takers.length > 0) {
      const message = this.#take();
      if (message === undefined && !this.#ended) return;
      (this.#takers.shift() as Deferred<Received | undefined>).resolve(message);
    }
  }

  #take(): Received | undefined {
    const left = this.#left.shift();
    if (left !== undefined) return left;
    const arrival = this.#messages.shift();
    return arrival && this.#read(arrival);
  }

  #read({ buffer, length, immediate, sourceQpn }: Arrival): Received {
    const at = buffer * this.#size;
    const data = this.#bytes.slice(at, at + length);
    if (!this.#ended) this.#queues.postReceive(this.#receives[buffer] as ReceiveRequest);
    return { data, immediate, sourceQpn };
  }
}
