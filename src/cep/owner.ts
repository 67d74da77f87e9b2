import type { Cid, Instant, ServiceId } from '../base/index.js';
import type { CommandParameters } from './cell.js';
import type { CidSlot } from './cid-slot.js';
import type { CepCore } from './core.js';
import { CepError } from './error.js';
import type { EventCause, EventType } from './event-queue.js';
import type {
  AprParameters,
  DreqParameters,
  LapParameters,
  ListenParameters,
  MraParameters,
  PrivateDataParameters,
  RejParameters,
  RepParameters,
  ReqParameters,
  SidrRepParameters,
  SidrReqParameters,
} from './parameters.js';
import type { QpAttributes, QpTarget } from './qp-attributes.js';
import { type Cep, type CepCursor, FLAGS } from './record.js';
import { type Command, INPUT, type InputNumber, STATE, STATES, type State } from './states.js';

/**
 * One event. The object is used again for the next one, and its message lies in a shared buffer: both are valid until
 * the next {@link CepOwner.pollEvent}.
 */
export interface CepEvent {
  readonly type: EventType;
  readonly cid: Cid;
  readonly cause: EventCause;
  /**
   * For req_received and sidr_req_received: the listener. `cid` is the new CEP. 0 when the listener is gone, the request over
   * already, or the request crossed one of our own (`cid` is that one).
   */
  readonly listener: Cid;
  /** How often the message was sent whose answer is missing. */
  readonly transmissions: number;
  /** True if a message brought the event: it begins at `at` in `bytes` and is read with the message tables. */
  readonly hasMessage: boolean;
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** Makes a call of the CEP in a slot. */
type Execute = (slot: number, input: InputNumber<Command>, parameters: unknown, now: Instant) => unknown;

/**
 * A consumer of the manager, and the only one who can name its CEPs (R19). No call blocks; what comes of it is an event.
 *
 * Every call on a CID throws {@link CepError}: `INVALID_CID` when it is not (any more) a CEP of this owner,
 * `INVALID_STATE` when the call is not valid in its state (docs: state table), `LIMIT_REACHED` when a named limit is.
 * A value that does not fit its field throws `EncodeError`. A call that throws has changed nothing.
 */
export class CepOwner {
  readonly #core: CepCore;
  readonly #execute: Execute;
  readonly #number: number;
  readonly #cep: CepCursor;
  readonly #event: { -readonly [Name in keyof CepEvent]: CepEvent[Name] };
  /** The message of the event polled last; given up at the next poll. */
  #borrowed = 0;

  constructor(core: CepCore, execute: Execute) {
    this.#core = core;
    this.#execute = execute;
    this.#number = core.owners.open();
    this.#cep = core.store.cursor();
    this.#event = {
      type: 'timewait_exit',
      cid: 0 as Cid,
      cause: 'none',
      listener: 0 as Cid,
      transmissions: 0,
      hasMessage: false,
      bytes: core.mads.bytes,
      at: 0,
    };
  }

  /** CEPs of this owner. */
  get size(): number {
    this.#checkOpen();
    return this.#core.owners.count(this.#number);
  }

  /**
   * Makes a CEP in state IDLE, and binds it to a slot if one is given (R5).
   * @throws {@link CepError} `LIMIT_REACHED` when the manager has all it may have; `SLOT_NOT_INVALID`. Then nothing has changed.
   */
  create(cidSlot?: CidSlot): Cid {
    this.#checkOpen();
    if (cidSlot !== undefined) this.#core.cidSlots.check(cidSlot);
    const slot = this.#core.store.allocate();
    if (slot === 0) {
      const { maxCeps } = this.#core.limits;
      throw new CepError('LIMIT_REACHED', `all ${maxCeps} CEPs are in use, timewait included`, { limit: 'maxCeps' });
    }
    const cep = this.#cep.moveTo(slot);
    this.#core.owners.addCep(cep, this.#number);
    const cid = this.#core.store.cidOf(cep);
    if (cidSlot !== undefined) this.#hold(cep, cid, cidSlot);
    return cid;
  }

  /**
   * Binds a CEP, in whatever state, to a slot (R5): destroying either from now on ends both.
   * @throws {@link CepError} `SLOT_NOT_INVALID`, `CEP_BOUND`. Then neither the CEP nor the slot has changed.
   */
  bind(cid: Cid, cidSlot: CidSlot): void {
    const cep = this.#check(cid);
    if (cep.flags & FLAGS.slotHeld) throw new CepError('CEP_BOUND', `${cid} is bound to a slot already`, { cid });
    this.#core.cidSlots.check(cidSlot);
    this.#hold(cep, cid, cidSlot);
  }

