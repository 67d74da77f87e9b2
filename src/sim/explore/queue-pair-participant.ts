import { AssertionError, type Cid, IbcmError, type Instant } from '../../base/index.js';
import { STATE_TABLE, type State } from '../../cep/index.js';
import type { CmEvent, CmId } from '../../cm/index.js';
import type { ConnectionRequest, ConnectParameters } from '../../qp/index.js';
import { type HostedQueuePair, QueuePairHost } from '../queue-pairs/queue-pair-host.js';
import { type Belief, newBelief, noteEvent } from './event-rules.js';
import { BACKLOG, type Choice, type Participant, type Surroundings } from './participant.js';
import { hasCeps, isQpnHeld, unreadOf } from './port.js';
import type { Plan } from './script.js';
import { ExploreError } from './violation.js';

const QPN_COUNT = 4;

/** What a call ends with: the code of its error. */
type Outcome = string | undefined;

/** A request that nobody has answered. */
interface Pending {
  readonly request: ConnectionRequest;
  readonly cid: Cid;
}

/** A consumer with one queue pair, which the CM leads, that does what its plan says. It remembers only what {@link image} shows. */
export class QueuePairParticipant implements Participant {
  readonly #plan: Plan;
  readonly #surroundings: Surroundings;
  readonly #host: QueuePairHost<undefined>;
  readonly #hosted: HostedQueuePair<undefined>;
  #request: Pending | undefined;
  /** Of the connection that the queue pair has. */
  #belief: Belief | undefined;
  /** What it has done, of what it does once. */
  readonly #done = new Set<string>();
  /** At which event of a poll to destroy the queue pair from its callback, counted from 1; 0: at none. */
  #destroysAt = 0;
  #told = 0;
  answers = 1;
  readonly onlyNoted = false;
  note = '';

