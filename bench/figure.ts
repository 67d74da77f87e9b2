/** A figure that is measured once, in a process of its own, and has a bound: the most, or the least, that it may be. */
export type Figure = {
  readonly name: string;
  readonly unit: 'B' | 'ms' | '/s' | '%' | '×';
  readonly measure: () => number;
} & ({ readonly most: number } | { readonly least: number });
