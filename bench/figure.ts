/** A figure that is measured once, in a process of its own, and has a bound: the most, or the least, that it may be. */
export type Figure = {
  readonly name: string;
  readonly unit: 'B' | 'ms' | 'µs' | '/s' | '%' | '×';
  /** @throws {@link NotMeasured} */
  readonly measure: () => number;
} & ({ readonly most: number } | { readonly least: number });

/** Something that the machine does not have is needed: the message says what. */
export class NotMeasured extends Error {}
