import type { Cid, Instant } from '../../base/index.js';
import type { CepEvent, CepInspector } from '../../cep/index.js';
import type { CepCalls } from '../interfaces/cep-calls.js';
import { CmCalls } from '../interfaces/cm-calls.js';
import type { Surroundings } from './participant.js';
import { ExploreError } from './violation.js';

/** The interface that a consumer of CEPs uses: its calls, and where its events come from. */
export interface Port {
  readonly calls: CepCalls;
  /** Whether there is something to be polled. */
  readonly hasNews: boolean;
  /** Tells the consumer what it tells in one turn. */
  poll(now: Instant): void;
  check(): void;
  close(now: Instant): void;
  leftovers(): readonly string[];
  image(): string;
}

/** The CEP manager's own interface, which tells one event a turn. */
export function cepPort(
  { manager, inspector, owner }: Surroundings,
  tell: (event: CepEvent, now: Instant) => void,
): Port {
  const calls = manager.openOwner();
  return {
    calls,
    get hasNews() {
      return unreadOf(inspector, owner) > 0;
    },
    poll: (now) => {
      const event = calls.pollEvent();
      if (event === undefined) throw new ExploreError('event', 'none comes, though one is counted');
      tell(event, now);
    },
    check: () => {},
    close: (now) => calls.close(now),
    leftovers: () => [],
    image: () => '',
  };
}

/** The CM-only interface, which tells all that there is in one turn, also of IDs that are gone. */
export function cmPort(
  { manager, inspector, owner }: Surroundings,
  tell: (event: CepEvent, now: Instant) => void,
): Port {
  const calls = new CmCalls(manager, tell, (what) => {
    throw new ExploreError('interface', what);
  });
  return {
    calls,
    get hasNews() {
      return calls.hasEnds || unreadOf(inspector, owner) > 0;
    },
    poll: (now) => calls.poll(now),
    check: () => calls.check(),
    close: (now) => calls.close(now),
    leftovers: () => calls.leftovers(),
    image: () => calls.image(),
  };
}

/** Events of an owner's CEPs that it has not polled. Moves the inspector. */
export function unreadOf(inspector: CepInspector, owner: number): number {
  let unread = 0;
  if (inspector.events === 0) return unread;
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (inspector.moveTo(slot) && inspector.owner === owner) unread += inspector.unreadEvents;
  }
  return unread;
}

/** Whether an owner has CEPs. Moves the inspector. */
export function hasCeps(inspector: CepInspector, owner: number): boolean {
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (inspector.moveTo(slot) && inspector.owner === owner) return true;
  }
  return false;
}

/** Whether a CEP has a queue pair number, whoever owns it. @param except does not count. Moves the inspector. */
export function isQpnHeld(inspector: CepInspector, qpn: number, except?: Cid): boolean {
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (!inspector.moveTo(slot) || !inspector.holdsLocalQpn) continue;
    if (inspector.localQpn === qpn && inspector.cid !== except) return true;
  }
  return false;
}
