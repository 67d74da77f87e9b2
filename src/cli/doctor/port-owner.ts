import { ROCE_UDP_PORT } from '../../wire/index.js';
import { error, type Finding, ok, warning } from './finding.js';
import type { Machine } from './machine.js';

const CHECK = 'port';
const TABLES = ['/proc/net/udp', '/proc/net/udp6'] as const;
const ADDRESS_COLUMN = 1;
const INODE_COLUMN = 9;
const HEX = 16;

/** A socket on UDP port 4791. */
interface Owner {
  /** All addresses, if it is bound to none. */
  readonly address: string | undefined;
  readonly who: string;
}

/** Who has UDP port 4791. @param wanted the address that matters; any if it is left out. */
export function checkPort(machine: Machine, wanted?: string): readonly Finding[] {
  if (machine.platform !== 'linux') return [];
  const owners = ownersOf(machine);
  if (owners.length === 0) return [ok(CHECK, `UDP port ${ROCE_UDP_PORT} is free on all addresses`)];
  return owners.map(({ address, who }) => {
    const service = machine.services.find(({ addresses }) => address !== undefined && addresses.includes(address));
    if (service !== undefined) {
      const { socket, pid } = service;
      return ok(CHECK, `UDP port ${ROCE_UDP_PORT} of ${address} is the service's on ${socket} (process ${pid})`);
    }
    const text = `UDP port ${ROCE_UDP_PORT} of ${address ?? 'all addresses'} is used by ${who}`;
    if (address === undefined) return error(CHECK, text, adviceAgainst(who));
    if (address === wanted) return error(CHECK, text, adviceAgainst(who));
    return warning(CHECK, text, `open adapters on other addresses than ${address}`);
  });
}

const KERNEL = 'the kernel, or a process that you may not see';
const adviceAgainst = (who: string): string =>
  who === KERNEL
    ? 'if "rdma link" shows soft-RoCE (rxe), remove it: rdma link delete NAME; else look with root\'s eyes: sudo ss -ulpn'
    : `end ${who}, or have it use one address instead of all`;

function ownersOf(machine: Machine): Owner[] {
  const found = TABLES.flatMap((table) => (machine.read(table) ?? '').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .flatMap((columns) => {
      const [address = '', port = ''] = (columns[ADDRESS_COLUMN] ?? '').split(':');
      if (Number.parseInt(port, HEX) !== ROCE_UDP_PORT) return [];
      return [{ address: addressOf(address), inode: columns[INODE_COLUMN] ?? '' }];
    });
  if (found.length === 0) return [];
  const processes = processesOf(machine, new Set(found.map(({ inode }) => inode)));
  return found.map(({ address, inode }) => ({ address, who: processes.get(inode) ?? KERNEL }));
}

/** As the tables have it: words of 32 bits, each in the machine's order, which is little-endian. */
function addressOf(hex: string): string | undefined {
  if (/^0*$/.test(hex)) return undefined;
  const octets = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((octet) => Number.parseInt(octet, HEX)),
  );
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((octets[2 * i] as number) << 8) | (octets[2 * i + 1] as number)).toString(HEX),
  );
  // The shortest form, as everybody writes it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** By the socket's inode: the process that has it open. */
function processesOf(machine: Machine, inodes: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const pid of machine.list('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of machine.list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(machine.link(`/proc/${pid}/fd/${descriptor}`) ?? '')?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      found.set(inode, `process ${pid} (${machine.read(`/proc/${pid}/comm`)?.trim() ?? '?'})`);
    }
  }
  return found;
}
