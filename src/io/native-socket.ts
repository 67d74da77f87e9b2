import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { GID_BYTES, isIpv4Gid } from '../base/index.js';

/** Linux's numbers (sys/socket.h, linux/in.h, linux/in6.h, linux/udp.h). */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const IPPROTO_IP = 0;
export const IP_TOS = 1;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DO = 2;
export const IPPROTO_UDP = 17;
const UDP_NO_CHECK6_RX = 102;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
export const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
export const IPV6_TCLASS = 67;
/** Where C's structures are known to be laid out as `message-headers.ts` says. */
const BATCHED_ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64']);
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** The C library's functions, as koffi calls them. Addresses of memory are numbers: whoever passes one holds the memory. */
export interface LibC {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(descriptor: number, level: number, option: number, value: Int32Array, length: number): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  close(descriptor: number): number;
  /** @returns how many messages were sent, at least one; −1 if the first could not be. */
  sendmmsg(descriptor: number, messages: number, count: number, flags: number): number;
  /** @returns how many messages came. */
  recvmmsg(descriptor: number, messages: number, count: number, flags: number, timeout: number): number;
  errno(): number;
  addressOf(memory: ArrayBufferLike): number;
  /** Calls back whenever the descriptor is readable or writable, with a negative number if it cannot be watched any more. It must not throw. */
  poll(descriptor: number, events: PollEvents, callback: (status: unknown) => void): PollHandle;
}

export interface PollEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** A descriptor that is watched. Must be held: what is collected watches no more. */
export interface PollHandle {
  start(events: PollEvents, callback: (status: unknown) => void): void;
  close(): void;
}

/** A system call failed; like Node's own errors it has the system's name for why. */
class SystemError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errorName(errno);
    super(`${call} ${code}`);
    this.code = code;
  }
}

const errorName = (errno: number): string => (errno > 0 ? getSystemErrorName(-errno) : 'UNKNOWN');

/**
 * Opens the UDP sockets that RoCEv2 needs, with options that Node does not know:
 * - IPv4: identification 0 and "don't fragment", so that the ICRC can be known when it is computed;
 * - IPv6: datagrams without a UDP checksum are received. Linux's soft-RoCE sends such.
 */
export class NativeSockets {
  readonly libc: LibC;

  /** See {@link loadNativeSockets}. */
  constructor(libc: LibC) {
    this.libc = libc;
  }

  /** Why many datagrams cannot be sent with one call here; undefined if they can. */
  get notBatched(): string | undefined {
    return BATCHED_ARCHITECTURES.has(process.arch) ? undefined : `structures are not known on ${process.arch}`;
  }

  /** A bound socket's descriptor. @throws an error with the system's code, such as EADDRINUSE. */
  open(gid: Uint8Array, port: number): number {
    const v4 = isIpv4Gid(gid);
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const descriptor = this.#checked('socket', this.libc.socket(v4 ? AF_INET : AF_INET6, type, 0));
    try {
      if (v4) {
        this.#set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      } else {
        this.#set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        this.#set(descriptor, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
      }
      const address = socketAddress(gid, port);
      this.#checked('bind', this.libc.bind(descriptor, address, address.length));
    } catch (error) {
      this.libc.close(descriptor);
      throw error;
    }
    return descriptor;
  }

  /** Gives up a descriptor that nobody else has taken. */
  close(descriptor: number): void {
    this.libc.close(descriptor);
  }

  /** DSCP and ECN of what is sent from now on. */
  setTrafficClass(descriptor: number, gid: Uint8Array, trafficClass: number): void {
    if (isIpv4Gid(gid)) this.#set(descriptor, IPPROTO_IP, IP_TOS, trafficClass);
    else this.#set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, trafficClass);
  }

  /** What may wait to be read and to be sent. The system gives what it may. */
  setBuffers(descriptor: number, receiveBytes: number, sendBytes: number): void {
    this.#set(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBytes);
    this.#set(descriptor, SOL_SOCKET, SO_SNDBUF, sendBytes);
  }

