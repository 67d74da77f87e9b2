import { AssertionError } from '../../base/index.js';
import { type CepSummary, type Prospect, prospectOf } from './inertness.js';
import { LiveSide, type SideInput, type SideSettings } from './live-side.js';
import { ExploreError } from './violation.js';

/** Live sides that are kept to go on from, so that they need not be led there again. */
const PARKED_MOST = 400;
/** Inputs are numbered: the timer, then actions, then messages. */
const TIMER = 0;
const ACTIONS_FROM = 1;
export const MESSAGES_FROM = 4096;
/** A consumer's poll, and that of another one beside it. */
const POLL = /(^| )poll$/;

/** What an input does in a state. */
export interface Move {
  readonly to: number;
  /** The messages that it sends. */
  readonly sent: readonly number[];
  /** The place of `sent` among all such lists: for tables. */
  readonly sentNumber: number;
  /** In how many ways it can be answered, if it is an event: each is an input of its own. */
  readonly ways: number;
  readonly onlyNoted: boolean;
  readonly violation: ExploreError | undefined;
}

/** A connection that a side believes in. */
export interface Standing {
  readonly localCommId: number;
  readonly remoteCommId: number;
  readonly localQpn: number;
  readonly remoteQpn: number;
  readonly localPsn: number;
  readonly remotePsn: number;
}

/** What is to be known about a state without going there again. */
interface Node {
  /** How it was reached first. */
  readonly parent: number;
  readonly input: number;
  /** The inputs that need no message; filled in when first asked for. */
  inputs: readonly number[] | undefined;
  /** The one input that may be tried alone; filled in with the others. */
  sole: number | undefined;
  /** Whether something will happen here even if no message comes: a timer, or an action that is not optional. */
  readonly isRestless: boolean;
  readonly standing: readonly Standing[];
  /** The place of `standing` among all such lists. */
  readonly standingNumber: number;
  /** What may not stay as it is: CEPs that are neither in IDLE, nor in LISTEN, nor in ESTABLISHED, and what consumers have that does not fit. */
  readonly unsettled: readonly string[];
  /** CEPs of whose end the consumer knows nothing. */
  readonly untold: number;
  readonly ceps: readonly CepSummary[];
  /** By input: the timer's and actions', and by message. With holes where nobody has been. */
  readonly moves: (Move | undefined)[];
  readonly deliveries: (Move | undefined)[];
  readonly prospects: (Prospect | undefined)[];
}

/**
 * All that one side can be in, and what every input does to it there. A side does not know what the other does: its next state
 * and what it sends depend on its own state and the input alone. So the manager itself need be run only once for each pair
 * of those, although the two sides together go through each of them in a thousand contexts.
 *
 * A manager's state cannot be set; it is led there again by the inputs that led there first.
 */
export class SideGraph {
  readonly #settings: SideSettings;
  readonly #nodes: Node[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #parked = new Map<number, LiveSide>();
  readonly #actions: string[] = [];
  readonly #actionNumbers = new Map<string, number>();
  readonly #sentLists = new Map<string, { readonly sent: readonly number[]; readonly number: number }>();
  readonly #standingLists = new Map<string, number>();
  /** Moves computed by running a manager, and inputs replayed for it. */
  moves = 0;
  replayed = 0;

  constructor(settings: SideSettings) {
    this.#settings = settings;
    this.#number(new LiveSide(settings), 0, 0);
  }

  /** States so far. The first one is 0. */
  get size(): number {
    return this.#nodes.length;
  }

  /** What may happen in a state, messages aside. */
  inputs(state: number): readonly number[] {
    const node = this.#node(state);
    node.inputs ??= this.#findInputs(state);
    return node.inputs;
  }

  /**
   * An input that need not be put off. The consumer has nothing to do but to take note of an event, to which it does nothing:
   * neither messages nor timers make a difference to that, nor does it to them, nor to a destruction. So of all orders in which
   * it may happen among these, one is enough.
   */
  soleInput(state: number): number | undefined {
    this.inputs(state);
    return this.#node(state).sole;
  }

  move(state: number, input: number): Move {
    const { moves, deliveries } = this.#node(state);
    const known = input < MESSAGES_FROM ? moves[input] : deliveries[input - MESSAGES_FROM];
    if (known !== undefined) return known;
    const move = this.#run(state, input);
    if (input < MESSAGES_FROM) moves[input] = move;
    else deliveries[input - MESSAGES_FROM] = move;
    return move;
  }

  /** What can come of a message here, now or later. */
  prospect(state: number, message: number): Prospect {
    const { prospects, ceps } = this.#node(state);
    const known = prospects[message];
    if (known !== undefined) return known;
    const { plan, messages } = this.#settings;
    let prospect = prospectOf(plan, ceps, messages, message);
    // That it has no effect now can be seen at once; this is no matter of faith.
    if (prospect === 'inert') {
      const { to, sent, violation } = this.move(state, MESSAGES_FROM + message);
      if (to !== state || sent.length > 0 || violation) prospect = 'live';
    }
    prospects[message] = prospect;
    return prospect;
  }

  isRestless(state: number): boolean {
    return this.#node(state).isRestless;
  }

  standing(state: number): readonly Standing[] {
    return this.#node(state).standing;
  }

  standingNumber(state: number): number {
    return this.#node(state).standingNumber;
  }

  unsettled(state: number): readonly string[] {
    return this.#node(state).unsettled;
  }

  untold(state: number): number {
    return this.#node(state).untold;
  }

