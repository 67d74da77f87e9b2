import { type BoundedFigure, type ComparedFigure, type Figure, NotMeasured } from './figure.js';
import type { Case, Unit } from './main.js';
import type { Timing } from './measure.js';

/** One figure. Times are medians. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: Unit | Figure['unit'];
  /** What it is compared with: the name, and what that took in the same run, in the same unit; or the bound. */
  readonly reference: string;
  readonly referenceValue: number;
  /** `value` / `referenceValue`, of rates the other way round: what to compare between runs and machines. The lower, the better. */
  readonly ratio: number;
  /** What the ratio is wanted to be, at most; left out where nobody has said. Of a bound it is 1. */
  readonly wanted?: number;
  /** Half the distance between the quartiles of the rounds, as a part of the median; not of what is measured once. */
  readonly spread?: number;
  /** What the fastest round took, in the same unit; not of what is measured once. */
  readonly best?: number;
}

/** What could not be measured on this machine, and why. */
export interface MissingRow {
  readonly name: string;
  readonly missing: string;
}

const NANOSECONDS: Record<Unit, number> = { ns: 1, µs: 1_000 };

export function rowOf({ name, unit, reference }: Case, timings: ReadonlyMap<string, Timing>): Row {
  const own = timings.get(name);
  const other = timings.get(reference.name);
  if (own === undefined || other === undefined) throw new Error(`${name} was not measured`);
  const value = own.median / NANOSECONDS[unit];
  const referenceValue = other.median / NANOSECONDS[unit];
  const [rounded, roundedReference] = [significant(value), significant(referenceValue)];
  return {
    name,
    value: rounded,
    unit,
    reference: reference.name,
    referenceValue: roundedReference,
    ratio: significant(value / referenceValue),
    spread: significant(own.spread),
    best: significant(own.best / NANOSECONDS[unit]),
  };
}

/** Measures it. */
export function rowOfFigure(figure: Figure): Row | MissingRow {
  try {
    return 'reference' in figure ? rowOfCompared(figure) : rowOfBounded(figure);
  } catch (error) {
    if (error instanceof NotMeasured) return { name: figure.name, missing: error.message };
    throw error;
  }
}

function rowOfCompared({ name, unit, reference, mostTimes, measure }: ComparedFigure): Row {
  const { value, referenceValue } = measure();
  const [rounded, roundedReference] = [significant(value), significant(referenceValue)];
  const ratio = significant(value / referenceValue);
  return { name, value: rounded, unit, reference, referenceValue: roundedReference, ratio, wanted: mostTimes };
}

function rowOfBounded(figure: BoundedFigure): Row {
  const { name, unit, measure } = figure;
  const value = measure();
  const isRate = 'least' in figure;
  const [bound, ratio] = isRate ? [figure.least, figure.least / value] : [figure.most, value / figure.most];
  const reference = isRate ? 'wanted' : 'allowed';
  const rounded = significant(value);
  return { name, value: rounded, unit, reference, referenceValue: bound, ratio: significant(ratio), wanted: 1 };
}

/** Rows as a table for the terminal. */
export function table(rows: readonly (Row | MissingRow)[]): string {
  const lines = [['', 'value', '', 'spread', 'best', 'ratio', 'to'], ...rows.map(cellsOf)];
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => [...(line[column] as string)].length)),
  );
  const isNumber = (column: number): boolean => column === 1 || (column >= 3 && column <= 5);
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column] as number) : cell.padEnd(widths[column] as number),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(row: Row | MissingRow): string[] {
  if ('missing' in row) return [row.name, '', '', '', '', '', `not measured: ${row.missing}`];
  const { name, value, unit, spread, best, ratio, reference, referenceValue } = row;
  return [
    name,
    `${value}`,
    unit,
    spread === undefined ? '' : `± ${(spread * 100).toFixed(1)} %`,
    best === undefined ? '' : `${best}`,
    `${ratio.toFixed(2)} ×`,
    `${reference} (${referenceValue} ${unit})${aimOf(row)}`,
  ];
}

/** Of a bound, the bound itself says it. */
function aimOf({ ratio, wanted = 1 }: Row): string {
  if (wanted === 1) return '';
  return `, ${wanted} × wanted${ratio > wanted ? ': not reached' : ''}`;
}

/** Three digits are more than a noisy machine can tell. */
const significant = (value: number): number => Number(value.toPrecision(3));
