import { createRequire } from 'node:module';

/** Linux's numbers (linux/in.h, linux/in6.h, linux/udp.h). */
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_MTU_DISCOVER = 10;
const IP_PMTUDISC_DO = 2;
const IPPROTO_UDP = 17;
const UDP_NO_CHECK6_RX = 102;
const IPPROTO_IPV6 = 41;
const IPV6_TCLASS = 67;

type SetInt = (descriptor: number, level: number, option: number, value: number) => void;

/** Sets the socket options that RoCEv2 needs and Node does not know. */
export interface SocketOptions {
  /** IPv4: identification 0 and "don't fragment", so that the ICRC can be known when it is computed. */
  fixIdentification(descriptor: number): void;
  /** IPv6: accept datagrams without a UDP checksum. Linux's soft-RoCE sends such. */
  acceptNoChecksum(descriptor: number): void;
  /** DSCP and ECN of what is sent from now on. */
  setTrafficClass(descriptor: number, family: 4 | 6, trafficClass: number): void;
}

/** The options, or why they cannot be had here. */
export function loadSocketOptions(): SocketOptions | string {
  if (process.platform !== 'linux') return `not known on ${process.platform}`;
  let setInt: SetInt;
  try {
    setInt = loadSetsockopt();
  } catch (error) {
    return `koffi does not load: ${(error as Error).message}`;
  }
  return {
    fixIdentification: (descriptor) => setInt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO),
    acceptNoChecksum: (descriptor) => setInt(descriptor, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1),
    setTrafficClass: (descriptor, family, trafficClass) =>
      family === 4
        ? setInt(descriptor, IPPROTO_IP, IP_TOS, trafficClass)
        : setInt(descriptor, IPPROTO_IPV6, IPV6_TCLASS, trafficClass),
  };
}

function loadSetsockopt(): SetInt {
  // An optional dependency: it may be missing, and only here does that matter.
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const setsockopt = libc.func('int setsockopt(int fd, int level, int option, const int *value, uint32_t length)');
  const value = new Int32Array(1);
  return (descriptor, level, option, number) => {
    value[0] = number;
    const result = setsockopt(descriptor, level, option, value, value.byteLength) as number;
    if (result !== 0) throw new Error(`setsockopt(${level}, ${option}) failed with errno ${koffi.errno()}`);
  };
}
