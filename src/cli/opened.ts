import type { Adapter, Connection, ConnectionRequest, LookupRequest } from '../endpoint/index.js';
import type { ServiceClient, ServiceConnection, ServiceLookupRequest, ServiceRequest } from '../service/index.js';

/** What commands work with: an adapter of their own, or a service's. */
export type CommandAdapter = Adapter | ServiceClient;
export type CommandConnection = Connection | ServiceConnection;
export type CommandRequest = ConnectionRequest | ServiceRequest;
export type CommandLookupRequest = LookupRequest | ServiceLookupRequest;

/** An adapter that a command may use until it disposes of it. */
export class Opened implements AsyncDisposable {
  readonly adapter: CommandAdapter;
  /** The address that the user means, of the several that a service may have; undefined: any. */
  readonly #address: string | undefined;

  constructor(adapter: CommandAdapter, address?: string) {
    this.adapter = adapter;
    this.#address = address;
  }

  /** Where to listen. */
  get at(): { readonly address?: string } {
    return this.#address === undefined ? {} : { address: this.#address };
  }

  /** Where to ask from. */
  get from(): { readonly from?: string } {
    return this.#address === undefined ? {} : { from: this.#address };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.adapter.close();
  }
}
