import { gidEquals, isIpv4Gid } from '../base/index.js';
import type { PathAddress } from '../cep/index.js';
import { BTH_BYTES, ICRC_BYTES, Renumbering, ROCE_UDP_PORT } from '../wire/index.js';
import { CONTROL, IOVEC, MESSAGE, put64 } from './message-headers.js';
import {
  IP_TOS,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_TCLASS,
  type NativeSockets,
  socketAddressBytes,
  UDP_SEGMENT,
  writeSocketAddress,
} from './native-socket.js';
import type { SentDatagram } from './port.js';

/** Datagrams that one system call may take. */
export const BATCH_DATAGRAMS = 256;
/** Datagrams that the system cuts from one message: as many as all kernels cut. */
const SEGMENTS_MAX = 64;
/** The longest UDP payload over IPv4; over IPv6 it is a little longer. */
const MESSAGE_BYTES_MAX = 65_507;
/** What is shorter has no ICRC to be changed. */
const SEGMENT_BYTES_MIN = BTH_BYTES + ICRC_BYTES;
const NAME_BYTES = 32;
/** A control message with an int, and one with 16 bits. */
const CONTROL_BYTES = 24;

/**
 * Datagrams that wait to be sent, as the system wants to be told of them. Those behind each other that have one destination and one length (the last
 * may be shorter) can become one message that the system cuts again: a *segmented* one.
 *
 * The system numbers the datagrams that it cuts from one message 0, 1, 2 … in IPv4's identification, and so the ICRC of each is changed for its own.
 */
export class SendBatch {
  readonly #native: NativeSockets;
  readonly #v4: boolean;
  readonly #nameBytes: number;
  readonly #headers = new ArrayBuffer(BATCH_DATAGRAMS * (MESSAGE.bytes + IOVEC.bytes + NAME_BYTES + 2 * CONTROL_BYTES));
  readonly #words = new Uint32Array(this.#headers);
  readonly #octets = new Uint8Array(this.#headers);
  readonly #address: number;
  readonly #vectors = BATCH_DATAGRAMS * MESSAGE.bytes;
  readonly #names = this.#vectors + BATCH_DATAGRAMS * IOVEC.bytes;
  readonly #controls = this.#names + BATCH_DATAGRAMS * NAME_BYTES;
  readonly #renumbering = new Renumbering();
  /** By datagram. */
  readonly #bytes: Uint8Array[] = [];
  readonly #paths: PathAddress[] = [];
  readonly #at = new Int32Array(BATCH_DATAGRAMS);
  readonly #lengths = new Int32Array(BATCH_DATAGRAMS);
  /** By message: its first datagram, and how many it has. */
  readonly #first = new Int32Array(BATCH_DATAGRAMS);
  readonly #segments = new Int32Array(BATCH_DATAGRAMS);
  /** By message: the address whose bytes stand in its name. */
  readonly #named: (Uint8Array | undefined)[] = [];
  /** Where the bytes of the last datagram are. */
  #knownBytes: Uint8Array | undefined;
  #knownAddress = 0;
  #count = 0;

