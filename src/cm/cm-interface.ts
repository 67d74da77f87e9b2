import type { Cid, Instant, ReferenceLedger, ServiceId } from '../base/index.js';
import {
  type AprParameters,
  CepError,
  type CepEvent,
  type CepManager,
  type CepOwner,
  type CidSlot,
  type DreqParameters,
  type LapParameters,
  type ListenParameters,
  type MraParameters,
  type PrivateDataParameters,
  type QpAttributes,
  type QpTarget,
  type RejParameters,
  type RepParameters,
  type ReqParameters,
  type SidrRepParameters,
  type SidrReqParameters,
  type State,
} from '../cep/index.js';
import { type CmEvent, LentEvent } from './cm-event.js';
import { type CmCallback, type CmConfiguration, type CmDestroyed, type CmId, Id } from './cm-id.js';
import { CmError } from './error.js';

/** A request that was fetched: it has an ID of its own, and the event tells what it asks for. */
export interface CmRequest<Context = unknown> {
  readonly id: CmId<Context>;
  /** `req_received` or `sidr_req_received`. Its message may be read at any time. */
  readonly event: CmEvent;
}

/**
 * The CM-only interface: IDs with a callback, over a CEP manager. It knows queue pair numbers and no queue pairs (R2); everything above
 * (queue pairs, endpoints, clients in this process or another) is written against it (R1), beside whoever uses the manager
 * itself (R20).
 *
 * No call blocks, and all may be made from any callback (R14). Each says which states it is valid in (docs/cm-interface.md has them
 * all, made from the state table), what it sends, and what follows. All throw {@link CmError} `INVALID_ID`, and what the
 * manager refuses: `CepError` (`INVALID_STATE`, `LIMIT_REACHED`, …) or `EncodeError` for a value that does not fit its field. A call that
 * throws has changed nothing.
 *
 * For its driver it is sans-IO: after every input of the manager and after calls, {@link poll}, then send what the manager has to send.
 */
export class CmInterface {
  readonly #owner: CepOwner;
  readonly #ledger: ReferenceLedger;
  readonly #ids = new Map<Cid, Id>();
  /** Who listens for the requests that nobody has fetched, by the requests' CEPs. */
  readonly #listeners = new Map<Cid, Id>();
  /** Whose callback is running, and what it is told. */
  #current: Id | undefined;
  #lent: LentEvent | undefined;
  #closed = false;

  /** @param ledger knows the IDs; whoever drives the manager polls it too, or leaves that to {@link poll}. */
  constructor(manager: CepManager, ledger: ReferenceLedger) {
    this.#owner = manager.openOwner();
    this.#ledger = ledger;
  }

  /** IDs that exist; requests that nobody has fetched are none yet. */
  get size(): number {
    return this.#ids.size;
  }

  /** Whether it has been closed: all IDs are destroyed, and no call but {@link poll} can be made. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The ID whose callback is running, if one is (R16). */
  get current(): CmId | undefined {
    return this.#current as CmId | undefined;
  }

  // ---- IDs

  /**
   * Makes an ID, in state IDLE.
   * @param onDestroyed see {@link destroyId}.
   * @throws CepError `LIMIT_REACHED` when the manager has all CEPs that it may have.
   */
  createId<Context>(
    callback: CmCallback<Context>,
    context: Context,
    onDestroyed?: CmDestroyed<Context>,
  ): CmId<Context> {
    this.#checkOpen();
    return this.#add(this.#owner.create(), { callback, context, onDestroyed });
  }

  /**
   * Destroys an ID, in any state: what is in progress is aborted, a connection disconnected, and nobody waits for it (R11, R12). No event is
   * told any more. Requests that nobody has fetched are rejected. `onDestroyed` is called once, from a later {@link poll}.
   */
  destroyId(id: CmId, now: Instant): void {
    const own = this.#own(id);
    this.#owner.destroy(own.cid, now);
    this.#remove(own, now);
  }

