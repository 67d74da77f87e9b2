import type { Cid, Instant } from '../../base/index.js';
import { CepError, type CepEvent, type Command, STATE_TABLE } from '../../cep/index.js';
import { AP_STATUSES, REJECT_REASONS, SIDR_STATUSES } from '../../wire/index.js';
import { type Belief, newBelief, noteEvent, type Role } from './event-rules.js';
import { BACKLOG, type Choice, type Participant, type Surroundings } from './participant.js';
import { hasCeps, isQpnHeld, type Port } from './port.js';
import type { Answer, Plan } from './script.js';
import { ExploreError } from './violation.js';

const SERVICE_TIMEOUT = 20;

interface Own extends Belief {
  readonly cid: Cid;
  /** Its place among all CEPs that the consumer ever had: names it in actions, and gives it a queue pair. */
  readonly ordinal: number;
  /** The message that an MRA has put off. */
  held: '' | 'request' | 'reply' | 'proposal';
  /** What it does once, whether it came in time or not. */
  hasDisconnected: boolean;
  hasProposed: boolean;
}

/** A consumer of CEPs, over the manager's own interface or another one, that does what its plan says. It remembers only what {@link image} shows. */
export class CepParticipant implements Participant {
  readonly #plan: Plan;
  readonly #surroundings: Surroundings;
  readonly #port: Port;
  #own: Own[] = [];
  #made = 0;
  #begun = 0;
  #destroyed = 0;
  #isClosed = false;
  answers = 1;
  onlyNoted = false;
  note = '';
  /** Which answer to give to what is polled. */
  #which = 0;
  /** Events that the poll has told so far. */
  #told = 0;

  /** @param makePort makes what its calls go through, and events come from. */
  constructor(
    plan: Plan,
    surroundings: Surroundings,
    makePort: (surroundings: Surroundings, tell: (event: CepEvent, now: Instant) => void) => Port,
  ) {
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#port = makePort(surroundings, (event, now) => this.#handle(event, now));
    if (plan.listens) {
      const own = this.#add(this.#port.calls.create(), 'listener');
      this.#port.calls.listen(own.cid, { serviceId: surroundings.serviceId, backlog: BACKLOG }, 0 as Instant);
    }
  }

