import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { isIpv4Gid } from '../base/index.js';

/** Linux's numbers (sys/socket.h, linux/in.h, linux/in6.h, linux/udp.h). */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DO = 2;
const IPPROTO_UDP = 17;
const UDP_NO_CHECK6_RX = 102;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** The C library's functions, as koffi calls them. */
export interface LibC {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(descriptor: number, level: number, option: number, value: Int32Array, length: number): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  close(descriptor: number): number;
  errno(): number;
}

/** A system call failed; like Node's own errors it has the system's name for why. */
class SystemError extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errno > 0 ? getSystemErrorName(-errno) : 'UNKNOWN';
    super(`${call} ${code}`);
    this.code = code;
  }
}

/**
 * Opens the UDP sockets that RoCEv2 needs, with options that Node does not know:
 * - IPv4: identification 0 and "don't fragment", so that the ICRC can be known when it is computed;
 * - IPv6: datagrams without a UDP checksum are received. Linux's soft-RoCE sends such.
 */
export class NativeSockets {
  readonly #libc: LibC;

  /** See {@link loadNativeSockets}. */
  constructor(libc: LibC) {
    this.#libc = libc;
  }

  /** A bound socket's descriptor. @throws an error with the system's code, such as EADDRINUSE. */
  open(gid: Uint8Array, port: number): number {
    const v4 = isIpv4Gid(gid);
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const descriptor = this.#checked('socket', this.#libc.socket(v4 ? AF_INET : AF_INET6, type, 0));
    try {
      if (v4) {
        this.#set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
      } else {
        this.#set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        this.#set(descriptor, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1);
      }
      const address = socketAddress(gid, port);
      this.#checked('bind', this.#libc.bind(descriptor, address, address.length));
    } catch (error) {
      this.#libc.close(descriptor);
      throw error;
    }
    return descriptor;
  }

  /** Gives up a descriptor that nobody else has taken. */
  close(descriptor: number): void {
    this.#libc.close(descriptor);
  }

  /** DSCP and ECN of what is sent from now on. */
  setTrafficClass(descriptor: number, gid: Uint8Array, trafficClass: number): void {
    if (isIpv4Gid(gid)) this.#set(descriptor, IPPROTO_IP, IP_TOS, trafficClass);
    else this.#set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, trafficClass);
  }

  #set(descriptor: number, level: number, option: number, value: number): void {
    const words = Int32Array.of(value);
    this.#checked('setsockopt', this.#libc.setsockopt(descriptor, level, option, words, words.byteLength));
  }

  #checked(call: string, result: number): number {
    if (result < 0) throw new SystemError(call, this.#libc.errno());
    return result;
  }
}

/** `struct sockaddr_in` or `sockaddr_in6`. The family is in the machine's byte order: little-endian wherever koffi is prebuilt for Linux. */
function socketAddress(gid: Uint8Array, port: number): Uint8Array {
  const v4 = isIpv4Gid(gid);
  const address = new Uint8Array(v4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(address.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  if (v4) address.set(gid.subarray(12), 4);
  else address.set(gid, 8);
  return address;
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
      errno: () => koffi.errno(),
    });
  } catch (error) {
    return `koffi does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}
