import type { AcceptOptions, ConnectionEnd } from '../../endpoint/index.js';
import { REJECT_REASONS, type RejectReason } from '../../wire/index.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import type { Caller } from './caller.js';
import { ServiceConnection } from './service-connection.js';

/** A peer that asks to be connected. See `ConnectionRequest`. */
export class ServiceRequest {
  readonly remote: ConnectionEnd;
  readonly local: Pick<ConnectionEnd, 'address' | 'port' | 'commId'>;
  /** The whole field after rdma_cm's header, 56 bytes. */
  readonly privateData: Uint8Array;
  /** The CM's handle at the service. For logs. */
  readonly cid: number;
  readonly #caller: Caller;
  readonly #handle: number;

  /** @internal */
  constructor(caller: Caller, { handle, cid, remote, local, privateData }: wire.Request) {
    this.#caller = caller;
    this.#handle = handle;
    this.cid = cid;
    this.remote = remote;
    this.local = local;
    this.privateData = privateData;
  }

  /** Whether it can still be answered. @throws ServiceError `UNKNOWN_HANDLE` when this client has answered it. */
  async isPending(): Promise<boolean> {
    return (await this.#caller.call('queryRequest', { handle: this.#handle })).isPending;
  }

  /** See `ConnectionRequest.accept`. */
  accept({ signal, ...options }: AcceptOptions = {}): Promise<ServiceConnection> {
    const adopt = ServiceConnection.adopting(this.#caller);
    return this.#caller.call('accept', { handle: this.#handle, ...given(options) }, { signal, adopt });
  }

  /** See `ConnectionRequest.reject`. */
  async reject({
    reason,
    privateData,
  }: {
    reason?: RejectReason | number;
    privateData?: Uint8Array;
  } = {}): Promise<void> {
    const number = typeof reason === 'string' ? REJECT_REASONS[reason] : reason;
    await this.#caller.call('reject', { handle: this.#handle, reason: number, privateData });
  }
}
