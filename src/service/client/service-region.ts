import type * as wire from '../messages.js';
import type { Caller } from './caller.js';

/** Memory at the service on which the peer of a connection may work. */
export class ServiceRegion {
  /** What the peer must know, beside {@link rkey}. */
  readonly address: number;
  readonly rkey: number;
  /** In bytes. */
  readonly length: number;
  readonly #caller: Caller;
  readonly #handle: number;

  /** @internal */
  constructor(caller: Caller, { handle, address, rkey }: wire.Region, length: number) {
    this.#caller = caller;
    this.#handle = handle;
    this.address = address;
    this.rkey = rkey;
    this.length = length;
  }

  /** A copy of what is there now; by default from `offset` to the end. At most 4 MiB at once. @throws TransportError `INVALID_ARGUMENT` outside of it. */
  async read(offset = 0, length = this.length - offset): Promise<Uint8Array> {
    return (await this.#caller.call('readMemory', { handle: this.#handle, offset, length })).data;
  }

  /** @throws TransportError `INVALID_ARGUMENT` outside of it. */
  async write(offset: number, data: Uint8Array): Promise<void> {
    await this.#caller.call('writeMemory', { handle: this.#handle, offset, data });
  }

  /** Ends the registration. @throws ServiceError `UNKNOWN_HANDLE` the second time. */
  async deregister(): Promise<void> {
    await this.#caller.call('close', { handle: this.#handle });
  }
}
