import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Figure } from './figure.js';

export interface Weight {
  /** By how much the process grew, in bytes for each CEP: the JavaScript heap, and buffers as far as they are touched. */
  readonly resident: number;
  /** By how much what is used of the JavaScript heap grew, in bytes for each CEP: a part of the above. */
  readonly heap: number;
}

const PROGRAM = fileURLToPath(new URL('standing.js', import.meta.url));
/** Established CEPs in each of the two managers; and few, for comparison. */
const MANY = 100_000;
const FEW = 1_000;
/** As many as two managers can have, nearly. */
const MOST = 1_000_000;
const MOST_BYTES = 256;
const MOST_PAUSE_MS = 10;
/** In so many processes; the best counts, as what else the machine does only lengthens pauses. */
const CHURN_ROUNDS = 3;

/** Runs standing.js. @returns what it printed. */
const standing = (options: readonly string[], what: 'weigh' | 'churn', ceps: number): unknown =>
  outputOf([...options, PROGRAM, what, `${ceps}`]);

/** A small nursery: that of the usual size grows by megabytes while the connections are made, whatever stays of them. */
const weight = (ceps: number): Weight => standing(['--expose-gc', '--max-semi-space-size=1'], 'weigh', ceps) as Weight;

function longestPause(ceps: number): number {
  return Math.min(...Array.from({ length: CHURN_ROUNDS }, () => standing([], 'churn', ceps) as number));
}

const text = (count: number): string => count.toLocaleString('en');

export const MEMORY: readonly Figure[] = [
  {
    name: `memory of a CEP, ${text(MANY)} established`,
    unit: 'B',
    most: MOST_BYTES,
    measure: () => weight(MANY).resident,
  },
  {
    name: `memory of a CEP, ${text(MOST)} established`,
    unit: 'B',
    most: MOST_BYTES,
    measure: () => weight(MOST).resident,
  },
  { name: `heap of a CEP, ${text(MANY)} established`, unit: 'B', most: MOST_BYTES, measure: () => weight(MANY).heap },
  ...[MANY, FEW].map(
    (ceps): Figure => ({
      name: `longest GC pause, ${text(ceps)} CEPs and churn`,
      unit: 'ms',
      most: MOST_PAUSE_MS,
      measure: () => longestPause(ceps),
    }),
  ),
];