  /** What it may do now. An event may be answered in several ways: those beyond the first are known only after a poll. */
  choices(): Choice[] {
    const plan = this.#plan;
    const choices: Choice[] = [];
    const add = (name: string, optional: boolean): number => choices.push({ name, optional });
    if (this.#port.hasNews) add('poll', false);
    if (this.#isClosed) return choices;
    if (plan.closes) add('close', true);
    if (this.#begun === 0 && (plan.connects !== undefined || plan.resolves)) add('begin', false);
    if (this.#begun === 1 && plan.reconnects && this.#mayReconnect()) add('begin', true);
    for (const own of this.#own) {
      const { ordinal, phase } = own;
      if (phase !== 'ended' && phase !== 'over') {
        for (const answer of this.#heldAnswers(own)) add(`${answer} ${ordinal}`, false);
        const stands = phase === 'established' && !own.hasDreq && !own.hasDisconnected;
        if (plan.disconnects && stands) add(`disconnect ${ordinal}`, true);
        if (plan.proposes && stands && own.role === 'active' && !own.hasProposed) add(`propose ${ordinal}`, true);
      }
      if (this.#destroyed < (plan.destroys ?? 0)) add(`destroy ${ordinal}`, true);
    }
    return choices;
  }

  /** @param name of {@link choices}; or `poll`, a space and which answer to the event, from 0. */
  act(name: string, now: Instant): void {
    const [verb = '', number = '0'] = name.split(' ');
    this.note = name;
    this.onlyNoted = false;
    if (verb === 'poll') this.#poll(Number(number), now);
    else if (verb === 'begin') this.#begin(now);
    else if (verb === 'close') this.#close(now);
    else this.#do(verb, this.#named(Number(number)), now);
  }

  /** CEPs that have come back to IDLE, and nothing that it was told or did says so. */
  get untold(): number {
    const inspector = this.#surroundings.inspector;
    return this.#own.filter(({ cid, role, phase }) => {
      const isOpen = role !== 'listener' && (phase === 'open' || phase === 'established');
      return isOpen && inspector.find(cid) && inspector.state === 'IDLE';
    }).length;
  }

  get unsettled(): readonly string[] {
    return [];
  }

  get boundSlots(): number {
    return 0;
  }

  check(): void {
    this.#port.check();
  }

  close(now: Instant): void {
    this.#close(now);
    while (this.#port.hasNews) this.#port.poll(now);
  }

  leftovers(): readonly string[] {
    return this.#port.leftovers();
  }

  image(): string {
    return `${this.#port.image()}${this.#isClosed}|${this.#made},${this.#begun},${this.#destroyed}:${this.#own.map((own) => Object.values(own).join()).join(';')}`;
  }

  #close(now: Instant): void {
    this.#isClosed = true;
    this.#own = [];
    this.#port.close(now);
    const { inspector, owner } = this.#surroundings;
    if (hasCeps(inspector, owner)) throw new ExploreError('end', 'a CEP outlives its owner (R21)');
  }

  #mayReconnect(): boolean {
    if (this.#own.some(({ phase }) => phase !== 'over')) return false;
    const inspector = this.#surroundings.inspector;
    for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
      if (inspector.moveTo(slot) && inspector.holdsLocalQpn) return false;
    }
    return true;
  }

  #add(cid: Cid, role: Role): Own {
    const own: Own = {
      cid,
      ordinal: this.#made,
      ...newBelief(role),
      held: '',
      hasDisconnected: false,
      hasProposed: false,
    };
    this.#made += 1;
    this.#own.push(own);
    return own;
  }

  #named(ordinal: number): Own {
    const own = this.#own.find((each) => each.ordinal === ordinal);
    if (own === undefined) throw new TypeError(`no CEP ${ordinal}`);
    return own;
  }

  #begin(now: Instant): void {
    this.#begun += 1;
    const own = this.#add(this.#port.calls.create(), this.#plan.resolves ? 'asking' : 'active');
    if (own.role === 'asking') {
      this.note = 'sendSidrReq';
      const retries = this.#surroundings.maxRetries;
      this.#call(own, 'sendSidrReq', () =>
        this.#port.calls.sendSidrReq(
          own.cid,
          { path: this.#surroundings.path, serviceId: this.#surroundings.serviceId, retries },
          now,
        ),
      );
      return;
    }
    this.note = 'sendReq';
    const request = {
      path: this.#surroundings.path,
      serviceId: this.#surroundings.serviceId,
      qpn: this.#surroundings.qpnBase,
      startingPsn: this.#surroundings.qpnBase * 16 + this.#begun,
      maxCmRetries: this.#surroundings.maxRetries,
      peerToPeer: this.#plan.connects === 'peerToPeer',
    };
    const isSent = this.#call(own, 'sendReq', () => this.#port.calls.sendReq(own.cid, request, now), request.qpn);
    if (!isSent) own.phase = 'over';
  }

  #poll(which: number, now: Instant): void {
    this.answers = 1;
    this.#which = which;
    this.note = '';
    this.#told = 0;
    this.#port.poll(now);
    this.note ||= 'poll';
  }

  #handle(event: CepEvent, now: Instant): void {
    const { type, cause } = event;
    const told = cause === 'message' ? type : `${type} (${cause})`;
    this.note = this.note === '' ? told : `${this.note}; ${told}`;
    const own = this.#ownOf(event);
    noteEvent(own, type, cause);
    if (own.phase === 'ended' || own.phase === 'over') own.held = '';
    const answers = this.#answersTo(type);
    const [onlyAnswer] = answers;
    this.answers = Math.max(this.answers, answers.length);
    const isNoted = type !== 'dreq_received' && onlyAnswer === undefined;
    this.onlyNoted = isNoted && (this.#told === 0 || this.onlyNoted);
    this.#told += 1;
    if (type === 'dreq_received') this.#do('acknowledge', own, now);
    else if (onlyAnswer !== undefined) {
      if (type === 'req_received') own.held = 'request';
      else if (type === 'rep_received') own.held = 'reply';
      else if (type === 'lap_received') own.held = 'proposal';
      this.#do(answers[this.#which] ?? onlyAnswer, own, now);
    }
  }

  #answersTo(type: CepEvent['type']): readonly Answer[] {
    const { onRequest, onReply, onProposal, onQuestion } = this.#plan;
    switch (type) {
      case 'req_received':
        return onRequest ?? [];
      case 'rep_received':
        return onReply ?? [];
      case 'lap_received':
        return onProposal ?? [];
      case 'sidr_req_received':
        return onQuestion ?? [];
      default:
        return [];
    }
  }

  #heldAnswers({ held }: Own): readonly Answer[] {
    const { onRequest, onReply, onProposal } = this.#plan;
    const all = { '': undefined, request: onRequest, reply: onReply, proposal: onProposal }[held];
    return all?.filter((answer) => answer !== 'hold') ?? [];
  }

  /** The CEP that an event is about; a request brings a new one, or turns one that asked itself into the passive side. */
  #ownOf({ cid, type, listener }: CepEvent): Own {
    const known = this.#own.find((own) => own.cid === cid);
    const isRequest = type === 'req_received' || type === 'sidr_req_received';
    if (known !== undefined) {
      if (isRequest && known.role === 'active' && this.#plan.connects === 'peerToPeer' && !known.hasReply) {
        known.role = 'passive';
      }
      return known;
    }
    if (!isRequest) throw new ExploreError('event', `${type} for a CEP that its owner does not have`);
    const isListeners = listener === 0 || this.#own.some((own) => own.cid === listener && own.role === 'listener');
    if (!isListeners) throw new ExploreError('event', `${type} of a listener that its owner does not have`);
    return this.#add(cid, type === 'req_received' ? 'passive' : 'asked');
  }

  #do(verb: string, own: Own, now: Instant): void {
    const owner = this.#port.calls;
    const { cid, ordinal, held } = own;
    const privateData = {};
    this.note += this.note === `${verb} ${ordinal}` ? '' : `, ${verb}`;
    switch (verb) {
      case 'accept': {
        own.held = '';
        const reply = {
          qpn: this.#surroundings.qpnBase + ordinal,
          startingPsn: this.#surroundings.qpnBase * 16 + ordinal,
        };
        own.sentReply = this.#call(own, 'sendRep', () => owner.sendRep(cid, reply, now));
        return;
      }
      case 'confirm':
        own.held = '';
        if (this.#call(own, 'sendRtu', () => owner.sendRtu(cid, privateData, now))) own.phase = 'established';
        return;
      case 'agree':
        own.held = '';
        this.#call(own, 'sendApr', () => owner.sendApr(cid, {}, now));
        return;
      case 'resolve':
        if (
          this.#call(own, 'sendSidrRep', () =>
            owner.sendSidrRep(cid, { qpn: this.#surroundings.qpnBase, qKey: 1 }, now),
          )
        )
          own.phase = 'over';
        return;
      case 'refuse':
        own.held = '';
        this.#refuse(own, held, now);
        return;
      case 'hold':
        this.#call(own, 'sendMra', () => owner.sendMra(cid, { serviceTimeout: SERVICE_TIMEOUT }, now));
        return;
      case 'acknowledge':
        if (this.#call(own, 'sendDrep', () => owner.sendDrep(cid, privateData, now))) own.phase = 'ended';
        return;
      case 'disconnect':
        own.hasDisconnected = true;
        if (this.#call(own, 'sendDreq', () => owner.sendDreq(cid, privateData, now))) own.sentDreq = true;
        return;
      case 'propose':
        own.hasProposed = true;
        if (this.#call(own, 'sendLap', () => owner.sendLap(cid, { path: this.#surroundings.path }, now)))
          own.sentProposal = true;
        return;
      case 'destroy':
        this.#destroyed += 1;
        this.#own = this.#own.filter((each) => each !== own);
        owner.destroy(cid, now);
        if (this.#surroundings.inspector.find(cid)) throw new ExploreError('call', 'a destroyed CID still names a CEP');
        return;
      default:
        throw new TypeError(`a participant does not know how to ${verb}`);
    }
  }

  #refuse(own: Own, held: Own['held'], now: Instant): void {
    const owner = this.#port.calls;
    const { cid } = own;
    if (own.role === 'asked') {
      const { rejected } = SIDR_STATUSES;
      if (this.#call(own, 'sendSidrRep', () => owner.sendSidrRep(cid, { status: rejected }, now))) own.phase = 'over';
    } else if (held === 'proposal') {
      this.#call(own, 'sendApr', () => owner.sendApr(cid, { status: AP_STATUSES.rejected }, now));
    } else {
      const reason = REJECT_REASONS.consumerReject;
      if (this.#call(own, 'sendRej', () => owner.sendRej(cid, { reason }, now))) own.phase = 'ended';
    }
  }

  /**
   * A call. It may come too late: something has happened to the CEP that the consumer has not been told yet. Then it fails, and
   * an event that the consumer has still to poll says why. If another CEP has the queue pair that it names, it fails, too (R3).
   */
  #call(own: Own, command: Command, call: () => void, qpn = 0): boolean {
    const inspector = this.#surroundings.inspector;
    const isHeld = isQpnHeld(inspector, qpn);
    if (!inspector.find(own.cid)) throw new ExploreError('call', `a CEP of its owner is not there (${command})`);
    const { state } = inspector;
    const isIllegal = STATE_TABLE[state][command].kind === 'illegal';
    try {
      call();
    } catch (error) {
      if (!(error instanceof CepError)) throw error;
      if (isHeld && error.code === 'QPN_IN_USE') {
        this.note += ` (${error.code})`;
        return false;
      }
      if (!isIllegal || error.code !== 'INVALID_STATE') {
        throw new ExploreError('call', `${command} in ${state} fails: ${error.message}`, { cause: error });
      }
      this.note += ` (too late: ${state})`;
      if (own.phase !== 'established' && inspector.unreadEvents === 0) {
        throw new ExploreError('event', `${command} comes too late in ${state}, and no event says why`);
      }
      return false;
    }
    if (isIllegal || isHeld) throw new ExploreError('call', `${command} succeeds in ${state}`);
    return true;
  }
}
