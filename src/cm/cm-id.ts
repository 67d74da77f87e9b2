import type { Cid, LedgerEntry, Reference } from '../base/index.js';
import type { CmEvent } from './cm-event.js';

/** What a callback may return: `destroy` asks for the ID that was told to be destroyed (for a request, the listener), as a failure does in WinOF. */
export type CmStatus = 'success' | 'destroy';

/**
 * Is told what happens to an ID, one event after the other, and never from inside a call. From here every call may be made,
 * the ID's own destruction included (R14, R16). Nothing waits for a promise that it returns, whose value means nothing.
 */
export type CmCallback<Context = unknown> = (
  id: CmId<Context>,
  event: CmEvent,
  // biome-ignore lint/suspicious/noConfusingVoidType: most callbacks return nothing.
) => CmStatus | PromiseLike<unknown> | undefined | void;

/** Is told once that an ID is gone, after the call that destroyed it, and the callback that ran then, have returned (R11). */
export type CmDestroyed<Context = unknown> = (context: Context) => void;

/** An ID of the CM-only interface: stands for one CEP, until it is destroyed. */
export interface CmId<Context = unknown> {
  /** The consumer's own. */
  readonly context: Context;
  /** The CID of its CEP. For logs: no call of this interface takes one. */
  readonly cid: Cid;
  /** Whether its callback is running (R16). */
  readonly inCallback: boolean;
  /** Whether it has been destroyed: every call with it fails with `INVALID_ID`. */
  readonly destroyed: boolean;
}

/** What a consumer gives to an ID. It can be changed only as a whole, when the ID is bound (R5). */
export interface CmConfiguration<Context> {
  readonly callback: CmCallback<Context>;
  readonly context: Context;
  readonly onDestroyed?: CmDestroyed<Context> | undefined;
}

/** A request that has come in and that nobody has fetched. */
export interface PendingRequest {
  readonly cid: Cid;
  readonly event: CmEvent;
}

/** An ID as the interface sees it. Contexts are only passed on, so that here they may be anything. */
export class Id implements CmId<never> {
  configuration: CmConfiguration<never>;
  inCallback = false;
  /** Requests that wait here, oldest first, if it listens. */
  readonly requests: PendingRequest[] = [];
  readonly cid: Cid;
  readonly memory: LedgerEntry;
  /** Undefined once it is destroyed. */
  #own: Reference | undefined;

  constructor(cid: Cid, configuration: CmConfiguration<never>, memory: LedgerEntry) {
    this.cid = cid;
    this.configuration = configuration;
    this.memory = memory;
    this.#own = memory.hold('consumer');
  }

  get context(): never {
    return this.configuration.context;
  }

  get destroyed(): boolean {
    return this.#own === undefined;
  }

  /** The consumer has let go. Gone it is when no callback of its runs any more. */
  letGo(): void {
    this.#own?.release();
    this.#own = undefined;
  }

  /** Runs the callback; the ID stays until it has returned. */
  tell(event: CmEvent): unknown {
    const reference = this.memory.hold('callback');
    this.inCallback = true;
    try {
      return this.configuration.callback(this, event);
    } finally {
      this.inCallback = false;
      reference.release();
    }
  }
}