  /** Listens for requests. Each becomes a CEP of this owner and a `req_received`. @throws {@link CepError} `LISTEN_CONFLICT` */
  listen(cid: Cid, parameters: ListenParameters, now: Instant): ServiceId {
    return this.#call(cid, INPUT.listen, parameters, now) as ServiceId;
  }

  /** Ends a listen; the CEP can be used again. Requests that have not been polled are rejected. */
  cancelListen(cid: Cid, now: Instant): void {
    this.#call(cid, INPUT.cancelListen, undefined, now);
  }

  /** Sends a REQ: `rep_received`, `rej_received` or `req_error` follows. @throws {@link CepError} `QPN_IN_USE` */
  sendReq(cid: Cid, parameters: ReqParameters, now: Instant): void {
    this.#call(cid, INPUT.sendReq, parameters, now);
  }

  /** Makes a REQ without sending it; the queue pair is reserved. @throws {@link CepError} `QPN_IN_USE` */
  formatReq(cid: Cid, parameters: ReqParameters, now: Instant): void {
    this.#call(cid, INPUT.formatReq, parameters, now);
  }

  /** Makes a REP without sending it; the queue pair is reserved. @throws {@link CepError} `QPN_IN_USE` */
  formatRep(cid: Cid, parameters: RepParameters, now: Instant): void {
    this.#call(cid, INPUT.formatRep, parameters, now);
  }

  /** Makes an APR without sending it. */
  formatApr(cid: Cid, parameters: AprParameters, now: Instant): void {
    this.#call(cid, INPUT.formatApr, parameters, now);
  }

  /** Sends what one of the calls above has made. */
  sendFormatted(cid: Cid, now: Instant): void {
    this.#call(cid, INPUT.sendFormatted, undefined, now);
  }

  /** Answers a REQ with a REP: `rtu_received`, `rej_received` or `rep_error` follows. @throws {@link CepError} `QPN_IN_USE` */
  sendRep(cid: Cid, parameters: RepParameters, now: Instant): void {
    this.#call(cid, INPUT.sendRep, parameters, now);
  }

  /** Answers a REP with an RTU: the connection stands. */
  sendRtu(cid: Cid, parameters: PrivateDataParameters, now: Instant): void {
    this.#call(cid, INPUT.sendRtu, parameters, now);
  }

  /** Refuses a REQ or REP, or takes a REP back. */
  sendRej(cid: Cid, parameters: RejParameters, now: Instant): void {
    this.#call(cid, INPUT.sendRej, parameters, now);
  }

  /** Asks the peer to wait longer for the answer to its REQ or REP. */
  sendMra(cid: Cid, parameters: MraParameters, now: Instant): void {
    this.#call(cid, INPUT.sendMra, parameters, now);
  }

  /** Disconnects: `drep_received` or `dreq_error` follows, later `timewait_exit`. */
  sendDreq(cid: Cid, parameters: DreqParameters, now: Instant): void {
    this.#call(cid, INPUT.sendDreq, parameters, now);
  }

  /** Answers a DREQ: `timewait_exit` follows. */
  sendDrep(cid: Cid, parameters: PrivateDataParameters, now: Instant): void {
    this.#call(cid, INPUT.sendDrep, parameters, now);
  }

  /** Proposes an alternate path, from the side that connected: `apr_received` or `lap_error` follows. */
  sendLap(cid: Cid, parameters: LapParameters, now: Instant): void {
    this.#call(cid, INPUT.sendLap, parameters, now);
  }

  /** Answers a proposal (`lap_received`). */
  sendApr(cid: Cid, parameters: AprParameters, now: Instant): void {
    this.#call(cid, INPUT.sendApr, parameters, now);
  }

  /** Asks which queue pair serves a service ID: `sidr_rep_received` or `sidr_req_error` follows. */
  sendSidrReq(cid: Cid, parameters: SidrReqParameters, now: Instant): void {
    this.#call(cid, INPUT.sendSidrReq, parameters, now);
  }

  /** Answers such a question (`sidr_req_received`). */
  sendSidrRep(cid: Cid, parameters: SidrRepParameters, now: Instant): void {
    this.#call(cid, INPUT.sendSidrRep, parameters, now);
  }

  /** The queue pair has moved to its alternate path. @throws {@link CepError} `INVALID_STATE` when there is none. */
  migrate(cid: Cid, now: Instant): void {
    this.#call(cid, INPUT.migrate, undefined, now);
  }

  /** What the queue pair needs to enter a state, from the messages exchanged. @throws {@link CepError} `INVALID_STATE` too early. */
  getQpAttr<Target extends QpTarget>(cid: Cid, target: Target, now: Instant): Extract<QpAttributes, { state: Target }> {
    return this.#call(cid, INPUT.getQpAttr, target, now) as Extract<QpAttributes, { state: Target }>;
  }

