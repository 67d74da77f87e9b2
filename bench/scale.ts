import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Figure } from './figure.js';

/** How many established CEPs each manager has besides. */
export const SIZES = [1_000, 10_000, 100_000, 1_000_000] as const;
/** What each operation costs beside so many as {@link SIZES} says, in nanoseconds. */
export type ScaleCosts = Readonly<Partial<Record<Operation, readonly number[]>>>;

export const OPERATIONS = [
  'connect and disconnect',
  'two tries in vain',
  'a REQ refused',
  'a message to the same CEP',
  'a message to any CEP',
] as const;
export type Operation = (typeof OPERATIONS)[number];
const COSTS = fileURLToPath(new URL('scale-costs.js', import.meta.url));
const PAUSES = fileURLToPath(new URL('scale-pauses.js', import.meta.url));
const NANOSECONDS = 1_000;
const MOST_TIMES = 1.5;
/** Every one meets memory that no cache holds. */
const MOST_TIMES_ANY = 10;

/** Of a flood of requests ten times as many as can be served, nine are refused in the time of one that is. */
const MOST_OF_A_CYCLE = 0.11;
const MOST_PAUSE_MS = 10;
/** In so many processes; the best counts, as what else the machine does only lengthens pauses. */
const PAUSE_ROUNDS = 3;
const text = (count: number): string => count.toLocaleString('en');
const [FEW] = SIZES;
const MANY = 1_000_000;

let measured: ScaleCosts | undefined;

/** All are measured together, once. */
export function scaleCosts(): ScaleCosts {
  measured ??= outputOf([COSTS]) as ScaleCosts;
  return measured;
}

/** In microseconds. */
function cost(what: Operation, size: (typeof SIZES)[number]): number {
  const found = scaleCosts()[what]?.[SIZES.indexOf(size)];
  if (found === undefined) throw new Error(`${what} was not measured`);
  return found / NANOSECONDS;
}

export const SCALE: readonly Figure[] = [
  ...OPERATIONS.map(
    (what): Figure => ({
      name: `${what}, beside ${text(MANY)} CEPs`,
      unit: 'µs',
      reference: `the same beside ${text(FEW)}`,
      mostTimes: what === 'a message to any CEP' ? MOST_TIMES_ANY : MOST_TIMES,
      measure: () => ({ value: cost(what, MANY), referenceValue: cost(what, FEW) }),
    }),
  ),
  {
    name: `a REQ refused, beside ${text(MANY)} CEPs, and a connection`,
    unit: 'µs',
    reference: 'connect and disconnect',
    mostTimes: MOST_OF_A_CYCLE,
    measure: () => ({
      value: cost('a REQ refused', MANY),
      referenceValue: cost('connect and disconnect', MANY),
    }),
  },
  ...(['leave timewait', 'come and go'] as const).map(
    (what): Figure => ({
      name: `longest pause while ${text(MANY)} CEPs ${what}`,
      unit: 'ms',
      most: MOST_PAUSE_MS,
      measure: () =>
        Math.min(...Array.from({ length: PAUSE_ROUNDS }, () => outputOf([PAUSES, what, `${MANY}`]) as number)),
    }),
  ),
];
