import { AddressSyntaxError, formatAddress, parseGid } from '../../base/index.js';
import { PATH_MTUS } from '../../endpoint/index.js';
import { SOCKET_BUFFER_BYTES } from '../../io/index.js';
import { ICRC_BYTES, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES, PAYLOAD_HEADER_BYTES_MAX } from '../../wire/index.js';
import { error, type Finding, ok, warning } from './finding.js';
import type { LocalAddress, Machine } from './machine.js';
import { checkPort } from './port-owner.js';

const UDP_HEADER_BYTES = 8;
const DEFAULT_MTU = 1_024;

/** Everything that can be seen without opening an adapter. @param wanted the address that matters, if one was named. */
export function checkMachine(machine: Machine, wanted?: string): readonly Finding[] {
  return [
    ...checkAddresses(machine, wanted),
    ...checkPort(machine, wanted && plain(wanted)),
    ...checkSoftRoce(machine),
    ...checkSockets(machine),
    ...checkMtu(machine, wanted),
    ...checkBuffers(machine),
  ];
}

function checkAddresses({ addresses }: Machine, wanted: string | undefined): Finding[] {
  const usable = addresses.filter(({ address }) => !isLinkLocal(address));
  const outside = usable.filter(({ isLoopback }) => !isLoopback).map(({ address, name }) => `${address} (${name})`);
  if (wanted !== undefined) {
    const isHere = plain(wanted).startsWith('127.') || usable.some(({ address }) => plain(address) === plain(wanted));
    const have = usable.map(({ address }) => address).join(', ');
    return isHere
      ? [ok('address', `${wanted} is an address of this machine`)]
      : [error('address', `${wanted} is no address of this machine`, `name one that it has: ${have}`)];
  }
  if (outside.length > 0) return [ok('address', `peers can reach ${outside.join(', ')}`)];
  return [
    warning(
      'address',
      'this machine has no address but loopback: no other can reach it',
      'give an interface an address: "ip address" shows those it has',
    ),
  ];
}

function checkSoftRoce(machine: Machine): Finding[] {
  if (machine.platform !== 'linux') return [];
  const devices = machine.list('/sys/class/infiniband').filter((name) => name.startsWith('rxe'));
  if (devices.length > 0) {
    return [
      warning(
        'soft-roce',
        `the kernel's soft-RoCE owns UDP port 4791 of its interfaces' addresses (${devices.join(', ')})`,
        `use other addresses, or remove it: rdma link delete ${devices[0]}`,
      ),
    ];
  }
  const isLoaded = /^rdma_rxe /m.test(machine.read('/proc/modules') ?? '');
  const state = isLoaded ? 'is loaded, and has no device' : 'is not loaded';
  return [ok('soft-roce', `the kernel's soft-RoCE ${state}`)];
}

function checkSockets({ platform, sockets }: Machine): Finding[] {
  const { noIdentification, notBatched, segmentation } = sockets;
  const koffi = platform === 'linux' ? 'install the optional dependency koffi: npm install koffi' : 'use Linux';
  const findings: Finding[] = [];
  if (noIdentification === undefined) {
    findings.push(ok('icrc', 'IPv4: identification 0 and "don’t fragment" are set, so that the ICRC is right'));
    findings.push(ok('ipv6-checksum', 'IPv6: datagrams without a UDP checksum, as soft-RoCE sends them, are received'));
  } else {
    const why = `(${noIdentification})`;
    findings.push(warning('icrc', `the ICRC of what is sent over IPv4 is wrong ${why}: peers drop it`, koffi));
    findings.push(warning('ipv6-checksum', `IPv6 datagrams without a UDP checksum are not received ${why}`, koffi));
  }
  if (notBatched !== undefined) {
    findings.push(warning('sockets', `Node's own: one datagram a system call (${notBatched})`, koffi));
    return findings;
  }
  findings.push(ok('sockets', 'batched: many datagrams a system call'));
  findings.push(
    segmentation
      ? ok('segmentation', 'the system cuts messages into datagrams, and puts them together again')
      : warning(
          'segmentation',
          'the system does not know UDP_SEGMENT and UDP_GRO: bursts to one peer cost more',
          'use Linux 5.0 or later',
        ),
  );
  return findings;
}

function checkMtu(machine: Machine, wanted: string | undefined): Finding[] {
  if (machine.platform !== 'linux') return [];
  const isMeant = ({ address, isLoopback }: LocalAddress): boolean =>
    wanted === undefined ? !isLoopback && !isLinkLocal(address) : plain(address) === plain(wanted);
  return machine.addresses.filter(isMeant).flatMap(({ name, address }) => {
    const mtu = Number(machine.read(`/sys/class/net/${name.replace(/:.*$/, '')}/mtu`));
    if (!(mtu > 0)) return [];
    const headers = address.includes(':') ? IPV6_HEADER_BYTES : IPV4_HEADER_BYTES;
    const room = mtu - headers - UDP_HEADER_BYTES - PAYLOAD_HEADER_BYTES_MAX - ICRC_BYTES;
    const fits = PATH_MTUS.filter((each) => each <= room).at(-1);
    const text = `${address} (${name}): an MTU of ${mtu} carries`;
    if (fits === undefined) {
      return [error('mtu', `${text} no path MTU at all`, `raise it: ip link set ${name} mtu 1500`)];
    }
    if (fits >= DEFAULT_MTU) return [ok('mtu', `${text} a path MTU of ${fits}`)];
    const advice = `connect with mtu ${fits}, or raise it: ip link set ${name} mtu 1500`;
    return [warning('mtu', `${text} a path MTU of ${fits}, less than the default of ${DEFAULT_MTU}`, advice)];
  });
}

function checkBuffers(machine: Machine): Finding[] {
  if (machine.platform !== 'linux') return [];
  return (['rmem_max', 'wmem_max'] as const).flatMap((name) => {
    const most = Number(machine.read(`/proc/sys/net/core/${name}`));
    if (!(most > 0)) return [];
    const text = `net.core.${name} is ${most}`;
    if (most >= SOCKET_BUFFER_BYTES) return [ok('buffers', `${text}: enough for bursts`)];
    const what = name === 'rmem_max' ? 'received' : 'sent';
    const advice = `sysctl -w net.core.${name}=${SOCKET_BUFFER_BYTES}`;
    return [warning('buffers', `${text}: bursts ${what} may be lost`, advice)];
  });
}

const isLinkLocal = (address: string): boolean => /^fe[89ab]/i.test(address) || address.startsWith('169.254.');

/** The form that everybody writes; what is no address stays as it is. */
function plain(address: string): string {
  try {
    return formatAddress(parseGid(address.replace(/%.*$/, '')));
  } catch (thrown) {
    if (thrown instanceof AddressSyntaxError) return address;
    throw thrown;
  }
}
