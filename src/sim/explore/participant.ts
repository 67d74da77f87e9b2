import type { Instant, ServiceId } from '../../base/index.js';
import type { CepInspector, CepManager, CmPath } from '../../cep/index.js';

/** Requests that wait at a listener: more than there ever are. */
export const BACKLOG = 8;

/** Something that a consumer may do now. One that is not optional is done sooner or later. */
export interface Choice {
  readonly name: string;
  readonly optional: boolean;
}

/** Where a consumer lives. */
export interface Surroundings {
  readonly manager: CepManager;
  readonly inspector: CepInspector;
  /** The number that the manager gives to the consumer's owner. */
  readonly owner: number;
  /** To the other side. */
  readonly path: CmPath;
  /** What it asks for, and what it listens for. */
  readonly serviceId: ServiceId;
  /** Queue pairs that it makes up have numbers from here on. */
  readonly qpnBase: number;
  /** How often messages are sent again. */
  readonly maxRetries: number;
}

/** A consumer, or all those of one side, that do what their plan says, over whichever interface. */
export interface Participant {
  /** In how many ways the last poll could have been answered: each is an action of its own. */
  readonly answers: number;
  /** Whether the last action was to take note of events, and nothing else. */
  readonly onlyNoted: boolean;
  /** What the last action was and led to, for people. */
  readonly note: string;
  /** CEPs that have come back to IDLE, and nothing that it was told or did says so. */
  readonly untold: number;
  /** What it has that cannot stay as it is when nothing is under way any more. */
  readonly unsettled: readonly string[];
  /** CEPs that are bound to a slot of its own. */
  readonly boundSlots: number;
  /** What it may do now. An event may be answered in several ways: those beyond the first are known only after a poll. */
  choices(): readonly Choice[];
  /** @param name of {@link choices}; or a poll's, a space and which answer to give, from 0. */
  act(name: string, now: Instant): void;
  /** After each step. @throws whatever shows that something is wrong that can be seen from its interface. */
  check(): void;
  /** Goes away: all that it has is destroyed. */
  close(now: Instant): void;
  /** After it has gone, what is left of it. */
  leftovers(): readonly string[];
  /** Everything that its future depends on, but for the manager. */
  image(): string;
}
