import type { Duration, Gid } from '../base/index.js';
import type { Driver } from '../ca/index.js';

export interface RouteWishes {
  /** The adapter's port to go out of, from 1. Left out: the one that the route prescribes, else the first from which there is a route. */
  readonly port?: number;
  /** UDP source port that packets to the host will have, if it is not the port's own: made ready. */
  readonly sourcePort?: number;
}

/** The way to a host. */
export interface Route {
  /** The adapter's port, from 1. */
  readonly port: number;
  readonly remoteGid: Gid;
}

/** What endpoints need besides a driver: names become addresses, time passes, and in the end everything is closed. */
export interface EndpointHost extends Driver {
  /**
   * Finds the way to a host: its address, in the family of the address of ours from which there is a route to it. May take as long as it likes.
   * @throws IbcmError that says what is missing.
   */
  resolve(host: string, wishes: RouteWishes): Promise<Route>;
  /** Calls back once a time has passed on the driver's clock. @returns what takes that back; harmless afterwards. */
  schedule(delay: Duration, call: () => void): () => void;
  /** Sends what is to be sent, and gives up the sockets. */
  close(): Promise<void>;
}
