import type { Gid } from '../base/index.js';
import type { Driver } from '../ca/index.js';

/** What endpoints need besides a driver: names become addresses, and in the end everything is closed. */
export interface EndpointHost extends Driver {
  /**
   * The address of a host, in the family of the adapter's own, to which there is a route.
   * @throws IbcmError that says what is missing.
   */
  resolve(host: string): Promise<Gid>;
  /** Sends what is to be sent, and gives up the sockets. */
  close(): Promise<void>;
}
