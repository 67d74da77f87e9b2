import { assert, type LedgerEntry, type Qpn, type Reference, type ReferenceLedger } from '../base/index.js';
import { type Complaint, complaintAbout, contradictionIn, isState } from './attribute-check.js';
import {
  type AttributeName,
  type AttributeValues,
  addressOf,
  INITIAL_VALUES,
  type ModifyAttributes,
  type QpState,
  type QueuePairValues,
  type Transport,
} from './attributes.js';
import { VerbsError, type VerbsErrorCode, type VerbsErrorDetails } from './error.js';
import { TRANSITIONS } from './transition-table.js';

export interface QueuePairOptions<Context> {
  readonly qpn: Qpn;
  readonly transport: Transport;
  readonly context: Context | undefined;
  /** How many ports the adapter has. */
  readonly ports: number;
  readonly ledger: ReferenceLedger;
  /** Called when the last reference is gone, before the consumer's callback. */
  readonly whenGone: () => void;
}

/** Who moves a queue pair's data, and must know what becomes of it. */
export interface QueuePairFollower {
  /** The state or the attributes have changed; the state may be the same as before. Nothing may be thrown. */
  handleModified(from: QpState): void;
  /** The queue pair's end has begun: it is in ERR, and nobody looks at it any more. */
  handleDestroyed(): void;
}

/**
 * A queue pair (IBTA 10.2.4, 10.3): a number, a state and the attributes that it has in it. It is made by a `QueuePairTable`.
 *
 * All calls return at once and change either everything that they say or nothing. Whoever needs the queue pair beyond the
 * present call {@link hold}s a reference; its number is free again when it was destroyed and the last reference is released.
 */
export class QueuePair<Context = unknown> {
  readonly qpn: Qpn;
  readonly transport: Transport;
  /** The consumer's own: what it wants to find with the queue pair. Nothing here looks at it. */
  context: Context | undefined;
  readonly #ports: number;
  readonly #memory: LedgerEntry;
  readonly #ownReference: Reference;
  #state: QpState = 'RESET';
  /** Replaced as a whole, never changed. */
  #values: AttributeValues;
  #destroyed = false;
  #follower: QueuePairFollower | undefined;
  #whenDestroyed: (() => void) | undefined;

