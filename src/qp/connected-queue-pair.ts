import { AssertionError, type Cid, DEFAULT_P_KEY, IbcmError, type Instant, type Qpn } from '../base/index.js';
import {
  type AprParameters,
  CidSlot,
  type DreqParameters,
  type LapParameters,
  type MraParameters,
  type PrivateDataParameters,
  type RejParameters,
  type RepParameters,
  type ReqParameters,
  type State,
} from '../cep/index.js';
import type { CmEvent, CmId, CmInterface } from '../cm/index.js';
import { type QpState, type QueuePairValues, VerbsError } from '../verbs/index.js';
import { AP_STATUSES } from '../wire/index.js';
import { type Connection, type ConnectionOwner, createConnection } from './connection.js';
import type { ConnectionRequest } from './connection-request.js';
import { QpError } from './error.js';
import type { LedQueuePair } from './led-queue-pair.js';
import { rejectReasonFor } from './reject-reason.js';

/** A REQ, but for what the queue pair says itself. */
export type ConnectParameters = Omit<ReqParameters, 'qpn' | 'transport'>;
/** A REP, likewise. */
export type AcceptParameters = Omit<RepParameters, 'qpn'>;

/**
 * Is told what happens to the queue pair's connection, by the CM's names, after the queue pair was led where the event leads. From here every
 * call may be made, `destroy` included. An event that ends the connection leaves the queue pair in RESET, ready to be connected again, or, while timewait
 * lasts, in ERR: then `timewait_exit` follows.
 * @param failure why the queue pair could not follow; then the connection was rejected, or is being disconnected. (After an `apr_received` it stands,
 *   without the alternate path.)
 */
export type QpCallback<Context> = (
  queuePair: ConnectedQueuePair<Context>,
  event: CmEvent,
  failure: IbcmError | undefined,
) => unknown;

export interface ConnectedQueuePairOptions<Context> {
  readonly transport: 'rc' | 'uc';
  /** The consumer's own. */
  readonly context: Context;
  readonly callback: QpCallback<Context>;
  /**
   * What the peer may ask for is answered before the consumer is told: a REP with an RTU, a DREQ with a DREP, a crossing REQ with a REP
   * (default). Otherwise the consumer answers.
   */
  readonly automatic?: boolean;
  /** See `QueuePairAttributes`. */
  readonly accessFlags?: number;
  /** See `QueuePairAttributes`; RC only. */
  readonly minRnrTimer?: number;
}

/**
 * A queue pair and its connection. It has at most one CEP, bound to its slot: from `connect` or `accept` until the connection has
 * ended, timewait included, and the consumer has been told so; then the queue pair is in RESET and can be connected again.
 *
 * No call blocks. They throw what the CM and the queue pair refuse, and have changed nothing then, if they do not say otherwise.
 */
export class ConnectedQueuePair<Context = unknown> implements ConnectionOwner {
  readonly context: Context;
  readonly #cm: CmInterface;
  readonly #queuePair: LedQueuePair;
  readonly #options: ConnectedQueuePairOptions<Context>;
  readonly #automatic: boolean;
  /** Written by the CEP manager only (R4). */
  readonly #slot = new CidSlot();
  /** What was bound to the slot last, to make calls with. Whoever destroys goes by the slot (R6). */
  #id: CmId<Connection> | undefined;
  /** How to answer when the peer's REQ crosses ours. */
  #crossingReply: AcceptParameters | undefined;

  /** @internal Made by `ConnectedQueuePairs`. */
  constructor(cm: CmInterface, queuePair: LedQueuePair, options: ConnectedQueuePairOptions<Context>) {
    this.#cm = cm;
    this.#queuePair = queuePair;
    this.#options = options;
    this.context = options.context;
    this.#automatic = options.automatic ?? true;
  }

  get qpn(): Qpn {
    return this.#queuePair.qpn;
  }

  /** The CM's handle of its connection, as in events; undefined if it has none. It may have another in the next turn: do not keep it (R6). */
  get cid(): Cid | undefined {
    return this.#slot.cid;
  }

  /** The queue pair's state. */
  get state(): QpState {
    return this.#queuePair.state;
  }

  /** The state of its CEP; undefined if it has none. */
  get connectionState(): State | undefined {
    return this.#id === undefined || this.#id.destroyed ? undefined : this.#cm.state(this.#id);
  }

  /** Whether its destruction has begun. */
  get destroyed(): boolean {
    return this.#queuePair.destroyed;
  }

  /** The queue pair's state and attributes, as a copy. */
  query(): QueuePairValues {
    return this.#queuePair.query();
  }

  // ---- connecting

