import { formatAddress, type Gid, gidEquals, IbcmError, parseGid } from '../base/index.js';
import { EndpointError } from './error.js';

/** The adapter's own addresses: that of its first port, of its second, and so on. */
export class LocalAddresses {
  /** As text. */
  readonly all: readonly string[];
  readonly #gids: readonly Gid[];

  constructor(gids: readonly Gid[]) {
    this.#gids = gids;
    this.all = gids.map((gid) => formatAddress(gid));
  }

  /** The first: the adapter's name, so to speak. */
  get first(): string {
    return this.at(1);
  }

  /** The address of a port, counted from 1. */
  at(port: number): string {
    return this.all[port - 1] as string;
  }

  gidAt(port: number): Gid {
    return this.#gids[port - 1] as Gid;
  }

  /** The port that has an address. @param name of the option, for the message. @throws EndpointError `INVALID_ARGUMENT` */
  portOf(name: string, address: string): number {
    const gid = gidOf(address);
    const index = gid === undefined ? -1 : this.#gids.findIndex((own) => gidEquals(own, 0, gid, 0));
    if (index >= 0) return index + 1;
    throw new EndpointError(
      'INVALID_ARGUMENT',
      `${name} is ${address}; it must be an address of this adapter: ${this.all.join(', ')}`,
      { name, value: address },
    );
  }
}

function gidOf(address: string): Gid | undefined {
  try {
    return parseGid(address);
  } catch (error) {
    if (error instanceof IbcmError) return undefined;
    throw error;
  }
}
