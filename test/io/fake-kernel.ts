import { formatAddress } from '../../src/base/index.js';
import type { LibC, PollEvents, PollHandle } from '../../src/io/native-socket.js';

/** A message that was sent, as the kernel reads it: with the datagrams that it would cut from it. */
export interface SentMessage {
  readonly to: string;
  readonly port: number;
  readonly trafficClass: number;
  /** The length of a segment; 0 if it is not to be cut. */
  readonly segmentBytes: number;
  readonly bytes: Uint8Array;
}

export interface ArrivedMessage {
  /** The sender's address, as a GID. */
  readonly from: Uint8Array;
  readonly port: number;
  readonly bytes: Uint8Array;
  /** If several datagrams were put together: how long each is. */
  readonly segmentBytes?: number;
}

/** A number for each thing that goes wrong, by its name. */
export const ERRNO = { EIO: 5, EAGAIN: 11, EINVAL: 22, EINTR: 4, EPERM: 1, EMSGSIZE: 90, ENOBUFS: 105 } as const;
const PAGE = 2 ** 28;

/** What becomes of a message: sent, or why not. */
export type Fate = 'sent' | keyof typeof ERRNO;

/** Memory that is found by its address, and sockets as Linux has them, far enough for the batched socket. Little-endian as all machines that it is for. */
export class FakeKernel implements LibC {
  readonly sent: SentMessage[] = [];
  readonly arrived: ArrivedMessage[] = [];
  /** How many messages each call to send had. */
  readonly calls: number[] = [];
  readonly open = new Set<number>();
  readonly options: number[][] = [];
  /** What is watched now. */
  watched: PollEvents | undefined;
  polls = 0;
  /** What becomes of the next message. */
  fate: (message: SentMessage) => Fate = () => 'sent';
  /** How many messages a call takes at most. */
  most = Number.POSITIVE_INFINITY;
  #callback: (status: unknown) => void = () => undefined;
  #errno = 0;
  readonly #memory: ArrayBufferLike[] = [];

  socket(): number {
    this.open.add(42);
    return 42;
  }

  setsockopt(descriptor: number, level: number, option: number, [value = 0]: Int32Array): number {
    this.options.push([descriptor, level, option, value]);
    return 0;
  }

  bind(): number {
    return 0;
  }

  close(descriptor: number): number {
    this.open.delete(descriptor);
    return 0;
  }

  errno(): number {
    return this.#errno;
  }

  /** Each buffer begins just before a multiple of 2³², where sums of halves go wrong. */
  addressOf(memory: ArrayBufferLike): number {
    const known = this.#memory.indexOf(memory);
    if (known < 0) this.#memory.push(memory);
    return (known < 0 ? this.#memory.length : known + 1) * 2 ** 32 - 256;
  }

  sendmmsg(_: number, messages: number, count: number): number {
    this.calls.push(count);
    for (let i = 0; i < count; i += 1) {
      if (i === this.most) return i;
      const message = this.#messageAt(messages + i * 64);
      const fate = this.fate(message);
      if (fate !== 'sent') {
        this.#errno = ERRNO[fate];
        return i > 0 ? i : -1;
      }
      this.sent.push(message);
    }
    return count;
  }

  recvmmsg(_: number, messages: number, count: number): number {
    const here = this.arrived.splice(0, count);
    for (const [i, { from, port, bytes, segmentBytes }] of here.entries()) {
      const header = messages + i * 64;
      const name = this.#at(this.#number64(header), 28);
      const nameBytes = this.#number32(header + 8);
      name.setUint16(2, port);
      const [source, to] = nameBytes === 16 ? [from.subarray(12), 4] : [from, 8];
      for (const [k, octet] of source.entries()) name.setUint8(to + k, octet);
      const vector = this.#number64(header + 16);
      if (this.#number64(vector + 8) < bytes.length) throw new RangeError('truncated');
      const data = this.#at(this.#number64(vector), bytes.length);
      for (const [k, octet] of bytes.entries()) data.setUint8(k, octet);
      const room = this.#number64(header + 40);
      if (segmentBytes !== undefined && room >= 24) {
        const control = this.#at(this.#number64(header + 32), 24);
        control.setUint32(0, 20, true);
        control.setUint32(8, 17, true);
        control.setUint32(12, 104, true);
        control.setUint32(16, segmentBytes, true);
      }
      this.#at(header, 64).setUint32(8, nameBytes === 16 ? 16 : 28, true);
      this.#at(header, 64).setUint32(40, segmentBytes === undefined || room < 24 ? 0 : 24, true);
      this.#at(header, 64).setUint32(56, bytes.length, true);
    }
    if (here.length > 0) return here.length;
    this.#errno = ERRNO.EAGAIN;
    return -1;
  }

  poll(_: number, events: PollEvents, callback: (status: unknown) => void): PollHandle {
    this.polls += 1;
    const start = (what: PollEvents, then: (status: unknown) => void): void => {
      this.watched = { ...what };
      this.#callback = then;
    };
    start(events, callback);
    const close = (): void => {
      this.watched = undefined;
      this.#callback = () => undefined;
    };
    return { start, close };
  }

  /** The event loop comes by. */
  ready(status = 0): void {
    this.#callback(status);
  }

  #messageAt(header: number): SentMessage {
    const nameBytes = this.#number32(header + 8);
    const name = this.#at(this.#number64(header), nameBytes);
    const family = name.getUint16(0, true);
    if (nameBytes !== (family === 2 ? 16 : 28)) throw new RangeError(`a name of ${nameBytes} bytes`);
    const gid = new Uint8Array(16);
    for (let i = 0; i < 16; i += 1)
      gid[i] = family === 2 && i < 12 ? (i < 10 ? 0 : 0xff) : name.getUint8(family === 2 ? i - 8 : i + 8);
    const vectors = this.#number64(header + 16);
    const bytes: number[] = [];
    for (let i = 0; i < this.#number64(header + 24); i += 1) {
      const length = this.#number64(vectors + i * 16 + 8);
      const data = this.#at(this.#number64(vectors + i * 16), length);
      for (let k = 0; k < length; k += 1) bytes.push(data.getUint8(k));
    }
    const controls = this.#controls(this.#number64(header + 32), this.#number64(header + 40));
    return {
      to: formatAddress(gid),
      port: name.getUint16(2),
      trafficClass: controls.get(family === 2 ? '0/1' : '41/67') ?? 0,
      segmentBytes: controls.get('17/103') ?? 0,
      bytes: Uint8Array.from(bytes),
    };
  }

  /** By level and type. */
  #controls(address: number, length: number): Map<string, number> {
    const found = new Map<string, number>();
    for (let at = 0; at < length; ) {
      const control = this.#at(address + at, length - at);
      const size = control.getUint32(0, true);
      const value = size - 16 === 2 ? control.getUint16(16, true) : control.getUint32(16, true);
      found.set(`${control.getUint32(8, true)}/${control.getUint32(12, true)}`, value);
      at += (size + 7) & ~7;
    }
    return found;
  }

  #number32(address: number): number {
    return this.#at(address, 4).getUint32(0, true);
  }

  #number64(address: number): number {
    const view = this.#at(address, 8);
    return view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  }

  #at(address: number, length: number): DataView {
    const index = Math.floor((address + 256) / 2 ** 32) - 1;
    const memory = this.#memory[index];
    const offset = address + 256 - (index + 1) * 2 ** 32;
    if (memory === undefined || offset > PAGE) throw new RangeError(`nothing is at ${address.toString(16)}`);
    return new DataView(memory, offset, length);
  }
}
