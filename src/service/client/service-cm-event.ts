import { assert } from '../../base/index.js';
import type { EventCause, EventType } from '../../cep/index.js';
import { type CmMad, decodeMad } from '../../wire/index.js';
import type * as wire from '../messages.js';

/** Something that happened at the service. As `CmEvent`, but for the moment, which is the service's, and that it can be read at any time. */
export class ServiceCmEvent {
  readonly type: EventType;
  readonly cause: EventCause;
  /** The CEP that it is about. For logs. */
  readonly cid: number;
  /** How often the message was sent whose answer is missing. */
  readonly transmissions: number;
  readonly #mad: Uint8Array | undefined;
  #message: CmMad | undefined;

  /** @internal */
  constructor({ type, cause, cid, transmissions, mad }: wire.CmEvent) {
    this.type = type as EventType;
    this.cause = cause as EventCause;
    this.cid = cid;
    this.transmissions = transmissions;
    this.#mad = mad;
  }

  /** The message that caused it, if one did. */
  get message(): CmMad | undefined {
    if (this.#message !== undefined || this.#mad === undefined) return this.#message;
    const mad = decodeMad(this.#mad);
    assert(!(mad instanceof Error), 'the service has checked what it received');
    this.#message = mad;
    return mad;
  }
}