  /**
   * Binds an ID to a slot, and gives it a new configuration, in one step (R5): whoever destroys the slot from now on destroys the ID.
   * The former callback and `onDestroyed` are told nothing any more.
   * @throws CepError `SLOT_NOT_INVALID`, `CEP_BOUND`. Then nothing has changed: not the slot, not the ID, not its configuration.
   */
  bind<Context>(id: CmId, slot: CidSlot, configuration: CmConfiguration<Context>): CmId<Context> {
    const own = this.#own(id);
    this.#owner.bind(own.cid, slot);
    own.configuration = configuration as unknown as CmConfiguration<never>;
    return own as CmId as CmId<Context>;
  }

  /**
   * Destroys whatever ID is bound to a slot now (R6), as {@link destroyId} does; harmless if none is.
   * @param after `reusable`: another may be bound at once. `reserved`: none ever may (R7).
   * @throws CepError `INVALID_CID` when what is bound is not of this interface; then nothing has changed.
   */
  destroySlot(slot: CidSlot, after: 'reusable' | 'reserved', now: Instant): void {
    this.#checkOpen();
    const cid = this.#owner.destroySlot(slot, after, now);
    const own = cid === undefined ? undefined : this.#ids.get(cid);
    if (own !== undefined) this.#remove(own, now);
  }

  /** The state of its CEP. */
  state(id: CmId): State {
    return this.#owner.state(this.#own(id).cid);
  }

  /** What the two ends call the connection in their messages; 0 for what is not known yet. For logs: no call takes them. */
  commIds(id: CmId): { readonly local: number; readonly remote: number } {
    return this.#owner.commIds(this.#own(id).cid);
  }

  // ---- listening

  /**
   * Listens for requests to connect and for questions (SIDR). Each is told to the callback as `req_received` or `sidr_req_received`
   * of this ID; then, or later, it is fetched with {@link getRequest}.
   * @returns the service ID, chosen by the manager if none was given. @throws CepError `LISTEN_CONFLICT`, `INVALID_PARAMETER`
   */
  listen(id: CmId, parameters: ListenParameters, now: Instant): ServiceId {
    return this.#owner.listen(this.#own(id).cid, parameters, now);
  }

  /** Ends the listening; the ID can be used again. Requests that nobody has fetched are rejected. */
  cancelListen(id: CmId, now: Instant): void {
    const own = this.#own(id);
    this.#owner.cancelListen(own.cid, now);
    this.#rejectRequests(own, now);
  }

  /**
   * Fetches the oldest request that waits at a listener. It gets an ID of its own, with the listener's callback, and the listener as context.
   * Nobody is told when that ID is gone.
   * @returns undefined if none waits: one that was told may have been withdrawn.
   * @throws CepError `INVALID_STATE` when the ID does not listen.
   */
  getRequest<Context>(listener: CmId<Context>): CmRequest<CmId<Context>> | undefined {
    const { callback } = this.#own(listener).configuration;
    return this.getRequestEx(listener, callback as unknown as CmCallback<CmId<Context>>, listener);
  }