  /** Data arrived on the queue pair before the RTU did: the connection stands. */
  established(cid: Cid, now: Instant): void {
    this.#call(cid, INPUT.established, undefined, now);
  }

  /**
   * Destroys a CEP in any state, at once and without waiting (R11, R12). Its handle is void, its events are forgotten, what was
   * in progress is aborted or ended, and whatever the protocol still owes the peer goes on by itself.
   */
  destroy(cid: Cid, now: Instant): void {
    this.#call(cid, INPUT.destroy, undefined, now);
  }

  /**
   * Destroys whatever CEP is bound to a slot now (R6), as {@link destroy} does; harmless if none is.
   * @param after `reusable`: another CEP may be bound at once. `reserved`: none ever may (R7).
   * @returns the CID that was bound. @throws {@link CepError} `INVALID_CID` when it is another owner's or manager's; then nothing has changed.
   */
  destroySlot(cidSlot: CidSlot, after: 'reusable' | 'reserved', now: Instant): Cid | undefined {
    this.#checkOpen();
    const { cid } = cidSlot;
    if (cid !== undefined) {
      // Other managers' CIDs may have the same numbers.
      if (!this.#core.cidSlots.isBound(this.#check(cid).slot, cidSlot))
        throw new CepError('INVALID_CID', `${cid} is not bound to this slot`, { cid });
      this.#call(cid, INPUT.destroy, undefined, now);
    }
    if (after === 'reserved') this.#core.cidSlots.reserve(cidSlot);
    return cid;
  }

  /** The CEP's state. */
  state(cid: Cid): State {
    return STATES[this.#check(cid).state] as State;
  }

  /** What the two ends call the connection in their messages; 0 for what is not known yet. For logs: no call takes them. */
  commIds(cid: Cid): { readonly local: number; readonly remote: number } {
    const { localCommId, remoteCommId } = this.#check(cid);
    return { local: localCommId, remote: remoteCommId };
  }

  /** The next event, in the order in which they happened for each CEP; undefined if there is none. */
  pollEvent(): CepEvent | undefined {
    this.#checkOpen();
    const { owners, store, events, mads } = this.#core;
    this.#giveBack();
    const slot = owners.firstReady(this.#number);
    if (slot === 0) return undefined;
    const cep = this.#cep.moveTo(slot);
    const number = this.#core.takeEvent(cep);
    const mad = events.mad(number);
    const event = this.#event;
    event.type = events.type(number);
    event.cause = events.cause(number);
    event.cid = store.cidOf(cep);
    event.transmissions = events.transmissions(number);
    event.hasMessage = mad !== 0;
    event.at = mads.offset(mad);
    event.listener = 0 as Cid;
    if (event.type === 'req_received' || event.type === 'sidr_req_received') {
      cep.flags |= FLAGS.delivered;
      // In a listener the field means something else.
      if (cep.listener !== 0 && cep.state !== STATE.LISTEN)
        event.listener = store.cidOf(this.#core.other.moveTo(cep.listener));
    }
    // The event's place is free again at once; only its message is lent.
    events.release(number);
    this.#borrowed = mad;
    return event;
  }

  /** Destroys every CEP of this owner (R21). The owner cannot be used any more; closing twice is harmless. */
  close(now: Instant): void {
    const { owners } = this.#core;
    if (!owners.isOpen(this.#number)) return;
    this.#giveBack();
    for (let slot = owners.firstCep(this.#number); slot !== 0; slot = owners.firstCep(this.#number)) {
      this.#execute(slot, INPUT.destroy, undefined, now);
    }
    owners.close(this.#number);
  }

  #hold(cep: Cep, cid: Cid, cidSlot: CidSlot): void {
    this.#core.cidSlots.bind(cep.slot, cid, cidSlot);
    cep.flags |= FLAGS.slotHeld;
  }

  #giveBack(): void {
    this.#core.mads.drop(this.#borrowed);
    this.#borrowed = 0;
  }

  #call<C extends Command>(cid: Cid, input: InputNumber<C>, parameters: CommandParameters[C], now: Instant): unknown {
    return this.#execute(this.#check(cid).slot, input, parameters, now);
  }

  #check(cid: Cid): Cep {
    this.#checkOpen();
    const slot = this.#core.store.slotOfCid(cid);
    const cep = this.#cep.moveTo(slot);
    if (slot === 0 || cep.owner !== this.#number) {
      throw new CepError('INVALID_CID', `${cid} is not a CEP of this owner`, { cid });
    }
    return cep;
  }

  #checkOpen(): void {
    if (!this.#core.owners.isOpen(this.#number)) throw new CepError('OWNER_CLOSED', 'the owner has been closed', {});
  }
}
