import type { LadderEntry } from './explanation.js';

const WIDTH = 72;

/** A counterexample as a ladder: the left side, the right side, time downwards, an arrow where a message leaves or comes. */
export function counterexampleLadder(entries: readonly LadderEntry[]): string[] {
  return entries.map((entry) => {
    const text = textOf(entry);
    const states = entry.states === undefined ? '' : `  ${entry.states}`;
    if (entry.kind === 'violation') return `✗ ${text}`;
    return `│ ${entry.side === 0 ? text.padEnd(WIDTH) : text.padStart(WIDTH)} │${states}`;
  });
}

function textOf({ side, kind, text }: LadderEntry): string {
  const rightward = side === 0;
  switch (kind) {
    case 'sent':
      return rightward ? `── ${text} ──▶` : `◀── ${text} ──`;
    case 'delivered':
      return rightward ? `◀── ${text}` : `${text} ──▶`;
    case 'delivered, to come again':
      return rightward ? `◀── ${text} (and once more later)` : `(and once more later) ${text} ──▶`;
    case 'lost':
      return rightward ? `✗── ${text} is lost` : `${text} is lost ──✗`;
    default:
      return text;
  }
}