  constructor({ qpn, transport, context, ports, ledger, whenGone }: QueuePairOptions<Context>) {
    this.qpn = qpn;
    this.transport = transport;
    this.context = context;
    this.#ports = ports;
    this.#values = INITIAL_VALUES[transport];
    this.#memory = ledger.open(`queue pair ${hex(qpn)}`, () => {
      whenGone();
      this.#whenDestroyed?.();
    });
    this.#ownReference = this.#memory.hold('owner');
  }

  get state(): QpState {
    return this.#state;
  }

  /** Whether its destruction has begun. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** A copy of the state and of all attributes that have a value, also while it is being destroyed. */
  query(): QueuePairValues {
    return { state: this.#state, ...withOwnAddresses(this.#values) };
  }

  /**
   * Changes state and attributes (IBTA 11.2.5.2; `ibv_modify_qp`). RESET forgets all attributes. What the CM's `getQpAttr` says
   * can be given as it is; further attributes may be added.
   * @throws VerbsError `INVALID_TRANSITION`, `MISSING_ATTRIBUTE`, `ATTRIBUTE_NOT_ALLOWED`, `INVALID_ATTRIBUTE`, `DESTROYED`. Nothing has changed then.
   */
  modify(attributes: ModifyAttributes): void {
    this.#refuseIfDestroyed();
    const from = this.#state;
    const { state: to = from, ...others } = attributes;
    if (!isState(to)) {
      throw this.#invalid({ attribute: 'state', value: to, allowed: 'a state of a queue pair' }, { from });
    }
    const change = { from, to };
    const transition = TRANSITIONS[this.transport][from][to];
    if (transition === undefined) {
      throw this.#error('INVALID_TRANSITION', `cannot go from ${from} to ${to}`, change);
    }
    const given: Partial<Record<AttributeName, unknown>> = {};
    for (const [key, value] of Object.entries(others)) {
      if (value === undefined) continue;
      const attribute = key as AttributeName;
      if (!transition.required.includes(attribute) && !transition.optional.includes(attribute)) {
        const text = `cannot have ${attribute} set from ${from} to ${to}`;
        throw this.#error('ATTRIBUTE_NOT_ALLOWED', text, { attribute, ...change });
      }
      const complaint = complaintAbout(attribute, value, this.#ports);
      if (complaint) throw this.#invalid(complaint, change);
      given[attribute] = value;
    }
    for (const attribute of transition.required) {
      if (given[attribute] !== undefined) continue;
      throw this.#error('MISSING_ATTRIBUTE', `needs ${attribute} from ${from} to ${to}`, { attribute, ...change });
    }
    const before = to === 'RESET' ? INITIAL_VALUES[this.transport] : this.#values;
    const values = { ...before, ...withOwnAddresses(given as AttributeValues) };
    const contradiction = contradictionIn(values);
    if (contradiction) throw this.#invalid(contradiction, change);
    this.#state = to;
    this.#values = values;
    this.#follower?.handleModified(from);
  }

  /**
   * For the transport, which moves the queue pair's data from now on: it is told of every change.
   * @throws VerbsError `DESTROYED`
   */
  follow(follower: QueuePairFollower): void {
    this.#refuseIfDestroyed();
    assert(this.#follower === undefined, 'one transport moves the data of a queue pair');
    this.#follower = follower;
  }

  /**
   * For the transport: a send has failed. A reliable connection is broken by it (ERR); the others stop sending and still receive (SQE),
   * until the consumer leads them back to RTS (IBTA 10.3.1.6).
   */
  sendFailed(): void {
    assert(this.#state === 'RTS' || this.#state === 'SQD', 'sends fail in RTS and SQD');
    this.#fail(this.transport === 'rc' ? 'ERR' : 'SQE');
  }

  /** For the transport: nothing can be sent or received any more (ERR). Harmless in ERR. */
  broken(): void {
    assert(this.#state !== 'RESET', 'nothing breaks in RESET');
    if (this.#state !== 'ERR') this.#fail('ERR');
  }

  /**
   * A reference that keeps the queue pair, and its number, until it is released.
   * @param holder who holds it, for whoever looks for what keeps it.
   * @throws VerbsError `DESTROYED`: what is being destroyed gets no new holders (R8).
   */
  hold(holder: string): Reference {
    this.#refuseIfDestroyed();
    return this.#memory.hold(holder);
  }

  /**
   * Begins the end: the state is ERR, numbers lead to it no more, and every further call but {@link query} is refused. Never waits.
   * @param whenDestroyed called once, from the ledger's `poll`, when all references are released (R11, R22). The number is free again then.
   * @throws VerbsError `DESTROYED` the second time.
   */
  destroy(whenDestroyed?: () => void): void {
    this.#refuseIfDestroyed();
    this.#destroyed = true;
    this.#state = 'ERR';
    this.#whenDestroyed = whenDestroyed;
    this.#follower?.handleDestroyed();
    this.#ownReference.release();
  }

  #fail(state: QpState): void {
    const from = this.#state;
    this.#state = state;
    this.#follower?.handleModified(from);
  }

  #refuseIfDestroyed(): void {
    if (this.#destroyed) throw this.#error('DESTROYED', 'is being destroyed', {});
  }

  #invalid({ attribute, value, allowed }: Complaint, change: VerbsErrorDetails): VerbsError {
    const text = `cannot have ${attribute} ${String(value)}; it must be ${allowed}`;
    return this.#error('INVALID_ATTRIBUTE', text, { attribute, value, ...change });
  }

  #error(code: VerbsErrorCode, text: string, details: VerbsErrorDetails): VerbsError {
    const { qpn, transport } = this;
    return new VerbsError(code, `queue pair ${hex(qpn)} (${transport.toUpperCase()}) ${text}`, { qpn, ...details });
  }
}

function hex(qpn: Qpn): string {
  return `0x${qpn.toString(16)}`;
}

/** The same values; the addresses are copies, so that nobody else can change them. */
function withOwnAddresses(values: AttributeValues): AttributeValues {
  const { path, alternatePath } = values;
  return {
    ...values,
    ...(path && { path: addressOf(path) }),
    ...(alternatePath && { alternatePath: addressOf(alternatePath) }),
  };
}
