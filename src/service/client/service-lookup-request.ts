import type { LookupAcceptOptions, LookupRejectOptions } from '../../endpoint/index.js';
import { SIDR_STATUSES } from '../../wire/index.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import type { Caller } from './caller.js';

/** A peer that looks a datagram service up. See `LookupRequest`. */
export class ServiceLookupRequest {
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** The whole field after rdma_cm's header, 180 bytes. */
  readonly privateData: Uint8Array;
  readonly pKey: number;
  /** The CM's handle at the service. For logs. */
  readonly cid: number;
  readonly #caller: Caller;
  readonly #handle: number;

  /** @internal */
  constructor(caller: Caller, { handle, cid, remote, local, privateData, pKey }: wire.LookupRequest) {
    this.#caller = caller;
    this.#handle = handle;
    this.cid = cid;
    this.remote = remote;
    this.local = local;
    this.privateData = privateData;
    this.pKey = pKey;
  }

  /** See `LookupRequest.accept`. */
  accept(options: LookupAcceptOptions = {}): Promise<{ qpn: number; qKey: number }> {
    return this.#caller.call('acceptLookup', { handle: this.#handle, ...given(options) });
  }

  /** See `LookupRequest.reject`. */
  async reject({ status, privateData }: LookupRejectOptions = {}): Promise<void> {
    const number = typeof status === 'string' ? SIDR_STATUSES[status] : status;
    await this.#caller.call('rejectLookup', { handle: this.#handle, status: number, privateData });
  }
}