  /** Lets the system hand over equal datagrams of one sender as one. @returns whether it does. */
  coalesce(descriptor: number): boolean {
    const on = Int32Array.of(1);
    return this.libc.setsockopt(descriptor, IPPROTO_UDP, UDP_GRO, on, on.byteLength) === 0;
  }

  /** Whether the system can cut messages and put them together again, as far as it knows the options. */
  canSegment(): boolean {
    const descriptor = this.#checked('socket', this.libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      const none = Int32Array.of(0);
      const cuts = this.libc.setsockopt(descriptor, IPPROTO_UDP, UDP_SEGMENT, none, none.byteLength) === 0;
      return cuts && this.coalesce(descriptor);
    } finally {
      this.libc.close(descriptor);
    }
  }

  /** Why the last call failed: the system's name. */
  lastError(): string {
    return errorName(this.libc.errno());
  }

  #set(descriptor: number, level: number, option: number, value: number): void {
    const words = Int32Array.of(value);
    this.#checked('setsockopt', this.libc.setsockopt(descriptor, level, option, words, words.byteLength));
  }

  #checked(call: string, result: number): number {
    if (result < 0) throw new SystemError(call, this.libc.errno());
    return result;
  }
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function socketAddress(gid: Uint8Array, port: number): Uint8Array {
  const address = new Uint8Array(socketAddressBytes(isIpv4Gid(gid)));
  writeSocketAddress(address, 0, gid, port);
  return address;
}

export const socketAddressBytes = (v4: boolean): number => (v4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);

/** The family is in the machine's byte order: little-endian wherever koffi is prebuilt for Linux. Bytes that are not named stay as they are: 0. */
export function writeSocketAddress(into: Uint8Array, at: number, gid: Uint8Array, port: number): void {
  const v4 = isIpv4Gid(gid);
  into[at] = v4 ? AF_INET : AF_INET6;
  into[at + 2] = port >> 8;
  into[at + 3] = port & 0xff;
  const [from, to] = v4 ? [12, 4] : [0, 8];
  for (let i = 0; i < GID_BYTES - from; i += 1) into[at + to + i] = gid[from + i] as number;
}

/** The sender's address, into `gid`. @returns the UDP port. */
export function readSocketAddress(from: Uint8Array, at: number, gid: Uint8Array, v4: boolean): number {
  if (v4) {
    for (let i = 0; i < 4; i += 1) gid[12 + i] = from[at + 4 + i] as number;
  } else {
    for (let i = 0; i < GID_BYTES; i += 1) gid[i] = from[at + 8 + i] as number;
  }
  return ((from[at + 2] as number) << 8) | (from[at + 3] as number);
}

const loadKoffi = (): typeof import('koffi') => createRequire(import.meta.url)('koffi') as typeof import('koffi');

/** The sockets, or why they cannot be had here. */
export function loadNativeSockets(load: () => typeof import('koffi') = loadKoffi): NativeSockets | string {
  if (process.platform !== 'linux') return `not known on ${process.platform}`;
  try {
    // An optional dependency: it may be missing, and only here does that matter.
    const koffi = load();
    const libc = koffi.load(null);
    return new NativeSockets({
      socket: libc.func('int socket(int family, int type, int protocol)'),
      setsockopt: libc.func('int setsockopt(int fd, int level, int option, const int *value, uint32_t length)'),
      bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
      close: libc.func('int close(int fd)'),
      sendmmsg: libc.func('int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)'),
      recvmmsg: libc.func('int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)'),
      errno: () => koffi.errno(),
      addressOf: (memory) => Number(koffi.address(memory)),
      poll: (descriptor, events, callback) => koffi.node.poll(descriptor, { ...events }, callback),
    });
  } catch (error) {
    return `koffi does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}
