import type { Instant } from '../base/index.js';
import type { MraParameters, RejParameters } from '../cep/index.js';
import { CmError, type CmEvent, type CmId, type CmInterface } from '../cm/index.js';
import { REJECT_REASONS } from '../wire/index.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { QpError } from './error.js';

/**
 * A request to connect that was fetched from a listener: to be accepted by a queue pair (`ConnectedQueuePair.accept`), or rejected.
 * It is over when either was done, or when its sender has withdrawn it; then there is nothing left of it.
 */
export class ConnectionRequest implements ConnectionOwner {
  readonly #cm: CmInterface;
  readonly #onWithdrawn: ((event: CmEvent) => void) | undefined;
  #id: CmId<Connection> | undefined;
  #event: CmEvent | undefined;

  private constructor(cm: CmInterface, onWithdrawn: ((event: CmEvent) => void) | undefined) {
    this.#cm = cm;
    this.#onWithdrawn = onWithdrawn;
  }

  /** Fetches the oldest request of a listener. @internal */
  static fetch(
    cm: CmInterface,
    listener: CmId,
    onWithdrawn: ((event: CmEvent) => void) | undefined,
  ): ConnectionRequest | undefined {
    const request = new ConnectionRequest(cm, onWithdrawn);
    const { callback, context, onDestroyed } = new Connection(request).configuration;
    const fetched = cm.getRequestEx(listener, callback, context, onDestroyed);
    if (fetched === undefined) return undefined;
    request.#id = fetched.id;
    request.#event = fetched.event;
    return request;
  }

  /** The `req_received` event, with the REQ. */
  get event(): CmEvent {
    return this.#event as CmEvent;
  }

  /** What the two ends call the connection in their messages. @throws QpError `REQUEST_OVER` */
  get commIds(): { readonly local: number; readonly remote: number } {
    return this.#cm.commIds(this.#live());
  }

  /** Whether it was accepted, rejected or withdrawn, or its interface was closed. */
  get over(): boolean {
    return this.#id === undefined || this.#id.destroyed;
  }

  /**
   * Refuses it with a REJ, by default "consumer reject"; a question (SIDR), which has no such reasons, with a SIDR_REP.
   * @throws QpError `REQUEST_OVER`; what the CM throws: then it is not over.
   */
  reject(parameters: Partial<RejParameters>, now: Instant): void {
    const id = this.#live();
    // One that was withdrawn, which nobody has been told yet, needs no answer.
    if (this.event.type === 'req_received' && this.#cm.state(id) !== 'IDLE') {
      this.#cm.sendRej(id, { reason: REJECT_REASONS.consumerReject, ...parameters }, now);
    }
    this.#id = undefined;
    this.#cm.destroyId(id, now);
  }

  /** Asks the sender to wait longer for the answer, with an MRA. @throws QpError `REQUEST_OVER` */
  delay(parameters: MraParameters, now: Instant): void {
    this.#cm.sendMra(this.#live(), parameters, now);
  }

  /**
   * Gives it up, in whatever state: if it is not over, its sender gets a REJ as from the destruction of its CEP. Never fails, and never waits;
   * nobody is told.
   */
  destroy(now: Instant): void {
    if (this.#id !== undefined && !this.#id.destroyed) this.#cm.destroyId(this.#id, now);
    this.#id = undefined;
  }

  /** @internal @throws QpError `REQUEST_OVER`, CmError `INVALID_ID` when it is another interface's. */
  idOf(cm: CmInterface): CmId<Connection> {
    const id = this.#live();
    if (cm !== this.#cm) throw new CmError('INVALID_ID', 'the request has come to another interface', {});
    return id;
  }

  /** Somebody has taken it over, and is answerable for its CEP. @internal */
  take(): void {
    this.#id = undefined;
  }

  /** Nothing happens to a request but its end. @internal */
  handleEvent(id: CmId<Connection>, event: CmEvent): void {
    this.#id = undefined;
    this.#cm.destroyId(id, event.now);
    this.#onWithdrawn?.(event);
  }

  /** @internal */
  handleGone(): void {
    this.#id = undefined;
  }

  #live(): CmId<Connection> {
    if (this.#id === undefined || this.#id.destroyed) {
      throw new QpError('REQUEST_OVER', 'the request was accepted, rejected or withdrawn before', {});
    }
    return this.#id;
  }
}