  /** As {@link getRequest}, with a callback and a context for the new ID. */
  getRequestEx<Context>(
    listener: CmId,
    callback: CmCallback<Context>,
    context: Context,
    onDestroyed?: CmDestroyed<Context>,
  ): CmRequest<Context> | undefined {
    const own = this.#own(listener);
    this.#checkListens(own);
    const request = own.requests.shift();
    if (request === undefined) return undefined;
    this.#listeners.delete(request.cid);
    return { id: this.#add(request.cid, { callback, context, onDestroyed }), event: request.event };
  }

  // ---- connecting

  /**
   * Sends a REQ: `rep_received`, `rej_received` or `req_error` follows. A peer-to-peer request that crosses the peer's and gives way
   * brings `req_received` to this ID itself: there is nothing to fetch, the ID answers it.
   * @throws CepError `QPN_IN_USE` (R3)
   */
  sendReq(id: CmId, parameters: ReqParameters, now: Instant): void {
    this.#owner.sendReq(this.#own(id).cid, parameters, now);
  }

  /** Makes the REP, to be sent with {@link sendFormattedRep}: the queue pair is in use from now on. @throws CepError `QPN_IN_USE` (R3) */
  formatRep(id: CmId, parameters: RepParameters, now: Instant): void {
    this.#owner.formatRep(this.#own(id).cid, parameters, now);
  }

  /** Sends the REP that was made: `rtu_received`, `rej_received` or `rep_error` follows. */
  sendFormattedRep(id: CmId, now: Instant): void {
    this.#owner.sendFormatted(this.#own(id).cid, now);
  }

  /** Answers a REQ with a REP: `rtu_received`, `rej_received` or `rep_error` follows. @throws CepError `QPN_IN_USE` (R3) */
  sendRep(id: CmId, parameters: RepParameters, now: Instant): void {
    this.#owner.sendRep(this.#own(id).cid, parameters, now);
  }

  /** Answers a REP with an RTU: the connection stands. */
  sendRtu(id: CmId, parameters: PrivateDataParameters, now: Instant): void {
    this.#owner.sendRtu(this.#own(id).cid, parameters, now);
  }

  /** Data has come before the RTU: the connection stands. `rtu_received` follows, with the cause `established`. */
  established(id: CmId, now: Instant): void {
    this.#owner.established(this.#own(id).cid, now);
  }

  /** Sends a REJ: refuses a REQ or REP, or takes a REP back. */
  sendRej(id: CmId, parameters: RejParameters, now: Instant): void {
    this.#owner.sendRej(this.#own(id).cid, parameters, now);
  }

  /** Sends an MRA: the peer waits longer for the answer to its REQ, REP or LAP. */
  sendMra(id: CmId, parameters: MraParameters, now: Instant): void {
    this.#owner.sendMra(this.#own(id).cid, parameters, now);
  }

  /** Sends a DREQ: `drep_received` or `dreq_error` follows, and `timewait_exit` when the queue pair may be used again. */
  sendDreq(id: CmId, parameters: DreqParameters, now: Instant): void {
    this.#owner.sendDreq(this.#own(id).cid, parameters, now);
  }

  /** Answers a DREQ with a DREP: `timewait_exit` follows. */
  sendDrep(id: CmId, parameters: PrivateDataParameters, now: Instant): void {
    this.#owner.sendDrep(this.#own(id).cid, parameters, now);
  }

  // ---- paths and queue pairs

  /** Proposes an alternate path with a LAP, from the side that connected: `apr_received` or `lap_error` follows. */
  sendLap(id: CmId, parameters: LapParameters, now: Instant): void {
    this.#owner.sendLap(this.#own(id).cid, parameters, now);
  }

  /** Answers a LAP (`lap_received`) with an APR. */
  sendApr(id: CmId, parameters: AprParameters, now: Instant): void {
    this.#owner.sendApr(this.#own(id).cid, parameters, now);
  }

  /** The queue pair has moved to its alternate path. Sends nothing. */
  migrate(id: CmId, now: Instant): void {
    this.#owner.migrate(this.#own(id).cid, now);
  }

  /** What a queue pair needs to enter a state, from the messages exchanged. Sends nothing. @throws CepError `INVALID_STATE` too early. */
  getQpAttr<Target extends QpTarget>(id: CmId, target: Target, now: Instant): Extract<QpAttributes, { state: Target }> {
    return this.#owner.getQpAttr(this.#own(id).cid, target, now);
  }

  // ---- service ID resolution

  /** Asks which queue pair serves a service ID: `sidr_rep_received` or `sidr_req_error` follows. */
  sendSidrReq(id: CmId, parameters: SidrReqParameters, now: Instant): void {
    this.#owner.sendSidrReq(this.#own(id).cid, parameters, now);
  }

  /** Answers such a question (`sidr_req_received`). */
  sendSidrRep(id: CmId, parameters: SidrRepParameters, now: Instant): void {
    this.#owner.sendSidrRep(this.#own(id).cid, parameters, now);
  }

  // ---- for the driver

  /**
   * Tells the IDs' callbacks what has happened, and who waits for it that IDs are gone. What callbacks lead to is told as well.
   * If a callback throws, so does this, and the next poll goes on with what is left.
   * @returns whether anything was told. @throws CmError `WOULD_DEADLOCK` from inside a callback, which what it asks for would have to wait for.
   */
  poll(now: Instant): boolean {
    if (this.#current !== undefined) {
      throw new CmError('WOULD_DEADLOCK', 'events are told when this callback has returned', {});
    }
    let any = false;
    while (this.#ledger.poll() > 0 || this.#tellNext(now)) any = true;
    return any;
  }

  /** Destroys every ID (R21); nothing can be done with the interface any more, but {@link poll} for what is left to be told. */
  close(now: Instant): void {
    if (this.#closed) return;
    this.#closed = true;
    // The buffer goes back with the owner, and the callback that closes may not have read it.
    this.#lent?.copy();
    this.#owner.close(now);
    this.#listeners.clear();
    for (const id of this.#ids.values()) id.letGo();
    this.#ids.clear();
  }

  /** @returns whether there was an event. */
  #tellNext(now: Instant): boolean {
    if (this.#closed) return false;
    const event = this.#owner.pollEvent();
    if (event === undefined) return false;
    const id = this.#ids.get(event.cid);
    if (id !== undefined) this.#tell(id, new LentEvent(event, now), now);
    else if (this.#listeners.has(event.cid)) this.#withdraw(event.cid, now);
    else this.#receiveRequest(event, now);
    return true;
  }

  #receiveRequest(event: CepEvent, now: Instant): void {
    const { cid } = event;
    const listener = this.#ids.get(event.listener);
    if (listener === undefined) {
      // Its sender has taken it back before anybody was told of it.
      this.#owner.destroy(cid, now);
      return;
    }
    const lent = new LentEvent(event, now);
    listener.requests.push({ cid, event: lent.kept() });
    this.#listeners.set(cid, listener);
    this.#tell(listener, lent, now);
  }

  /** A request that nobody has fetched is over: its sender has taken it back. */
  #withdraw(cid: Cid, now: Instant): void {
    const requests = this.#listeners.get(cid)?.requests ?? [];
    requests.splice(
      requests.findIndex((request) => request.cid === cid),
      1,
    );
    this.#listeners.delete(cid);
    this.#owner.destroy(cid, now);
  }

  #tell(id: Id, event: LentEvent, now: Instant): void {
    this.#current = id;
    this.#lent = event;
    let status: unknown;
    try {
      status = id.tell(event);
    } finally {
      this.#current = undefined;
      this.#lent = undefined;
      event.end();
    }
    if (status === 'destroy' && !id.destroyed) this.destroyId(id, now);
  }

  #add<Context>(cid: Cid, configuration: CmConfiguration<Context>): CmId<Context> {
    const memory = this.#ledger.open(`CEP ${cid}`, () => id.configuration.onDestroyed?.(id.context));
    const id = new Id(cid, configuration as unknown as CmConfiguration<never>, memory);
    this.#ids.set(cid, id);
    return id as CmId as CmId<Context>;
  }

  /** Its CEP is gone. */
  #remove(id: Id, now: Instant): void {
    this.#ids.delete(id.cid);
    this.#rejectRequests(id, now);
    id.letGo();
  }

  #rejectRequests(listener: Id, now: Instant): void {
    for (const { cid } of listener.requests.splice(0)) {
      this.#listeners.delete(cid);
      this.#owner.destroy(cid, now);
    }
  }

  #own(id: CmId): Id {
    this.#checkOpen();
    if (!(id instanceof Id) || this.#ids.get(id.cid) !== id) {
      throw new CmError('INVALID_ID', 'the ID has been destroyed, or is not one of this interface', {});
    }
    return id;
  }

  #checkListens({ cid }: Id): void {
    const state = this.#owner.state(cid);
    if (state === 'LISTEN') return;
    throw new CepError('INVALID_STATE', `getRequest is not valid in state ${state}`, { call: 'getRequest', state });
  }

  #checkOpen(): void {
    if (this.#closed) throw new CmError('CLOSED', 'the interface has been closed', {});
  }
}
