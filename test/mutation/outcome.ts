/** What became of a mutant. */
export interface Outcome {
  readonly name: string;
  readonly change: string;
  /** How many tests pass its place. */
  readonly tests: number;
  /** The test that noticed it, and its failure's first line; undefined if none did. */
  readonly noticedBy?: string;
  readonly failure?: string;
  readonly milliseconds: number;
}

export interface Report {
  readonly mutants: readonly Outcome[];
  /** How many mutants there are in all. */
  readonly total: number;
  /** Tests that count. */
  readonly tests: number;
  /** Test files that are on neither list. */
  readonly unlisted: readonly string[];
}

/** What to do: see the options of scripts/check-table.js. */
export interface Assignment {
  readonly sample?: number;
  readonly seed?: number;
  readonly only?: readonly string[];
}

declare module 'vitest' {
  interface ProvidedContext {
    assignment: Assignment;
  }
  interface TaskMeta {
    report?: Report;
  }
}