  /** @param gid the socket's own. */
  constructor(native: NativeSockets, gid: Uint8Array) {
    this.#native = native;
    this.#v4 = isIpv4Gid(gid);
    this.#nameBytes = socketAddressBytes(this.#v4);
    this.#address = native.libc.addressOf(this.#headers);
    for (let i = 0; i < BATCH_DATAGRAMS; i += 1) {
      const message = i * MESSAGE.bytes;
      put64(this.#words, message + MESSAGE.name, this.#address + this.#names + i * NAME_BYTES);
      this.#words[(message + MESSAGE.nameLength) >> 2] = this.#nameBytes;
      put64(this.#words, message + MESSAGE.control, this.#address + this.#controls + i * 2 * CONTROL_BYTES);
    }
  }

  /** Datagrams. */
  get size(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === BATCH_DATAGRAMS;
  }

  /** One more datagram. There must be room. Its bytes are read when it is sent. */
  push({ bytes, at, length, path }: SentDatagram): void {
    const i = this.#count;
    this.#count += 1;
    this.#bytes[i] = bytes;
    this.#paths[i] = path;
    this.#at[i] = at;
    this.#lengths[i] = length;
    if (bytes !== this.#knownBytes) {
      this.#knownBytes = bytes;
      this.#knownAddress = this.#native.libc.addressOf(bytes.buffer) + bytes.byteOffset;
    }
    const vector = this.#vectors + i * IOVEC.bytes;
    put64(this.#words, vector + IOVEC.base, this.#knownAddress + at);
    put64(this.#words, vector + IOVEC.length, length);
  }

  /** Makes messages of the datagrams. @param segmented whether they may be put together. @returns how many messages. */
  compose(segmented: boolean): number {
    let messages = 0;
    for (let i = 0; i < this.#count; messages += 1) {
      const segments = segmented ? this.#run(i) : 1;
      this.#first[messages] = i;
      this.#segments[messages] = segments;
      this.#write(messages, i, segments);
      this.#renumber(messages);
      i += segments;
    }
    return messages;
  }

  /** The address of a message. */
  addressOf(message: number): number {
    return this.#address + message * MESSAGE.bytes;
  }

  /** How many datagrams a message has. */
  segmentsOf(message: number): number {
    return this.#segments[message] as number;
  }

  /** One of a message's datagrams becomes the whole message, for itself. The others are still the message's when asked for in turn. */
  single(message: number, segment: number): void {
    this.#write(message, (this.#first[message] as number) + segment, 1);
  }

  /** Makes the datagrams of a message what they were when they were pushed. */
  restore(message: number): void {
    this.#renumber(message);
  }

  /** Hands over copies of a message's datagrams. */
  copy(message: number, sourcePort: number, take: (datagram: SentDatagram) => void): void {
    const first = this.#first[message] as number;
    for (let i = first; i < first + this.segmentsOf(message); i += 1) {
      const at = this.#at[i] as number;
      const length = this.#lengths[i] as number;
      const bytes = (this.#bytes[i] as Uint8Array).slice(at, at + length);
      take({ bytes, at: 0, length, path: this.#paths[i] as PathAddress, sourcePort });
    }
  }

  /** Forgets all datagrams. */
  clear(): void {
    this.#count = 0;
  }

  /** How many datagrams from this one on can be one message. */
  #run(first: number): number {
    const length = this.#lengths[first] as number;
    if (length < SEGMENT_BYTES_MIN) return 1;
    const path = this.#paths[first] as PathAddress;
    const end = Math.min(this.#count, first + SEGMENTS_MAX, first + Math.floor(MESSAGE_BYTES_MAX / length));
    let i = first + 1;
    for (; i < end; i += 1) {
      const next = this.#lengths[i] as number;
      if (next > length || next < SEGMENT_BYTES_MIN || !isSameWay(path, this.#paths[i] as PathAddress)) break;
      if (next < length) return i + 1 - first;
    }
    return Math.max(i - first, 1);
  }

  #write(message: number, first: number, segments: number): void {
    const words = this.#words;
    const header = message * MESSAGE.bytes;
    const path = this.#paths[first] as PathAddress;
    if (this.#named[message] !== path.remoteGid) {
      writeSocketAddress(this.#octets, this.#names + message * NAME_BYTES, path.remoteGid, ROCE_UDP_PORT);
      this.#named[message] = path.remoteGid;
    }
    put64(words, header + MESSAGE.vectors, this.#address + this.#vectors + first * IOVEC.bytes);
    words[(header + MESSAGE.vectorCount) >> 2] = segments;
    let controlBytes = 0;
    const control = this.#controls + message * 2 * CONTROL_BYTES;
    if (path.trafficClass !== 0) {
      const [level, type] = this.#v4 ? ([IPPROTO_IP, IP_TOS] as const) : ([IPPROTO_IPV6, IPV6_TCLASS] as const);
      this.#writeControl(control, level, type, 4, path.trafficClass);
      controlBytes += CONTROL_BYTES;
    }
    if (segments > 1) {
      this.#writeControl(control + controlBytes, IPPROTO_UDP, UDP_SEGMENT, 2, this.#lengths[first] as number);
      controlBytes += CONTROL_BYTES;
    }
    words[(header + MESSAGE.controlLength) >> 2] = controlBytes;
  }

  #writeControl(at: number, level: number, type: number, valueBytes: number, value: number): void {
    const words = this.#words;
    words[(at + CONTROL.length) >> 2] = CONTROL.value + valueBytes;
    words[(at + CONTROL.level) >> 2] = level;
    words[(at + CONTROL.type) >> 2] = type;
    words[(at + CONTROL.value) >> 2] = value;
  }

  /** Changes the ICRCs of a message's datagrams for their places in it; done again, back. */
  #renumber(message: number): void {
    // IPv6 has no identification.
    if (!this.#v4) return;
    const first = this.#first[message] as number;
    const segments = this.#segments[message] as number;
    for (let k = 1; k < segments; k += 1) {
      const at = this.#at[first + k] as number;
      this.#renumbering.apply(this.#bytes[first + k] as Uint8Array, at, at + (this.#lengths[first + k] as number), k);
    }
  }
}

/** Whether one message can bring both to their destination. Paths are objects that live long: most are one. */
function isSameWay(a: PathAddress, b: PathAddress): boolean {
  return a === b || (a.trafficClass === b.trafficClass && gidEquals(a.remoteGid, 0, b.remoteGid, 0));
}