  describe(input: number): SideInput {
    if (input === TIMER) return { kind: 'timer' };
    if (input >= MESSAGES_FROM) return { kind: 'message', message: input - MESSAGES_FROM };
    return { kind: 'action', name: this.#actions[input - ACTIONS_FROM] as string };
  }

  /** A live side in a state, led there by the inputs that led there first. */
  lead(state: number): LiveSide {
    const inputs: number[] = [];
    for (let at = state; at !== 0; at = this.#node(at).parent) inputs.push(this.#node(at).input);
    const live = new LiveSide(this.#settings);
    for (const input of inputs.reverse()) live.replay(this.describe(input));
    this.replayed += inputs.length;
    return live;
  }

  #node(state: number): Node {
    return this.#nodes[state] as Node;
  }

  #findInputs(state: number): number[] {
    const live = this.#parked.get(state) ?? this.lead(state);
    this.#park(state, live);
    const { hasTimer } = live;
    const choices = live.choices();
    const inputs = choices.map(({ name }) => this.#actionNumber(name));
    for (const { name } of choices) {
      if (!POLL.test(name)) continue;
      const poll = this.#actionNumber(name);
      const { ways, onlyNoted, sent } = this.move(state, poll);
      const isIdle = choices.every((each) => each.name === name || each.name.startsWith('destroy'));
      if (isIdle && onlyNoted && sent.length === 0) this.#node(state).sole = poll;
      for (let way = 1; way < ways; way += 1) inputs.push(this.#actionNumber(`${name} ${way}`));
    }
    return hasTimer ? [TIMER, ...inputs] : inputs;
  }

  #actionNumber(name: string): number {
    const known = this.#actionNumbers.get(name);
    if (known !== undefined) return known;
    const number = ACTIONS_FROM + this.#actions.length;
    this.#actions.push(name);
    this.#actionNumbers.set(name, number);
    return number;
  }

  #run(state: number, input: number): Move {
    const live = this.#parked.get(state) ?? this.lead(state);
    this.#parked.delete(state);
    this.moves += 1;
    try {
      const sent = live.apply(this.describe(input));
      const to = this.#number(live, state, input);
      const { answers: ways, onlyNoted } = live.participant;
      this.#park(to, live);
      return { to, ...this.#sentList(sent), ways, onlyNoted, violation: undefined };
    } catch (error) {
      return { to: state, ...this.#sentList([]), ways: 1, onlyNoted: false, violation: violationOf(error) };
    }
  }

  #park(state: number, live: LiveSide): void {
    if (this.#parked.has(state)) return;
    this.#parked.set(state, live);
    if (this.#parked.size <= PARKED_MOST) return;
    for (const oldest of this.#parked.keys()) {
      this.#parked.delete(oldest);
      return;
    }
  }

  /** The state that a live side is in; a new one, if nobody has been there. */
  #number(live: LiveSide, parent: number, input: number): number {
    const image = live.image();
    const known = this.#numbers.get(image);
    if (known !== undefined) return known;
    const number = this.#nodes.length;
    this.#numbers.set(image, number);
    const standing = standingOf(live);
    const isRestless = live.hasTimer || live.choices().some(({ optional }) => !optional);
    this.#nodes.push({
      parent,
      input,
      inputs: undefined,
      sole: undefined,
      isRestless,
      standing,
      standingNumber: this.#standingNumber(standing),
      unsettled: [...unsettledOf(live), ...live.participant.unsettled],
      untold: live.participant.untold,
      ceps: cepsOf(live),
      moves: [],
      deliveries: [],
      prospects: [],
    });
    return number;
  }

  #sentList(sent: readonly number[]): { readonly sent: readonly number[]; readonly sentNumber: number } {
    const key = sent.join();
    let list = this.#sentLists.get(key);
    if (list === undefined) {
      list = { sent, number: this.#sentLists.size };
      this.#sentLists.set(key, list);
    }
    return { sent: list.sent, sentNumber: list.number };
  }

  #standingNumber(standing: readonly Standing[]): number {
    const key = JSON.stringify(standing);
    const number = this.#standingLists.get(key) ?? this.#standingLists.size;
    this.#standingLists.set(key, number);
    return number;
  }
}

function violationOf(error: unknown): ExploreError {
  if (error instanceof ExploreError) return error;
  const kind = error instanceof AssertionError ? 'an assertion fails' : 'something is thrown';
  const message = error instanceof Error ? error.message : String(error);
  return new ExploreError('assertion', `${kind}: ${message}`, { cause: error });
}

const STANDS: ReadonlySet<string> = new Set([
  'ESTABLISHED',
  'LAP_SENT',
  'LAP_MRA_RCVD',
  'LAP_RCVD',
  'LAP_MRA_SENT',
  'APR_PREPARED',
  'APR_PREPARED_MRA_SENT',
]);
const SETTLED: ReadonlySet<string> = new Set(['IDLE', 'LISTEN', 'ESTABLISHED']);

function standingOf({ inspector }: LiveSide): Standing[] {
  const standing: Standing[] = [];
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (!inspector.moveTo(slot) || !STANDS.has(inspector.state)) continue;
    const { localCommId, remoteCommId, localQpn, remoteQpn, localPsn, remotePsn } = inspector;
    standing.push({ localCommId, remoteCommId, localQpn, remoteQpn, localPsn, remotePsn });
  }
  return standing;
}

function unsettledOf({ inspector }: LiveSide): string[] {
  const unsettled: string[] = [];
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (inspector.moveTo(slot) && !SETTLED.has(inspector.state)) unsettled.push(inspector.state);
  }
  return unsettled;
}

function cepsOf({ inspector }: LiveSide): CepSummary[] {
  const ceps: CepSummary[] = [];
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (!inspector.moveTo(slot)) continue;
    const { state, localCommId, knowsRemoteId, remoteCommId } = inspector;
    ceps.push({ state, localCommId, remoteCommId: knowsRemoteId ? remoteCommId : 0 });
  }
  return ceps;
}