  /**
   * Sends a REQ. `rep_received`, `rej_received` or `req_error` follows; with `peerToPeer`, `req_received` if the peer's REQ crosses it.
   * @throws CepError `QPN_IN_USE` while it has a connection, or had one whose timewait is not over (R3); QpError `END_NOT_TOLD`; VerbsError `DESTROYED`.
   */
  connect(parameters: ConnectParameters, now: Instant): void {
    const { path, pKey = DEFAULT_P_KEY, startingPsn, responderResources, initiatorDepth, peerToPeer } = parameters;
    this.#refuseIfDestroyed();
    const id = createConnection(this.#cm);
    this.#attempt(id, now, () => {
      if (this.state === 'RESET') this.#initialize({ pKey, port: path.port ?? 1 });
      const { qpn } = this;
      this.#cm.sendReq(id, { ...parameters, transport: this.#options.transport, qpn }, now);
      this.#bind(id);
      const resources = {
        ...(responderResources !== undefined && { responderResources }),
        ...(initiatorDepth !== undefined && { initiatorDepth }),
      };
      this.#crossingReply = peerToPeer === true ? { startingPsn, ...resources } : undefined;
    });
  }

  /**
   * Answers a request with a REP. `rtu_received`, `rej_received` or `rep_error` follows. If the CM cannot make the REP, nothing has changed:
   * another queue pair, or another moment, may do. Otherwise the request is over, also if this throws: then it is rejected, with the reason
   * that fits if it asks for what the queue pair cannot do (R8).
   * @throws For what leaves the request as it is: CmError `INVALID_ID` for another interface's; QpError `REQUEST_OVER`; CepError `QPN_IN_USE` (R3),
   *   `LIMIT_REACHED`, `INVALID_PARAMETER`; EncodeError. For what ends it: QpError `END_NOT_TOLD`; VerbsError `DESTROYED`, `INVALID_ATTRIBUTE`, `MISSING_ATTRIBUTE`, …
   */
  accept(request: ConnectionRequest, parameters: AcceptParameters, now: Instant): void {
    const id = request.idOf(this.#cm);
    this.#cm.formatRep(id, { ...parameters, qpn: this.qpn }, now);
    request.take();
    this.#attempt(id, now, () => {
      this.#bind(id);
      this.#receive(id, now);
      this.#cm.sendFormattedRep(id, now);
    });
  }

  /** Answers the peer's REQ that has crossed ours (`req_received`), where that is not automatic. */
  sendRep(parameters: AcceptParameters, now: Instant): void {
    const id = this.#bound();
    this.#cm.formatRep(id, { ...parameters, qpn: this.qpn }, now);
    this.#receive(id, now);
    this.#cm.sendFormattedRep(id, now);
  }

  /** Leads the queue pair to RTS and answers a REP (`rep_received`), where that is not automatic. If the queue pair cannot follow, it is to be rejected. */
  sendRtu(parameters: PrivateDataParameters, now: Instant): void {
    const id = this.#bound();
    const attributes = this.#cm.getQpAttr(id, 'RTS', now);
    if (this.state === 'INIT') {
      this.#queuePair.modify({ ...this.#cm.getQpAttr(id, 'RTR', now), ...this.#receiveOptions() });
    }
    if (this.state === 'RTR') this.#queuePair.modify(attributes);
    this.#cm.sendRtu(id, parameters, now);
  }

  /** Data has come before the RTU: `rtu_received` follows, with the cause `established`. */
  established(now: Instant): void {
    this.#cm.established(this.#bound(), now);
  }

  /** Asks the peer to wait longer for our answer. */
  sendMra(parameters: MraParameters, now: Instant): void {
    this.#cm.sendMra(this.#bound(), parameters, now);
  }

  /** Refuses a REP, or takes ours back. `timewait_exit` follows if the queue pair is not in RESET afterwards. */
  sendRej(parameters: RejParameters, now: Instant): void {
    const id = this.#bound();
    this.#cm.sendRej(id, parameters, now);
    this.#end(id, now);
  }

  // ---- disconnecting

  /** Disconnects: the queue pair is in ERR, and a DREQ is sent. `drep_received` or `dreq_error` follows, then `timewait_exit`. */
  disconnect(parameters: DreqParameters, now: Instant): void {
    this.#cm.sendDreq(this.#bound(), parameters, now);
    this.#queuePair.modify({ state: 'ERR' });
  }

  /** Answers a DREQ (`dreq_received`), where that is not automatic. `timewait_exit` follows. */
  sendDrep(parameters: PrivateDataParameters, now: Instant): void {
    this.#cm.sendDrep(this.#bound(), parameters, now);
  }

  /**
   * Gives the connection up because the queue pair cannot follow, as a call has just said: it is rejected, with the reason that fits, or,
   * where nothing can be rejected any more, aborted. What events lead to is given up in this way without being asked.
   */
  giveUp(failure: IbcmError, now: Instant): void {
    this.#giveUp(this.#bound(), failure, now);
  }

  /**
   * Gives the connection up, in whatever state, at once (R12): what is in progress is aborted, what stands is disconnected, and no event
   * is told. The queue pair is in RESET and can be bound again (R7); the CM refuses its number until timewait is over. Harmless without a connection.
   * @throws VerbsError `DESTROYED`
   */
  abort(now: Instant): void {
    this.#refuseIfDestroyed();
    if (!this.#cm.closed) this.#cm.destroySlot(this.#slot, 'reusable', now);
    this.#reset();
  }

  /**
   * Destroys the queue pair, and its connection as {@link abort} does. Never fails on one that is not destroyed, never waits, and may be called from
   * anywhere (R11). No event is told any more.
   * @param onDestroyed called once, from a later `poll` of the interface, when nobody holds the queue pair any more (R22).
   * @throws VerbsError `DESTROYED` the second time.
   */
  destroy(now: Instant, onDestroyed?: () => void): void {
    this.#queuePair.destroy(onDestroyed);
    // A closed interface has destroyed the CEP, and can bind no other.
    if (!this.#cm.closed) this.#cm.destroySlot(this.#slot, 'reserved', now);
    this.#id = undefined;
  }

  // ---- alternate paths

  /** Proposes an alternate path, from the side that connected: `apr_received` or `lap_error` follows. */
  sendLap(parameters: LapParameters, now: Instant): void {
    this.#cm.sendLap(this.#bound(), parameters, now);
  }

  /** Answers a proposal (`lap_received`). With the status "success" the queue pair has the alternate path from now on. */
  sendApr(parameters: AprParameters, now: Instant): void {
    const id = this.#sending();
    this.#cm.sendApr(id, parameters, now);
    if ((parameters.status ?? AP_STATUSES.success) === AP_STATUSES.success) this.#loadAlternatePath(id, now);
  }

  /** Moves the queue pair to its alternate path, by way of SQD; what was its path is its alternate path. */
  migrate(now: Instant): void {
    const id = this.#sending();
    this.#cm.migrate(id, now);
    const { path, alternatePath } = this.#cm.getQpAttr(id, 'RTR', now);
    const { ackTimeout, alternateAckTimeout } = this.#cm.getQpAttr(id, 'RTS', now);
    this.#queuePair.modify({ state: 'SQD' });
    this.#queuePair.modify({ path, alternatePath, ackTimeout, alternateAckTimeout });
    this.#queuePair.modify({ state: 'RTS' });
  }

  // ---- what happens

  /** @internal */
  handleEvent(id: CmId<Connection>, event: CmEvent): void {
    let failure: IbcmError | undefined;
    try {
      this.#follow(id, event);
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError) throw error;
      failure = error;
      // A connection can do without an alternate path.
      if (event.type !== 'apr_received') this.#giveUp(id, failure, event.now);
    }
    this.#options.callback(this, event, failure);
  }

  /** Nobody is left to lead the queue pair, if it was not the queue pair itself that has let go. @internal */
  handleGone(connection: Connection): void {
    if (this.#id?.context !== connection) return;
    this.#id = undefined;
    this.#fail();
  }

  #follow(id: CmId<Connection>, { type, now }: CmEvent): void {
    const state = this.#cm.state(id);
    switch (type) {
      case 'req_received':
        if (this.#automatic && this.#crossingReply && state === 'REQ_RCVD') this.sendRep(this.#crossingReply, now);
        return;
      case 'rep_received':
        // It may have ended since, and the next event says so.
        if (this.#automatic && state === 'REP_RCVD') this.sendRtu({}, now);
        return;
      case 'rtu_received':
        if (this.state === 'RTR' && id.context.readyToSend) this.#queuePair.modify(id.context.readyToSend);
        return;
      case 'apr_received':
        if (this.state === 'RTS') this.#loadAlternatePath(id, now);
        return;
      case 'dreq_received':
        this.#fail();
        if (this.#automatic && state === 'DREQ_RCVD') this.sendDrep({}, now);
        return;
      case 'req_error':
      case 'rep_error':
      case 'rej_received':
      case 'drep_received':
      case 'dreq_error':
      case 'timewait_exit':
        this.#end(id, now);
        return;
      default:
    }
  }

  /** The queue pair cannot do what the event leads to: no connection, then. */
  #giveUp(id: CmId<Connection>, failure: IbcmError, now: Instant): void {
    if (this.#tryToReject(id, failure, now)) this.#end(id, now);
    else this.abort(now);
  }

  /** @returns false if it is not to be rejected any more, or there is no room for a REJ: then destroying does what can be done. */
  #tryToReject(id: CmId<Connection>, error: unknown, now: Instant): boolean {
    try {
      this.#cm.sendRej(id, { reason: rejectReasonFor(error) }, now);
      return true;
    } catch (refusal) {
      if (!(refusal instanceof IbcmError) || refusal instanceof AssertionError) throw refusal;
      return false;
    }
  }

  /** The connection is over, and timewait with it or not. */
  #end(id: CmId<Connection>, now: Instant): void {
    if (this.#cm.state(id) === 'IDLE') this.abort(now);
    else this.#fail();
  }

  // ---- parts of calls

  /**
   * Takes a reference for the CEP (R9) and makes the CEP the queue pair's. Should anything fail, the CEP is destroyed, and its destroyed
   * callback does the rest; so it does not matter how far this came, nor whether somebody has destroyed the queue pair meanwhile (R8, R15).
   */
  #attempt(id: CmId<Connection>, now: Instant, steps: () => void): void {
    try {
      id.context.belongTo(this, this.#queuePair.hold('cep'));
      if (this.connectionState === 'IDLE') {
        throw new QpError('END_NOT_TOLD', 'the last event of the last connection has not been polled', {});
      }
      steps();
    } catch (error) {
      this.#refuse(id, error, now);
      if (this.destroyed && !isDestroyed(error)) this.#refuseIfDestroyed(error);
      throw error;
    }
  }

  #refuse(id: CmId<Connection>, error: unknown, now: Instant): void {
    if (!id.destroyed) {
      if (id === this.#id) this.#tryToReject(id, error, now);
      this.#cm.destroyId(id, now);
    }
    // Unless it is in another connection.
    if (!this.destroyed && (this.#id === undefined || this.#id === id)) this.#reset();
  }

  /** Binds and configures in one step; from here on whoever destroys the queue pair destroys the CEP (R5, R10). */
  #bind(id: CmId<Connection>): void {
    this.#cm.bind(id, this.#slot, id.context.configuration);
    this.#id = id;
  }

  #initialize(attributes: { readonly pKey: number; readonly port: number }): void {
    const { accessFlags } = this.#options;
    this.#queuePair.modify({ state: 'INIT', ...attributes, accessFlags });
  }

  /** The passive side's queue pair is ready to receive before the peer hears of it. */
  #receive(id: CmId<Connection>, now: Instant): void {
    this.#initialize(this.#cm.getQpAttr(id, 'INIT', now));
    this.#queuePair.modify({ ...this.#cm.getQpAttr(id, 'RTR', now), ...this.#receiveOptions() });
    id.context.readyToSend = this.#cm.getQpAttr(id, 'RTS', now);
  }

  #receiveOptions(): { readonly minRnrTimer?: number | undefined } {
    const { minRnrTimer } = this.#options;
    return { minRnrTimer };
  }

  #loadAlternatePath(id: CmId<Connection>, now: Instant): void {
    const { alternatePath } = this.#cm.getQpAttr(id, 'RTR', now);
    const { alternateAckTimeout } = this.#cm.getQpAttr(id, 'RTS', now);
    this.#queuePair.modify({ alternatePath, alternateAckTimeout });
  }

  #fail(): void {
    if (!this.destroyed && this.state !== 'RESET') this.#queuePair.modify({ state: 'ERR' });
  }

  #reset(): void {
    this.#id = undefined;
    this.#crossingReply = undefined;
    this.#queuePair.modify({ state: 'RESET' });
  }

  /** @throws QpError `NOT_CONNECTED`, VerbsError `DESTROYED` */
  #bound(): CmId<Connection> {
    this.#refuseIfDestroyed();
    if (this.#id === undefined) throw new QpError('NOT_CONNECTED', 'the queue pair has no connection', {});
    return this.#id;
  }

  /** @throws QpError `NOT_CONNECTED`, VerbsError `DESTROYED` */
  #sending(): CmId<Connection> {
    const id = this.#bound();
    const { state } = this;
    if (state !== 'RTS') throw new QpError('NOT_CONNECTED', `the queue pair is in ${state}, not in RTS`, { state });
    return id;
  }

  #refuseIfDestroyed(cause?: unknown): void {
    if (!this.destroyed) return;
    const { qpn } = this;
    throw new VerbsError('DESTROYED', `queue pair 0x${qpn.toString(16)} is being destroyed`, { qpn }, { cause });
  }
}

function isDestroyed(error: unknown): boolean {
  return error instanceof VerbsError && error.code === 'DESTROYED';
}
