/** What is compared: a row of a result. The lower the ratio, the better. */
export interface Ratio {
  readonly name: string;
  readonly ratio: number;
}

/** A row that is so many times what it was is worse, or better: less than that is the machine's mood. */
export const NOTABLE = 1.3;

export interface Comparison {
  /** A line for each row of either result. */
  readonly lines: readonly string[];
  /** How many rows are notably worse. */
  readonly worse: number;
}

/** Compares the ratios of two runs, which may be of different machines. */
export function compare(now: readonly Ratio[], before: readonly Ratio[]): Comparison {
  const known = new Map(before.map(({ name, ratio }) => [name, ratio]));
  let worse = 0;
  const lines = now.map(({ name, ratio }) => {
    const was = known.get(name);
    if (was === undefined) return `  new     ${name}: ${ratio}`;
    const change = ratio / was;
    if (change > NOTABLE) worse += 1;
    const verdict = change > NOTABLE ? 'WORSE ' : change < 1 / NOTABLE ? 'better' : 'same  ';
    return `  ${verdict}  ${name}: ${ratio}, was ${was} (${change.toFixed(2)} times)`;
  });
  return { lines, worse };
}
