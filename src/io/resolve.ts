import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { formatAddress, type Gid, isIpv4Gid, parseGid } from '../base/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { IoError, systemCode } from './error.js';

const familyOf = (gid: Uint8Array): 4 | 6 => (isIpv4Gid(gid) ? 4 : 6);

/**
 * The address of a host in the family of `localGid`, to which there is a route from there.
 * @throws {@link IoError} `NAME_NOT_FOUND`, `NO_ROUTE`
 */
export async function resolveHost(host: string, localGid: Uint8Array): Promise<Gid> {
  const family = familyOf(localGid);
  const address = await lookUp(host, family);
  await probeRoute(address, family, formatAddress(localGid));
  return parseGid(address);
}

/** The address of this machine from which the host would be reached. @throws {@link IoError} */
export async function sourceAddressFor(host: string): Promise<string> {
  const { address, family } = await lookUpAny(host);
  return probeRoute(address, family, undefined);
}

/** The first address of a host. @throws {@link IoError} `NAME_NOT_FOUND` */
export async function lookUpAny(host: string): Promise<{ address: string; family: 4 | 6 }> {
  try {
    const { address, family } = await lookup(host);
    return { address, family: family === 6 ? 6 : 4 };
  } catch (error) {
    throw notFound(host, 'address', error);
  }
}

async function lookUp(host: string, family: 4 | 6): Promise<string> {
  try {
    return (await lookup(host, { family })).address;
  } catch (error) {
    throw notFound(host, `IPv${family} address (the adapter's own is one)`, error);
  }
}

function notFound(host: string, what: string, cause: unknown): IoError {
  return new IoError(
    'NAME_NOT_FOUND',
    `"${host}" has no ${what}: ${systemCode(cause) ?? (cause as Error).message}`,
    { host },
    { cause },
  );
}

/** Asks the system for a route: connecting a UDP socket sends nothing. @returns the address it would send from. */
async function probeRoute(address: string, family: 4 | 6, from: string | undefined): Promise<string> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    const listening = once(socket, 'listening');
    socket.bind(from === undefined ? {} : { address: from });
    await listening;
    const connected = once(socket, 'connect');
    socket.connect(ROCE_UDP_PORT, address);
    await connected;
    return socket.address().address;
  } catch (error) {
    const source = from === undefined ? '' : ` from ${from}`;
    throw new IoError(
      'NO_ROUTE',
      `no route to ${address}${source}: ${systemCode(error) ?? (error as Error).message}`,
      { address, from },
      { cause: error },
    );
  } finally {
    socket.close();
  }
}
