import { isIpv4Gid } from '../base/index.js';
import { CONTROL, IOVEC, MESSAGE, MSG_DONTWAIT, put64 } from './message-headers.js';
import { IPPROTO_UDP, type NativeSockets, readSocketAddress, socketAddressBytes, UDP_GRO } from './native-socket.js';
import type { ReceivedDatagram } from './port.js';

/** Messages that one system call may bring. */
const MESSAGES = 32;
/** The longest UDP payload; several datagrams of one sender, put together by the system, are no longer. */
const DATA_BYTES = 2 ** 16;
/** What follows each other should not compete for one line of the cache. */
const STRIDE = DATA_BYTES + 448;
const NAME_BYTES = 32;
/** A control message with an int. */
const CONTROL_BYTES = 24;

/** Receives many datagrams with one system call, into memory that is used again. */
export class ReceiveBatch {
  readonly #native: NativeSockets;
  readonly #v4: boolean;
  readonly #nameBytes: number;
  readonly #controlBytes: number;
  readonly #headers = new ArrayBuffer(MESSAGES * (MESSAGE.bytes + IOVEC.bytes + NAME_BYTES + CONTROL_BYTES));
  readonly #words = new Uint32Array(this.#headers);
  readonly #octets = new Uint8Array(this.#headers);
  readonly #address: number;
  readonly #names = MESSAGES * (MESSAGE.bytes + IOVEC.bytes);
  readonly #controls = this.#names + MESSAGES * NAME_BYTES;
  readonly #data = new Uint8Array(MESSAGES * STRIDE);
  #hasMore = false;
  /** One object for all datagrams. */
  readonly #received: { -readonly [Name in keyof ReceivedDatagram]: ReceivedDatagram[Name] };

  /** @param gid the socket's own. @param coalesced whether the system may put datagrams together. */
  constructor(native: NativeSockets, gid: Uint8Array, coalesced: boolean) {
    this.#native = native;
    this.#v4 = isIpv4Gid(gid);
    this.#nameBytes = socketAddressBytes(this.#v4);
    this.#controlBytes = coalesced ? CONTROL_BYTES : 0;
    this.#address = native.libc.addressOf(this.#headers);
    const data = native.libc.addressOf(this.#data.buffer);
    // The sender's address is written over it, in IPv4 only where it differs.
    this.#received = { bytes: this.#data, at: 0, length: 0, remoteGid: gid.slice(), sourcePort: 0 };
    for (let i = 0; i < MESSAGES; i += 1) {
      const message = i * MESSAGE.bytes;
      const vector = MESSAGES * MESSAGE.bytes + i * IOVEC.bytes;
      put64(this.#words, message + MESSAGE.name, this.#address + this.#names + i * NAME_BYTES);
      put64(this.#words, message + MESSAGE.vectors, this.#address + vector);
      put64(this.#words, message + MESSAGE.vectorCount, 1);
      if (coalesced) put64(this.#words, message + MESSAGE.control, this.#address + this.#controls + i * CONTROL_BYTES);
      put64(this.#words, vector + IOVEC.base, data + i * STRIDE);
      put64(this.#words, vector + IOVEC.length, DATA_BYTES);
      this.#reset(i);
    }
  }

  /**
   * Receives what is there, up to a limit, and hands each datagram over. What `deliver` throws is an uncaught exception, as if the platform had called it.
   * @returns how many there were.
   */
  receive(descriptor: number, deliver: (datagram: ReceivedDatagram) => void): number {
    const messages = this.#native.libc.recvmmsg(descriptor, this.#address, MESSAGES, MSG_DONTWAIT, 0);
    this.#hasMore = messages === MESSAGES;
    let datagrams = 0;
    for (let i = 0; i < messages; i += 1) {
      datagrams += this.#deliver(i, deliver);
      this.#reset(i);
    }
    return datagrams;
  }

  /** Whether there may have been more than was received last. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** @returns how many datagrams the message was. */
  #deliver(i: number, deliver: (datagram: ReceivedDatagram) => void): number {
    const received = this.#received;
    const message = (i * MESSAGE.bytes) >> 2;
    const total = this.#words[message + (MESSAGE.length >> 2)] as number;
    const segment = this.#segmentBytes(i, total);
    received.sourcePort = readSocketAddress(this.#octets, this.#names + i * NAME_BYTES, received.remoteGid, this.#v4);
    const start = i * STRIDE;
    let datagrams = 0;
    // An empty datagram is one, too.
    for (let done = 0; done === 0 || done < total; done += segment) {
      datagrams += 1;
      received.at = start + done;
      received.length = Math.min(segment, total - done);
      try {
        deliver(received);
      } catch (error) {
        setImmediate(() => {
          throw error;
        });
      }
    }
    return datagrams;
  }

  /** How long each of the datagrams is that stand behind each other here, but for the last, which may be shorter. */
  #segmentBytes(i: number, total: number): number {
    const words = this.#words;
    const message = i * MESSAGE.bytes;
    const control = (this.#controls + i * CONTROL_BYTES) >> 2;
    const isThere = (words[(message + MESSAGE.controlLength) >> 2] as number) >= CONTROL.value + 4;
    if (
      !isThere ||
      words[control + (CONTROL.level >> 2)] !== IPPROTO_UDP ||
      words[control + (CONTROL.type >> 2)] !== UDP_GRO
    )
      return Math.max(total, 1);
    return Math.max(words[control + (CONTROL.value >> 2)] as number, 1);
  }

  /** The system writes over what it was told. */
  #reset(i: number): void {
    const message = i * MESSAGE.bytes;
    this.#words[(message + MESSAGE.nameLength) >> 2] = this.#nameBytes;
    this.#words[(message + MESSAGE.controlLength) >> 2] = this.#controlBytes;
  }
}
