import { BusyPoll } from './busy-poll.js';
import { type DatagramSocket, NO_BUFFER_BYTES, SOCKET_BUFFER_BYTES, type SocketUser } from './datagram-socket.js';
import { MSG_DONTWAIT, MSG_NOSIGNAL } from './message-headers.js';
import type { NativeSockets } from './native-socket.js';
import { bytesOf, type SentDatagram } from './port.js';
import { Readiness, type Watcher } from './readiness.js';
import { ReceiveBatch } from './receive-batch.js';
import { SendBatch } from './send-batch.js';

/** After so many datagrams have come in one round of the event loop, others have their turn. */
const RECEIVED_MAX = 128;
/** Datagrams that wait for room in the system. Further ones are lost. */
export const WAITING_MAX = 1_024;
/** The system, or the device, does not cut messages, or not these. */
const REFUSALS: ReadonlySet<string> = new Set(['EIO', 'EINVAL', 'EMSGSIZE', 'EOPNOTSUPP', 'ENOPROTOOPT']);

export interface BatchedSocketOptions {
  /** Whether the system may be asked to cut one message into datagrams, and may hand over several as one. */
  readonly segmentation: boolean;
  /** Whether it looks for datagrams in every turn of the event loop, instead of being told of them. */
  readonly busyPoll: boolean;
}

/** A UDP socket that sends and receives many datagrams with one system call, on Linux. */
export class BatchedSocket implements DatagramSocket {
  readonly kind = 'batched';
  readonly #native: NativeSockets;
  readonly #user: SocketUser;
  readonly #descriptor: number;
  readonly #watcher: Watcher;
  readonly #sending: SendBatch;
  readonly #receiving: ReceiveBatch | undefined;
  /** For want of room in the system, in the order in which they were sent. */
  #waiting: SentDatagram[] = [];
  #segmentation: boolean;
  #closed = false;

  /** @throws an error with the system's code, such as EADDRINUSE. */
  constructor(user: SocketUser, native: NativeSockets, { segmentation, busyPoll }: BatchedSocketOptions) {
    this.#native = native;
    this.#user = user;
    this.#segmentation = segmentation;
    this.#descriptor = native.open(user.gid, user.port);
    try {
      native.setBuffers(this.#descriptor, user.receives ? SOCKET_BUFFER_BYTES : NO_BUFFER_BYTES, SOCKET_BUFFER_BYTES);
      this.#sending = new SendBatch(native, user.gid);
      const ready = (): void => this.#ready();
      // Who only sends waits for room alone, which is rare.
      const polls = busyPoll && user.receives;
      this.#watcher = polls ? new BusyPoll(ready) : new Readiness(native.libc, this.#descriptor, ready);
      if (user.receives) {
        this.#receiving = new ReceiveBatch(native, user.gid, segmentation && native.coalesce(this.#descriptor));
        this.#watcher.watch(true, false);
      }
    } catch (error) {
      native.close(this.#descriptor);
      throw error;
    }
  }

  /** Whether messages are cut by the system: asked for, and not refused so far. */
  get segmentation(): boolean {
    return this.#segmentation;
  }

  send(datagram: SentDatagram): void {
    if (this.#closed) return;
    if (this.#sending.isFull) this.flush();
    // Nobody overtakes those who wait.
    if (this.#waiting.length === 0) this.#sending.push(datagram);
    else this.#wait({ ...datagram, bytes: bytesOf(datagram).slice(), at: 0 });
  }

  flush(): void {
    const batch = this.#sending;
    if (this.#closed || batch.size === 0) return;
    const messages = batch.compose(this.#segmentation);
    for (let done = 0; done < messages; ) {
      const sent = this.#send(done, messages - done);
      if (sent > 0) {
        done += sent;
        continue;
      }
      const code = this.#native.lastError();
      if (code === 'EINTR') continue;
      if (isFull(code)) {
        this.#waitFrom(done, messages);
        break;
      }
      if (batch.segmentsOf(done) > 1) this.#sendApart(done, code);
      else this.#user.onLost(code);
      done += 1;
    }
    batch.clear();
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#waiting = [];
      this.#watcher.close();
      this.#native.close(this.#descriptor);
    }
    return Promise.resolve();
  }

  #send(message: number, count: number): number {
    const address = this.#sending.addressOf(message);
    return this.#native.libc.sendmmsg(this.#descriptor, address, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** The system refuses to cut a message: its datagrams are sent each for itself. */
  #sendApart(message: number, refusal: string): void {
    const batch = this.#sending;
    batch.restore(message);
    for (let segment = 0; segment < batch.segmentsOf(message); segment += 1) {
      batch.single(message, segment);
      const isSent = this.#send(message, 1) > 0;
      if (!isSent) this.#user.onLost(this.#native.lastError());
      // If it goes so, nothing but the cutting was wrong.
      else if (segment === 0 && REFUSALS.has(refusal)) this.#segmentation = false;
    }
  }

  #waitFrom(first: number, end: number): void {
    const batch = this.#sending;
    for (let message = first; message < end; message += 1) {
      batch.restore(message);
      batch.copy(message, this.#user.port, (datagram) => this.#wait(datagram));
    }
    this.#watcher.watch(this.#user.receives, true);
  }

  #wait(datagram: SentDatagram): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(datagram);
    else this.#user.onLost('EAGAIN');
  }

  #ready(): void {
    if (this.#waiting.length > 0) this.#sendWaiting();
    const receiving = this.#receiving;
    if (receiving === undefined) return;
    const { onDatagram } = this.#user;
    let left = RECEIVED_MAX;
    // What is called may close the socket.
    do left -= receiving.receive(this.#descriptor, onDatagram);
    while (left > 0 && receiving.hasMore && !this.#closed);
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const datagram of waiting) this.send(datagram);
    this.flush();
    if (this.#waiting.length === 0) this.#watcher.watch(this.#user.receives, false);
  }
}

const isFull = (code: string): boolean => code === 'EAGAIN' || code === 'EWOULDBLOCK';