  constructor(plan: Plan, surroundings: Surroundings) {
    const { manager, inspector, owner, qpnBase, serviceId } = surroundings;
    this.#plan = plan;
    this.#surroundings = surroundings;
    this.#host = new QueuePairHost<undefined>({
      manager,
      inspector,
      owner,
      firstQpn: qpnBase,
      qpnCount: QPN_COUNT,
      onEvent: (_, event, failure) => this.#handle(event, failure),
      complain: (what, text) => {
        throw new ExploreError(what, text);
      },
    });
    this.#hosted = this.#host.create(undefined);
    if (plan.listens) {
      const { cm } = this.#host;
      const listener = cm.createId((id) => this.#fetch(id), undefined);
      cm.listen(listener, { serviceId, backlog: BACKLOG }, 0 as Instant);
    }
  }

  choices(): readonly Choice[] {
    const plan = this.#plan;
    const choices: Choice[] = [];
    const must = (name: string): number => choices.push({ name, optional: false });
    const may = (name: string): number => choices.push({ name, optional: true });
    const once = (name: string, add: (name: string) => void): void => {
      if (!this.#done.has(name)) add(name);
    };
    const { inspector, owner } = this.#surroundings;
    if (this.#host.hasEnds || (!this.#host.cm.closed && unreadOf(inspector, owner) > 0)) must('poll');
    if (plan.connects) once('connect', must);
    if (this.#request) for (const answer of plan.onRequest ?? []) must(answer);
    const phase = this.#belief?.phase;
    if (plan.disconnects && phase === 'established') once('disconnect', may);
    if (plan.reconnects && this.#done.has('connect')) once('reconnect', may);
    if (plan.aborts) once('abort', may);
    if (plan.destroys !== undefined && !this.#queuePair.destroyed) may('destroy');
    if (plan.closes) once('close', may);
    return choices;
  }

  act(name: string, now: Instant): void {
    const [verb = '', which = '0'] = name.split(' ');
    this.note = name;
    switch (verb) {
      case 'poll':
        this.#poll(Number(which), now);
        return;
      case 'connect':
      case 'reconnect':
        this.#connect(name, now);
        return;
      case 'accept':
        this.#accept(now);
        return;
      case 'refuse':
        this.#refuse(now);
        return;
      case 'disconnect': {
        this.#done.add('disconnect');
        const isDone = this.#call(name, this.#disconnecting(), () => this.#queuePair.disconnect({}, now));
        if (isDone && this.#belief) this.#belief.sentDreq = true;
        return;
      }
      case 'abort': {
        this.#done.add('abort');
        const isDone = this.#call(name, this.#queuePair.destroyed ? ['DESTROYED'] : [], () =>
          this.#queuePair.abort(now),
        );
        if (isDone) this.#letGo('it was given up');
        return;
      }
      case 'destroy':
        this.#destroy(now);
        return;
      case 'close':
        this.#done.add('close');
        this.#host.cm.close(now);
        this.#belief = undefined;
        if (hasCeps(this.#surroundings.inspector, this.#surroundings.owner)) {
          throw new ExploreError('end', 'a CEP outlives its owner (R21)');
        }
        return;
      default:
        throw new TypeError(`a consumer of queue pairs does not know how to ${verb}`);
    }
  }

  get untold(): number {
    const { inspector, owner } = this.#surroundings;
    return this.#queuePair.connectionState === 'IDLE' && unreadOf(inspector, owner) === 0 ? 1 : 0;
  }

  /** At rest a queue pair is connected or free, or nobody is left to lead it, or it is gone. */
  get unsettled(): readonly string[] {
    const { state, destroyed, connectionState } = this.#queuePair;
    if (destroyed) return this.#hosted.isGone ? [] : ['a destroyed queue pair'];
    if (this.#host.cm.closed) return state === 'RESET' || state === 'ERR' ? [] : [`a queue pair in ${state}`];
    const isFree = connectionState === undefined && state === 'RESET';
    const isConnected = connectionState === 'ESTABLISHED' && state === 'RTS' && this.#belief?.phase === 'established';
    return isFree || isConnected ? [] : [`a queue pair in ${state}, ${connectionState ?? 'without a connection'}`];
  }

  get boundSlots(): number {
    return this.#host.boundSlots;
  }

  check(): void {
    this.#host.check();
    const { state } = this.#queuePair;
    if (this.#belief?.sentDreq === true && state !== 'ERR') {
      throw new ExploreError('queuePair', `a queue pair that was disconnected is in ${state}`);
    }
  }

  /** The interface first: a queue pair can be destroyed also after that. */
  close(now: Instant): void {
    this.#host.cm.close(now);
    this.#host.check();
    if (!this.#queuePair.destroyed) this.#host.destroy(this.#hosted, now);
    while (this.#host.hasEnds) this.#host.poll(now);
  }

  leftovers(): readonly string[] {
    return this.#host.leftovers();
  }

  image(): string {
    const request = this.#request && [this.#request.cid, this.#request.request.over];
    return `${this.#host.image()}${JSON.stringify([request, this.#belief, [...this.#done].sort()])}`;
  }

  get #queuePair(): HostedQueuePair<undefined>['queuePair'] {
    return this.#hosted.queuePair;
  }

  // ---- what it is told

  #poll(which: number, now: Instant): void {
    this.note = '';
    this.#told = 0;
    this.#destroysAt = which;
    this.#host.poll(now);
    this.answers = 1 + (this.#plan.destroysInCallback ? this.#told : 0);
    this.note ||= 'poll';
  }

  #fetch(listener: CmId): void {
    const request = this.#host.pairs.getRequest(listener);
    if (request === undefined) throw new ExploreError('interface', 'a request that was just told cannot be fetched');
    if (this.#request) request.reject({}, request.event.now);
    else this.#request = { request, cid: request.event.cid };
    this.#noteTold('req_received');
  }

  #handle({ type, cause, now }: CmEvent, failure: IbcmError | undefined): void {
    this.#noteTold(cause === 'message' ? type : `${type} (${cause})`);
    const belief = this.#belief;
    if (failure !== undefined) {
      throw new ExploreError('queuePair', `the queue pair could not follow ${type}: ${failure.message}`);
    }
    if (belief === undefined) throw new ExploreError('event', `${type} is told to a queue pair without a connection`);
    if (type === 'req_received' && this.#plan.connects === 'peerToPeer') belief.role = 'passive';
    noteEvent(belief, type, cause);
    this.#noteState(belief, type);
    this.#told += 1;
    if (this.#told === this.#destroysAt) {
      this.note += ', destroy';
      this.#destroy(now);
    }
  }

  /** What the queue pair has answered by itself, before the event was told. */
  #noteState(belief: Belief, type: CmEvent['type']): void {
    const { connectionState } = this.#queuePair;
    if (type === 'rep_received' && connectionState === 'ESTABLISHED') belief.phase = 'established';
    if (type === 'req_received' && connectionState === 'REP_SENT') belief.sentReply = true;
    const isOver = unreadOf(this.#surroundings.inspector, this.#surroundings.owner) === 0;
    if (type === 'dreq_received' && connectionState === 'TIMEWAIT' && isOver) belief.phase = 'ended';
    if (connectionState === undefined) this.#letGo('its connection is over');
  }

  #noteTold(text: string): void {
    this.note = this.note === '' ? text : `${this.note}; ${text}`;
  }

  // ---- what it does

  #connect(name: string, now: Instant): void {
    this.#done.add(name);
    const { inspector, path, serviceId, maxRetries, qpnBase } = this.#surroundings;
    const request: ConnectParameters = {
      path,
      serviceId,
      startingPsn: qpnBase * 16 + this.#done.size,
      maxCmRetries: maxRetries,
      peerToPeer: this.#plan.connects === 'peerToPeer',
    };
    const { destroyed, connectionState } = this.#queuePair;
    let expected: Outcome;
    if (destroyed) expected = 'DESTROYED';
    else if (this.#host.cm.closed) expected = 'CLOSED';
    else if (connectionState === 'IDLE') expected = 'END_NOT_TOLD';
    else if (isQpnHeld(inspector, this.#queuePair.qpn)) expected = 'QPN_IN_USE';
    if (!this.#call(name, [expected], () => this.#queuePair.connect(request, now))) return;
    this.#belief = newBelief('active');
    this.#host.note(this.#hosted);
  }

  #accept(now: Instant): void {
    const { request, cid } = this.#request as Pending;
    this.#request = undefined;
    const { inspector } = this.#surroundings;
    const { destroyed, connectionState } = this.#queuePair;
    const state = this.#stateOf(cid);
    let expected: Outcome;
    if (request.over || state === undefined) expected = 'REQUEST_OVER';
    else if (STATE_TABLE[state].formatRep.kind === 'illegal') expected = 'INVALID_STATE';
    else if (isQpnHeld(inspector, this.#queuePair.qpn, cid)) expected = 'QPN_IN_USE';
    else if (destroyed) expected = 'DESTROYED';
    else if (connectionState === 'IDLE') expected = 'END_NOT_TOLD';
    const startingPsn = this.#surroundings.qpnBase * 16;
    if (this.#call('accept', [expected], () => this.#queuePair.accept(request, { startingPsn }, now))) {
      this.#belief = { ...newBelief('passive'), hasRequest: true, sentReply: true };
      this.#host.note(this.#hosted);
    } else if (expected === 'INVALID_STATE' || expected === 'QPN_IN_USE') {
      if (request.over || this.#stateOf(cid) !== state) {
        throw new ExploreError('queuePair', 'an accept that the CM refuses changes the request (R3)');
      }
      request.reject({}, now);
    }
    if (expected !== undefined && this.#stateOf(cid) !== undefined) {
      throw new ExploreError('queuePair', 'an accept that failed leaves its CEP (R8)');
    }
    if (!request.over) throw new ExploreError('queuePair', 'a request that was accepted or rejected is not over');
  }

  #refuse(now: Instant): void {
    const { request, cid } = this.#request as Pending;
    this.#request = undefined;
    const isOver = request.over || this.#stateOf(cid) === undefined;
    this.#call('refuse', [isOver ? 'REQUEST_OVER' : undefined], () => request.reject({}, now));
    if (this.#stateOf(cid) !== undefined) throw new ExploreError('end', 'a CEP outlives its request (R12)');
  }

  #destroy(now: Instant): void {
    this.#belief = undefined;
    this.#host.destroy(this.#hosted, now);
  }

  /** @param why the queue pair must be free. */
  #letGo(why: string): void {
    this.#belief = undefined;
    const { state, connectionState } = this.#queuePair;
    if (connectionState !== undefined || (state !== 'RESET' && !this.#host.cm.closed)) {
      throw new ExploreError('queuePair', `${why}, and the queue pair is in ${state}, ${connectionState}`);
    }
  }

  /** What a disconnect ends with. */
  #disconnecting(): Outcome[] {
    const { destroyed, connectionState } = this.#queuePair;
    if (destroyed) return ['DESTROYED'];
    if (this.#host.cm.closed) return ['CLOSED', 'NOT_CONNECTED'];
    if (connectionState === undefined) return ['NOT_CONNECTED'];
    return STATE_TABLE[connectionState].sendDreq.kind === 'illegal' ? ['INVALID_STATE'] : [];
  }

  /** Makes a call. @param expected one of these it must end with; none, or undefined, is success. @returns whether it succeeded. */
  #call(name: string, expected: readonly Outcome[], call: () => void): boolean {
    let outcome: Outcome;
    try {
      call();
    } catch (error) {
      if (!(error instanceof IbcmError) || error instanceof AssertionError || error instanceof ExploreError)
        throw error;
      outcome = error.code;
      this.note += ` (${outcome})`;
    }
    const allowed = expected.length === 0 ? [undefined] : expected;
    if (!allowed.includes(outcome)) {
      const should = allowed.map((each) => each ?? 'success').join(' or ');
      throw new ExploreError('call', `${name} ends with ${outcome ?? 'success'}, not with ${should} (R3, R15)`);
    }
    return outcome === undefined;
  }

  #stateOf(cid: Cid): State | undefined {
    const { inspector } = this.#surroundings;
    return inspector.find(cid) ? inspector.state : undefined;
  }
}
