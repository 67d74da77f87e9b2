import { IoError, lookUpAny, sourceAddressFor } from '../io/index.js';

type Open<Result> = (address: string) => Promise<Result>;

const LOOPBACK_FIRST = 0x7f00_0001;
const LOOPBACK_LAST = 0x7fff_fffe;
const LOOPBACK_TRIES = 250;

/** `localhost` is 127.0.0.1 here, whatever else it is: IPv6 has one loopback address only, too few for both ends. */
export const preferIpv4Loopback = (host: string): string => (host.toLowerCase() === 'localhost' ? '127.0.0.1' : host);

/** Opens an adapter from which the host can be reached: on the address that the route prescribes, or next to a loopback peer's. */
export async function openTowards<Result>(host: string, open: Open<Result>): Promise<Result> {
  const { address } = await lookUpAny(preferIpv4Loopback(host));
  if (address.startsWith('127.')) return openLoopback(address, open);
  const source = await sourceAddressFor(address);
  try {
    return await open(source);
  } catch (error) {
    // A listener on this very machine owns the port of the address that the two of us would share.
    if (source !== address || !isPortInUse(error)) throw error;
    if (!address.includes(':')) return openLoopback('127.0.0.1', open);
    throw new IoError(
      'PORT_IN_USE',
      `${address} is this machine, and its UDP port 4791 is in use, as by a listener: name another address to connect from, with --from`,
      { address },
      { cause: error },
    );
  }
}

/** Opens an adapter on the first address of 127/8 after `peer` whose port is free. */
async function openLoopback<Result>(peer: string, open: Open<Result>): Promise<Result> {
  let number = peer.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  for (let tries = 1; ; tries += 1) {
    number = number < LOOPBACK_LAST ? number + 1 : LOOPBACK_FIRST;
    const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
    try {
      return await open(address);
    } catch (error) {
      if (!isPortInUse(error) || tries >= LOOPBACK_TRIES) throw error;
    }
  }
}

const isPortInUse = (error: unknown): boolean => error instanceof IoError && error.code === 'PORT_IN_USE';
