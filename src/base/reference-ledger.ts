import { AssertionError } from './error.js';

/** One holder's claim that an object stays. Released once, by the holder and nobody else. */
export interface Reference {
  readonly holder: string;
  /** @throws {@link AssertionError} when it was released before. */
  release(): void;
}

/** An object that stays while somebody holds a reference to it. */
export interface LedgerEntry {
  readonly name: string;
  /**
   * A reference of the holder's own, taken before it is needed. Holders may have the same name.
   * @throws {@link AssertionError} when the last reference is gone: whoever comes now has relied on somebody else's.
   */
  hold(holder: string): Reference;
}

/** An object that is not gone, and who keeps it. */
export interface Holding {
  readonly object: string;
  /** In the order in which they took their references. None: it was never held, or nobody has polled since it was let go. */
  readonly holders: readonly string[];
}

/**
 * Knows who keeps what alive. When the last reference to an object is released, its completion is queued; {@link poll} runs it.
 * So nothing is ever called back from inside a release, and whoever releases needs not think about what follows from it.
 *
 * After every input the driver polls until nothing has completed. Polling too often does no harm.
 */
export class ReferenceLedger {
  readonly #open = new Set<Entry>();
  readonly #completed = new Set<Entry>();
  #polling = false;

  /** Objects whose completion has not run yet. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Enters an object. It has no holder yet; the first reference that is the last one ends it.
   * @param whenGone called once, from {@link poll}, after the last reference was released.
   */
  open(name: string, whenGone: () => void): LedgerEntry {
    const entry = new Entry(name, whenGone, this.#completed);
    this.#open.add(entry);
    return entry;
  }

  /**
   * Runs the completions that are queued, in the order of the last releases. What they release in turn completes at the next poll;
   * a poll from inside a completion does nothing. If one throws, those behind it stay queued.
   * @returns how many have run.
   */
  poll(): number {
    if (this.#polling) return 0;
    this.#polling = true;
    const due = this.#completed.size;
    let run = 0;
    try {
      for (const entry of this.#completed) {
        if (run === due) break;
        run += 1;
        this.#completed.delete(entry);
        this.#open.delete(entry);
        entry.whenGone();
      }
    } finally {
      this.#polling = false;
    }
    return run;
  }

  /** Everything that is not gone, oldest first. At the end of a program or a test, whatever is here has leaked. */
  report(): Holding[] {
    return [...this.#open].map((entry) => ({ object: entry.name, holders: entry.holders() }));
  }
}

class Entry implements LedgerEntry {
  readonly name: string;
  readonly whenGone: () => void;
  readonly #references = new Set<Reference>();
  readonly #completed: Set<Entry>;
  #gone = false;

  constructor(name: string, whenGone: () => void, completed: Set<Entry>) {
    this.name = name;
    this.whenGone = whenGone;
    this.#completed = completed;
  }

  hold(holder: string): Reference {
    const object = this.name;
    if (this.#gone) {
      throw new AssertionError(`${holder} takes a reference to ${object}, which nobody holds any more`, {
        object,
        holder,
      });
    }
    const reference: Reference = { holder, release: () => this.#release(reference) };
    this.#references.add(reference);
    return reference;
  }

  holders(): string[] {
    return Array.from(this.#references, ({ holder }) => holder);
  }

  #release(reference: Reference): void {
    const { holder } = reference;
    const object = this.name;
    if (!this.#references.delete(reference)) {
      throw new AssertionError(`${holder} releases its reference to ${object} twice`, { object, holder });
    }
    if (this.#references.size > 0) return;
    this.#gone = true;
    this.#completed.add(this);
  }
}
