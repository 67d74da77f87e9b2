import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { formatAddress, type Gid, gidEquals, isIpv4Gid, parseGid } from '../base/index.js';
import type { Route } from '../endpoint/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { IoError, systemWords } from './error.js';

const familyOf = (gid: Uint8Array): 4 | 6 => (isIpv4Gid(gid) ? 4 : 6);

/**
 * The address of a host in the family of `localGid`, to which there is a route from there.
 * @throws {@link IoError} `NAME_NOT_FOUND`, `NO_ROUTE`, `SOCKET`
 */
export async function resolveHost(host: string, localGid: Uint8Array): Promise<Gid> {
  const family = familyOf(localGid);
  const { address } = await lookUp(host, family);
  await probeRoute(address, family, formatAddress(localGid));
  return parseGid(address);
}

/**
 * The way to a host from one of several addresses of ours: from the one that the system itself would send from, if there are several, else from the
 * first from which there is a route.
 * @param port the one to go out of, from 1, if it is chosen already. @throws {@link IoError} as {@link resolveHost}, for the first that was tried and has
 *   the host's family.
 */
export async function resolveRoute(host: string, localGids: readonly Uint8Array[], port?: number): Promise<Route> {
  const ports = port === undefined ? await inOrder(host, localGids) : [port];
  let failure: unknown;
  for (const each of ports) {
    try {
      return { port: each, remoteGid: await resolveHost(host, localGids[each - 1] as Uint8Array) };
    } catch (error) {
      // That the host has no address of one family means little if it has one of the other.
      if (failure === undefined || (isNotFound(failure) && !isNotFound(error))) failure = error;
    }
  }
  throw failure;
}

const isNotFound = (error: unknown): boolean => error instanceof IoError && error.code === 'NAME_NOT_FOUND';

/** All ports, the one that the route prescribes first. */
async function inOrder(host: string, localGids: readonly Uint8Array[]): Promise<number[]> {
  const ports = localGids.map((_, index) => index + 1);
  if (ports.length === 1) return ports;
  // Whatever is wrong shows when the ports are tried.
  const source = await sourceAddressFor(host).catch(() => undefined);
  const preferred = source === undefined ? undefined : parseGid(source);
  const isPreferred = (port: number): boolean =>
    preferred !== undefined && gidEquals(localGids[port - 1] as Uint8Array, 0, preferred, 0);
  return [...ports.filter(isPreferred), ...ports.filter((port) => !isPreferred(port))];
}

/** The address of this machine from which the host would be reached. @throws {@link IoError} */
export async function sourceAddressFor(host: string): Promise<string> {
  const { address, family } = await lookUpAny(host);
  return probeRoute(address, family, undefined);
}

/** The first address of a host. @throws {@link IoError} `NAME_NOT_FOUND`, `NO_ROUTE` */
export function lookUpAny(host: string): Promise<{ address: string; family: 4 | 6 }> {
  return lookUp(host, undefined);
}

async function lookUp(host: string, wanted: 4 | 6 | undefined): Promise<{ address: string; family: 4 | 6 }> {
  // The system would take an empty name for this machine.
  if (host === '') throw notFound(host, wanted, undefined);
  const found = await lookup(host, { family: wanted ?? 0 }).catch((error: unknown) => {
    throw notFound(host, wanted, error);
  });
  const family = found.family === 6 ? 6 : 4;
  // An address stands for itself, whatever family was asked for.
  if (wanted !== undefined && family !== wanted) throw notFound(host, wanted, undefined);
  if (found.address.includes('%')) {
    throw new IoError(
      'NO_ROUTE',
      `${found.address} is a link-local address: its zone does not fit into a GID, so use another address`,
      { host, address: found.address },
    );
  }
  return { address: found.address, family };
}

function notFound(host: string, family: 4 | 6 | undefined, cause: unknown): IoError {
  const what = family === undefined ? 'address' : `IPv${family} address, which this adapter needs as its own is one`;
  const why = cause === undefined ? '' : `: ${systemWords(cause)}`;
  return new IoError(
    'NAME_NOT_FOUND',
    `"${host}" has no ${what}${why}`,
    { host },
    cause === undefined ? undefined : { cause },
  );
}

/** Asks the system for a route: connecting a UDP socket sends nothing. @returns the address it would send from. */
async function probeRoute(address: string, family: 4 | 6, from: string | undefined): Promise<string> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    const listening = once(socket, 'listening');
    socket.bind(from === undefined ? {} : { address: from });
    await listening.catch((error: unknown) => {
      const where = from === undefined ? 'a UDP socket' : `a UDP socket on ${from}`;
      throw new IoError('SOCKET', `cannot open ${where}: ${systemWords(error)}`, { from }, { cause: error });
    });
    const connected = once(socket, 'connect');
    socket.connect(ROCE_UDP_PORT, address);
    await connected;
    return socket.address().address;
  } catch (error) {
    if (error instanceof IoError) throw error;
    const source = from === undefined ? '' : ` from ${from}`;
    throw new IoError(
      'NO_ROUTE',
      `no route to ${address}${source}: ${systemWords(error)}`,
      { address, from },
      { cause: error },
    );
  } finally {
    socket.close();
  }
}
