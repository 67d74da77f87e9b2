import type { TraceEntry } from './trace.js';

const WIDTH = 52;
const TIME_WIDTH = 14;

/**
 * A run, or one attempt of it, as a ladder: the active side on the left, the passive one on the right, time downwards,
 * an arrow where a message is sent (with what became of it), and what the consumers did and were told.
 */
export function ladderOf(entries: readonly TraceEntry[], attempt?: number): string[] {
  const chosen = entries.filter(
    (entry) => attempt === undefined || entry.attempt === attempt || entry.kind === 'fault',
  );
  const left = leftAdapter(chosen);
  return chosen.map((entry) => `${timeOf(entry)} ${line(entry, left, attempt === undefined)}`);
}

/** The active side's adapter of the ladder's attempt. */
function leftAdapter(entries: readonly TraceEntry[]): number {
  for (const entry of entries)
    if ((entry.kind === 'call' || entry.kind === 'event') && entry.role === 'active') return entry.adapter;
  return -1;
}

function timeOf({ at }: TraceEntry): string {
  return `${(at / 1_000).toFixed(3)} ms`.padStart(TIME_WIDTH);
}

function line(entry: TraceEntry, left: number, all: boolean): string {
  const which = all && entry.attempt >= 0 ? `  #${entry.attempt}` : '';
  switch (entry.kind) {
    case 'fault':
      return `── ${entry.text}`;
    case 'transmission': {
      const rightward = all ? entry.from <= entry.to : entry.from === left;
      const ends = all ? ` ${entry.from}→${entry.to}` : '';
      return `${arrow(entry.message, rightward)}${ends}${which}${fateOf(entry)}`;
    }
    case 'call':
    case 'event': {
      const text = `${entry.kind === 'call' ? '› ' : ''}${entry.text}`;
      const where = all ? ` @${entry.adapter}` : '';
      const onLeft = entry.role === 'active';
      return `│ ${onLeft ? text.padEnd(WIDTH) : text.padStart(WIDTH)} │${where}${which}`;
    }
  }
}

function arrow(message: string, rightward: boolean): string {
  const shaft = '─'.repeat(Math.max(2, WIDTH - message.length - 6));
  return rightward ? `│ ── ${message} ${shaft}─▶ │` : `│ ◀─ ${message} ${shaft}── │`;
}

function fateOf({ fate, fault }: Extract<TraceEntry, { kind: 'transmission' }>): string {
  if (fate !== 'arrives') return `  ✗ ${fate}`;
  switch (fault?.kind) {
    case 'duplicate':
      return `  and again ${(fault.amount / 1_000).toFixed(3)} ms later`;
    case 'delay':
    case 'reorder':
      return `  ${(fault.amount / 1_000).toFixed(3)} ms late`;
    default:
      return '';
  }
}
