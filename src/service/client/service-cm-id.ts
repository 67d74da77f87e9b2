import type { CmStatus } from '../../cm/index.js';
import type * as wire from '../messages.js';
import { type EventReceiver, eventNamed } from './caller.js';
import { reported } from './reported.js';
import { ServiceCmEvent } from './service-cm-event.js';

/** As `CmCallback`: `destroy` asks for the ID to be destroyed, which is a call of its own here. */
export type ServiceCmCallback<Context = unknown> = (
  id: ServiceCmId<Context>,
  event: ServiceCmEvent,
  // biome-ignore lint/suspicious/noConfusingVoidType: most callbacks return nothing.
) => CmStatus | PromiseLike<unknown> | undefined | void;

/** What a consumer gives to an ID. */
export interface ServiceCmConfiguration<Context> {
  readonly callback: ServiceCmCallback<Context>;
  readonly context: Context;
  /** Told once that the ID is gone, whoever has destroyed it, or that there is no service any more. */
  readonly onDestroyed?: ((context: Context) => void) | undefined;
}

/** An ID of the CM-only interface that is at the service. */
export interface ServiceCmId<Context = unknown> {
  /** The consumer's own. */
  readonly context: Context;
  /** The CID of its CEP. For logs. */
  readonly cid: number;
  /** Whether its callback is running (R16). */
  readonly inCallback: boolean;
  /** Whether it has been destroyed, as far as this client knows: every call with it fails with `INVALID_ID`. */
  readonly destroyed: boolean;
}

/** An ID as the interface sees it. Contexts are only passed on, so that here they may be anything. */
export class Id implements ServiceCmId<never>, EventReceiver {
  readonly cid: number;
  readonly handle: number;
  readonly owner: object;
  configuration: ServiceCmConfiguration<never>;
  inCallback = false;
  destroyed = false;
  readonly #destroy: (id: Id) => void;
  #isGone = false;

  /** @param owner the interface. @param destroy what a callback asks for. */
  constructor(
    { handle, cid }: wire.CmId,
    configuration: ServiceCmConfiguration<never>,
    owner: object,
    destroy: (id: Id) => void,
  ) {
    this.handle = handle;
    this.cid = cid;
    this.configuration = configuration;
    this.owner = owner;
    this.#destroy = destroy;
  }

  get context(): never {
    return this.configuration.context;
  }

  handleEvent(event: wire.Event): void {
    if (event.body === 'gone') this.handleLost();
    const told = eventNamed(event, 'cm');
    if (told === undefined || this.destroyed) return;
    this.inCallback = true;
    const status = reported(() => this.configuration.callback(this, new ServiceCmEvent(told)));
    this.inCallback = false;
    if (status === 'destroy') this.#destroy(this);
  }

  handleLost(): void {
    this.destroyed = true;
    if (this.#isGone) return;
    this.#isGone = true;
    const { onDestroyed, context } = this.configuration;
    reported(() => onDestroyed?.(context));
  }
}
