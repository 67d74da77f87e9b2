/** A figure that is measured once, in a process of its own. */
interface Named {
  readonly name: string;
  readonly unit: 'B' | 'ms' | 'µs' | 's' | '/s';
}

/** It has a bound: the most, or the least, that it may be. */
export type BoundedFigure = Named & {
  /** @throws {@link NotMeasured} */
  readonly measure: () => number;
} & ({ readonly most: number } | { readonly least: number });

/** It is compared with something else that is measured together with it, in the same unit. */
export interface ComparedFigure extends Named {
  readonly reference: string;
  /** How many times that it is wanted to be, at most. */
  readonly mostTimes: number;
  /** @throws {@link NotMeasured} */
  readonly measure: () => Compared;
}

export interface Compared {
  readonly value: number;
  readonly referenceValue: number;
}

export type Figure = BoundedFigure | ComparedFigure;

/** Something that the machine does not have is needed: the message says what. */
export class NotMeasured extends Error {}
