import { type CaGuid, type Instant, NEVER, parseGid, SeededRandom } from '../../base/index.js';
import { type CepInspector, CepManager, type CepManagerOptions, type PathAddress } from '../../cep/index.js';
import { checkAnswer, expectedAnswer } from './answer-check.js';
import type { MessageTable } from './message-table.js';
import type { Choice, Participant } from './participant.js';
import { participantOf } from './participants.js';
import type { Plan } from './script.js';
import { checkRoles, SideChecker } from './side-check.js';
import { ExploreError } from './violation.js';

/** How managers come into being: tests plant bugs here. */
export type MakeManager = (options: CepManagerOptions) => CepManager;
export const makeManager: MakeManager = (options) => new CepManager(options);

/** Enough for everything that a script can have at once, so that no limit is ever in the way. */
const LIMITS = {
  maxCeps: 15,
  maxMads: 63,
  maxTransmits: 16,
  maxRequestsPerSecond: Number.POSITIVE_INFINITY,
  maxStrayAnswersPerSecond: Number.POSITIVE_INFINITY,
};
/** What a REQ can say. */
const MAX_CM_RETRIES_MOST = 15;
/** The right side's GUID is the greater one, so it is the left side that gives way when requests cross. */
const SIDES = [
  { caGuid: 0x1111n as CaGuid, gid: parseGid('10.0.0.1'), seed: 1, qpnBase: 0x100 },
  { caGuid: 0x2222n as CaGuid, gid: parseGid('10.0.0.2'), seed: 2, qpnBase: 0x200 },
] as const;

export type SideNumber = 0 | 1;
export const otherSide = (side: SideNumber): SideNumber => (side === 0 ? 1 : 0);

/** What can happen to a side. */
export type SideInput =
  | { readonly kind: 'timer' }
  | { readonly kind: 'action'; readonly name: string }
  | { readonly kind: 'message'; readonly message: number };

/** How a side is set up; with a list of inputs it says everything about a side. */
export interface SideSettings {
  readonly side: SideNumber;
  readonly plan: Plan;
  readonly maxRetries: number;
  readonly make: MakeManager;
  readonly messages: MessageTable;
}

/**
 * One side, alive: a manager, its consumer, and a clock of its own, which moves only when a timer fires. It is told one input
 * after the other, and is checked after each.
 */
export class LiveSide {
  readonly manager: CepManager;
  readonly inspector: CepInspector;
  readonly participant: Participant;
  readonly #settings: SideSettings;
  readonly #from: PathAddress;
  readonly #checker: SideChecker;
  now = 0 as Instant;

  constructor(settings: SideSettings) {
    const { side, plan, maxRetries, make } = settings;
    const { caGuid, gid, seed, qpnBase } = SIDES[side];
    const remoteGid = SIDES[otherSide(side)].gid;
    this.#settings = settings;
    this.manager = make({ caGuid, random: new SeededRandom(seed), limits: LIMITS });
    this.inspector = this.manager.inspect();
    this.#from = { port: 1, localGid: gid, remoteGid, trafficClass: 0, sourcePort: 0 };
    const { manager, inspector } = this;
    this.participant = participantOf(plan, {
      manager,
      inspector,
      path: { localGid: gid, remoteGid },
      qpnBase,
      maxRetries: Math.min(maxRetries, MAX_CM_RETRIES_MOST),
    });
    this.#checker = new SideChecker(manager, inspector, this.participant);
  }

  /**
   * One step. @returns the numbers of the messages that it sent.
   * @throws whatever shows that an invariant does not hold; then this side is of no use any more.
   */
  apply(input: SideInput): number[] {
    const { messages } = this.#settings;
    const kind = input.kind === 'message' ? messages.kind(input.message) : undefined;
    const expected =
      input.kind === 'message' && kind
        ? expectedAnswer(kind, messages.bytes(input.message), this.inspector)
        : undefined;
    const sent = this.replay(input);
    this.#checker.check();
    if (kind)
      checkAnswer(
        kind,
        expected,
        sent.map((message) => messages.kind(message)),
      );
    return sent;
  }

  /** A step that has been checked before. */
  replay(input: SideInput): number[] {
    switch (input.kind) {
      case 'timer':
        this.#fire();
        break;
      case 'action':
        this.participant.act(input.name, this.now);
        break;
      case 'message': {
        const bytes = this.#settings.messages.bytes(input.message);
        this.manager.handleMad(bytes, 0, bytes.length, this.#from, this.now);
      }
    }
    return this.#collect();
  }

  /** Ends the consumers: all that they have is destroyed. */
  close(): number[] {
    this.participant.close(this.now);
    return this.#collect();
  }

  get hasTimer(): boolean {
    return this.inspector.timers > 0;
  }

  choices(): readonly Choice[] {
    return this.participant.choices();
  }

  /** Everything that the side's future depends on. */
  image(): string {
    return `${this.participant.image()}|${this.inspector.image(this.now, this.#settings.messages.name)}`;
  }

  /** Time passes up to the next moment at which a timer expires; all that expire then do. */
  #fire(): void {
    const { manager, inspector } = this;
    let due = NEVER;
    for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
      if (inspector.moveTo(slot)) due = Math.min(due, inspector.timerDeadline, inspector.deadline) as Instant;
    }
    // The manager may want to be called before, with nothing to do: that is what a driver does, too.
    for (let next = manager.nextTimeout(); next <= due && next !== NEVER; next = manager.nextTimeout()) {
      this.now = Math.max(this.now, next) as Instant;
      manager.handleTimeout(this.now);
      if (this.now === due) return;
    }
    throw new ExploreError('timer', `the manager does not ask to be called at ${due}, when a timer expires`);
  }

  #collect(): number[] {
    const { side, plan, messages } = this.#settings;
    const sent: number[] = [];
    const to = otherSide(side);
    for (let transmit = this.manager.pollTransmit(); transmit; transmit = this.manager.pollTransmit()) {
      const { path, mad } = transmit;
      if (path.remoteGid.some((octet, i) => octet !== this.#from.remoteGid[i])) {
        throw new ExploreError('address', 'a message goes to nobody that is there');
      }
      const message = messages.add(to, mad, 0);
      checkRoles(plan, messages.kind(message), mad, 0, this.inspector);
      sent.push(message);
    }
    return sent;
  }
}
