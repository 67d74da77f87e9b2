import { LiveSide, type MakeManager, type SideNumber } from './live-side.js';
import type { Script } from './script.js';
import type { Finding, Search } from './search.js';

/** One line of a counterexample. */
export interface LadderEntry {
  readonly side: SideNumber;
  readonly kind: 'action' | 'timer' | 'sent' | 'delivered' | 'delivered, to come again' | 'lost' | 'violation';
  readonly text: string;
  /** State of the side's CEPs after it, where that says something. */
  readonly states?: string;
}

/** Goes a way once more, with two managers that have never been anywhere else, and says what happens. */
export function explainWay(script: Script, search: Search, finding: Finding, make: MakeManager): LadderEntry[] {
  const { messages, bounds } = search;
  const { maxRetries } = bounds;
  const entries: LadderEntry[] = [];
  const sideOf = (side: SideNumber): LiveSide =>
    new LiveSide({ side, plan: script.plans[side], maxRetries, make, messages });
  const sides = [sideOf(0), sideOf(1)] as const;
  for (const { side, input, isDuplicate } of search.way(finding)) {
    const live = sides[side];
    const described = search.sides[side].describe(input);
    let sent: number[] = [];
    try {
      sent = live.apply(described);
    } catch {
      // The violation, which the finding tells.
    }
    const states = statesOf(live);
    if (described.kind === 'timer') {
      entries.push({ side, kind: 'timer', text: `timer, at ${(live.now / 1_000).toFixed(0)} ms`, states });
    } else if (described.kind === 'action') {
      entries.push({ side, kind: 'action', text: live.participant.note, states });
    } else {
      const kind = isDuplicate ? 'delivered, to come again' : 'delivered';
      entries.push({ side, kind, text: messages.describe(described.message), states });
    }
    for (const message of sent) entries.push({ side, kind: 'sent', text: messages.describe(message) });
  }
  if (finding.steps.length === 0) {
    for (const message of search.flights.messages(search.flight(finding.state))) {
      entries.push({ side: messages.receiver(message) as SideNumber, kind: 'lost', text: messages.describe(message) });
    }
  }
  entries.push({ side: finding.steps.at(-1)?.side ?? 0, kind: 'violation', text: finding.violation.message });
  return entries;
}

function statesOf({ inspector }: LiveSide): string {
  const states: string[] = [];
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (!inspector.moveTo(slot)) continue;
    states.push(inspector.isBound ? inspector.state : `${inspector.state} (unbound)`);
  }
  return states.join(', ');
}
