import { assert, type Cid, copyOf, type Instant } from '../base/index.js';
import type { CepEvent, EventCause, EventType } from '../cep/index.js';
import { type CmMad, decodeMad, MAD_BYTES } from '../wire/index.js';
import { CmError } from './error.js';

/** Something that happened to an ID. */
export interface CmEvent {
  readonly type: EventType;
  /** The CEP that it is about: the ID's own, or that of a request which has come to it. For logs. */
  readonly cid: Cid;
  /** Why, where the type does not say it. */
  readonly cause: EventCause;
  /** The moment at which it is told. */
  readonly now: Instant;
  /** How often the message was sent whose answer is missing. */
  readonly transmissions: number;
  /**
   * The message that caused it, if one did: a copy, which the consumer may keep.
   * @throws CmError `NOT_IN_CALLBACK` once the callback has returned: who wants it asks for it there (R16).
   */
  readonly message: CmMad | undefined;
}

/** An event while it is told: it reads the manager's buffer, which is somebody else's afterwards. */
export class LentEvent implements CmEvent {
  readonly type: EventType;
  readonly cid: Cid;
  readonly cause: EventCause;
  readonly now: Instant;
  readonly transmissions: number;
  #source: CepEvent | undefined;
  #message: CmMad | undefined;

  constructor(source: CepEvent, now: Instant) {
    this.type = source.type;
    this.cid = source.cid;
    this.cause = source.cause;
    this.now = now;
    this.transmissions = source.transmissions;
    this.#source = source;
  }

  get message(): CmMad | undefined {
    if (this.#source === undefined) {
      throw new CmError('NOT_IN_CALLBACK', `the message of a ${this.type} event is read within the callback`, {
        event: this.type,
      });
    }
    this.copy();
    return this.#message;
  }

  /** Copies the message, if it has not been read: from now on the buffer may be somebody else's. */
  copy(): void {
    if (this.#source === undefined || this.#message !== undefined) return;
    const bytes = copyOfMessage(this.#source);
    this.#message = bytes && decoded(bytes);
  }

  /** The same event for somebody who reads it later. */
  kept(): CmEvent {
    return new KeptEvent(this, this.#source && copyOfMessage(this.#source));
  }

  /** The callback has returned. */
  end(): void {
    this.#source = undefined;
  }
}

/** An event that is kept until somebody fetches it: it has a message of its own, which is decoded when it is asked for. */
class KeptEvent implements CmEvent {
  readonly type: EventType;
  readonly cid: Cid;
  readonly cause: EventCause;
  readonly now: Instant;
  readonly transmissions: number;
  readonly #bytes: Uint8Array | undefined;
  #message: CmMad | undefined;

  constructor({ type, cid, cause, now, transmissions }: LentEvent, bytes: Uint8Array | undefined) {
    this.type = type;
    this.cid = cid;
    this.cause = cause;
    this.now = now;
    this.transmissions = transmissions;
    this.#bytes = bytes;
  }

  get message(): CmMad | undefined {
    this.#message ??= this.#bytes && decoded(this.#bytes);
    return this.#message;
  }
}

function copyOfMessage({ hasMessage, bytes, at }: CepEvent): Uint8Array | undefined {
  return hasMessage ? copyOf(bytes, at, at + MAD_BYTES) : undefined;
}

function decoded(bytes: Uint8Array): CmMad {
  const mad = decodeMad(bytes);
  assert(!(mad instanceof Error), 'the manager has checked what it received');
  return mad;
}
