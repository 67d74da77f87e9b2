import type { Cid, Random } from '../../base/index.js';
import type { DataMover } from '../data/data-mover.js';
import type { ServiceKind } from '../services.js';
import type { AnySide, Attempt } from '../side.js';
import type { SimAdapter } from '../sim-adapter.js';
import type { Action, World } from '../world.js';

/** A consumer as the simulation sees it, whichever interface it uses. */
export interface AnyConsumer {
  readonly world: World;
  readonly adapter: SimAdapter;
  readonly number: number;
  /** Polls no events while it is. */
  sleepers: number;
  /** What it has, by the CIDs of the CEPs. */
  readonly sides: ReadonlyMap<Cid, AnySide>;
  /** Polls all events. @returns whether there were any. */
  poll(): boolean;
  /** Begins an attempt, or, peer to peer, the other half of one. */
  start(attempt: Attempt, isCrossing: boolean): void;
  /** Does what was put off, unless it has become pointless. */
  act(side: AnySide, action: Action): void;
  disconnect(side: AnySide): void;
  /** Does what it must not. */
  misuse(random: Random): void;
  /** The CID with which it listens, for the plain service unless another is named. */
  listener(kind?: ServiceKind, place?: number): Cid;
  /** What it moves, if it moves data. */
  readonly data?: DataMover | undefined;
  /** The adapter crashed: nothing that this consumer has means anything any more. */
  die(): void;
  /** Ends all that it has; nothing may be left of it. */
  close(): void;
}
