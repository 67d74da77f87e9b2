import type { Duration, Gid } from '../base/index.js';
import type { Driver } from '../ca/index.js';

/** What endpoints need besides a driver: names become addresses, time passes, and in the end everything is closed. */
export interface EndpointHost extends Driver {
  /**
   * The address of a host, in the family of the adapter's own, to which there is a route. May take as long as it likes.
   * @param sourcePort UDP source port that packets to the host will have, if it is not the port's own: made ready.
   * @throws IbcmError that says what is missing.
   */
  resolve(host: string, sourcePort?: number): Promise<Gid>;
  /** Calls back once a time has passed on the driver's clock. @returns what takes that back; harmless afterwards. */
  schedule(delay: Duration, call: () => void): () => void;
  /** Sends what is to be sent, and gives up the sockets. */
  close(): Promise<void>;
}
