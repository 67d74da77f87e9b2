import type { MraParameters, RejParameters } from '../../cep/index.js';
import { QpError } from '../../qp/index.js';
import { given } from '../given.js';
import type * as wire from '../messages.js';
import { type Caller, type EventReceiver, eventNamed } from './caller.js';
import { reported } from './reported.js';
import { ServiceCmEvent } from './service-cm-event.js';

/** A request to connect that was fetched from a listener, for a queue pair to accept: see `ConnectionRequest` of `ibcm/qp`. */
export class ServiceQueuePairRequest implements EventReceiver {
  /** The `req_received` event, with the REQ. */
  readonly event: ServiceCmEvent;
  /** What the two ends call the connection in their messages. */
  readonly commIds: { readonly local: number; readonly remote: number };
  readonly #caller: Caller;
  readonly #handle: number;
  readonly #onWithdrawn: ((event: ServiceCmEvent) => void) | undefined;
  #isOver = false;

  /** @internal */
  constructor(
    caller: Caller,
    { handle, event, localCommId: local, remoteCommId: remote }: wire.QpRequest,
    onWithdrawn: ((event: ServiceCmEvent) => void) | undefined,
  ) {
    this.#caller = caller;
    this.#handle = handle;
    this.#onWithdrawn = onWithdrawn;
    this.event = new ServiceCmEvent(event);
    this.commIds = { local, remote };
    caller.register(handle, this);
  }

  /** Whether it was accepted, rejected or withdrawn, as far as this client knows. */
  get over(): boolean {
    return this.#isOver;
  }

  /** See `ConnectionRequest.reject`. */
  async reject(parameters: Partial<RejParameters> = {}): Promise<void> {
    await this.#caller.call('qpRejectRequest', { handle: this.#live(), ...given(parameters) });
    this.end();
  }

  /** See `ConnectionRequest.delay`. */
  async delay(parameters: MraParameters = {}): Promise<void> {
    await this.#caller.call('qpDelayRequest', { handle: this.#live(), ...given(parameters) });
  }

  /** Gives it up, in whatever state. */
  async destroy(): Promise<void> {
    if (this.#isOver) return;
    this.end();
    await this.#caller.call('close', { handle: this.#handle });
  }

  /** @internal @throws QpError `REQUEST_OVER` */
  handleFor(caller: Caller): number {
    if (caller !== this.#caller) throw requestOver();
    return this.#live();
  }

  /** @internal */
  end(): void {
    this.#isOver = true;
    this.#caller.forget(this.#handle);
  }

  /** @internal */
  handleEvent(event: wire.Event): void {
    const withdrawn = eventNamed(event, 'withdrawn');
    if (withdrawn === undefined) return;
    this.end();
    reported(() => this.#onWithdrawn?.(new ServiceCmEvent(withdrawn)));
  }

  /** @internal */
  handleLost(): void {
    this.#isOver = true;
  }

  #live(): number {
    if (this.#isOver) throw requestOver();
    return this.#handle;
  }
}

function requestOver(): QpError {
  return new QpError('REQUEST_OVER', 'the request was accepted, rejected or withdrawn before', {});
}
