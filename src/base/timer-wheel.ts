import { assert } from './error.js';
import { type Instant, NEVER } from './time.js';

/** 64 buckets a level; a level's bucket spans a whole round of the level below. */
const BITS = 6;
const BUCKETS = 2 ** BITS;
/** 2⁴⁸ ticks: a clock may begin anywhere, even in 1970, and still name every moment. */
const LEVELS = 8;
const TICKS_MAX = 2 ** (BITS * LEVELS) - 1;
/** A power of two, so that ticks and instants convert without rounding errors. */
export const TICK_MICROSECONDS = 256;

/**
 * A fixed number of timers, each armed for one moment or not at all. Arming, cancelling and expiring cost O(1); an idle
 * timer costs nothing. A timer never expires early, and at most one tick (256 µs) late.
 *
 * Timers are numbered from 1. After every {@link arm} ask {@link nextDeadline} for when to poll; polling at other times is harmless.
 * Timers that expire in the same tick are polled in the order in which they were armed, as far as they were armed for less than 64 ticks.
 */
export class TimerWheel {
  readonly #capacity: number;
  /** Circular lists: node 0 is unused, 1…capacity are timers, the rest bucket heads. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #tick: Float64Array;
  /** One bit for each bucket that has timers, two words a level. */
  readonly #occupied = new Int32Array(LEVELS * 2);
  /** Everything before this tick has expired. */
  #now = 0;
  #armed = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#next = new Int32Array(capacity + 1 + LEVELS * BUCKETS);
    this.#previous = new Int32Array(capacity + 1 + LEVELS * BUCKETS);
    this.#tick = new Float64Array(capacity + 1);
    for (let head = capacity + 1; head < this.#next.length; head += 1) {
      this.#next[head] = head;
      this.#previous[head] = head;
    }
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#armed;
  }

  isArmed(timer: number): boolean {
    return this.#next[timer] !== 0;
  }

  /** When an armed timer expires, rounded up to the tick; {@link NEVER} if it is not armed. */
  deadline(timer: number): Instant {
    return this.isArmed(timer) ? (((this.#tick[timer] as number) * TICK_MICROSECONDS) as Instant) : NEVER;
  }

  /** Arms a timer, whether it was armed or not. A moment in the past expires at the next poll. */
  arm(timer: number, deadline: Instant): void {
    assert(timer > 0 && timer <= this.#capacity, 'a timer of this wheel');
    assert(!Number.isNaN(deadline), 'a moment is a number');
    this.cancel(timer);
    const tick = Math.ceil(deadline / TICK_MICROSECONDS);
    this.#tick[timer] = Math.min(Math.max(tick, this.#now), TICKS_MAX);
    this.#insert(timer);
    this.#armed += 1;
  }

  /** Disarms a timer; harmless if it is not armed. */
  cancel(timer: number): void {
    if (!this.isArmed(timer)) return;
    this.#remove(timer);
    this.#armed -= 1;
  }

  /** A moment not later than the first expiry, at which to poll; {@link NEVER} if nothing is armed. */
  nextDeadline(): Instant {
    for (let level = 0; level < LEVELS; level += 1) {
      const bucket = this.#firstBucket(level);
      if (bucket >= 0) return (this.#start(level, bucket) * TICK_MICROSECONDS) as Instant;
    }
    return NEVER;
  }

  /** Disarms and returns a timer that has expired at `now`, or 0 if there is none (any more). */
  poll(now: Instant): number {
    const target = Math.floor(now / TICK_MICROSECONDS);
    for (let level = 0; level < LEVELS; ) {
      const bucket = this.#firstBucket(level);
      if (bucket < 0) {
        level += 1;
        continue;
      }
      const start = this.#start(level, bucket);
      if (start > target) break;
      this.#now = Math.max(this.#now, start);
      const head = this.#head(level, bucket);
      if (level === 0) {
        const timer = this.#next[head] as number;
        this.cancel(timer);
        return timer;
      }
      this.#cascade(head);
      level = 0;
    }
    this.#now = Math.max(this.#now, target);
    return 0;
  }

  /** Spreads a bucket's timers over the levels below. */
  #cascade(head: number): void {
    for (let timer = this.#next[head] as number; timer !== head; timer = this.#next[head] as number) {
      this.#remove(timer);
      this.#insert(timer);
    }
  }

  #insert(timer: number): void {
    const tick = this.#tick[timer] as number;
    let level = 0;
    let span = BUCKETS;
    // The level is the lowest whose round holds both now and the tick.
    while (level < LEVELS - 1 && Math.floor(tick / span) !== Math.floor(this.#now / span)) {
      level += 1;
      span *= BUCKETS;
    }
    const bucket = Math.floor(tick / (span / BUCKETS)) % BUCKETS;
    const head = this.#head(level, bucket);
    const last = this.#previous[head] as number;
    this.#next[last] = timer;
    this.#previous[timer] = last;
    this.#next[timer] = head;
    this.#previous[head] = timer;
    const word = level * 2 + (bucket >> 5);
    this.#occupied[word] = (this.#occupied[word] as number) | (1 << (bucket & 31));
  }

  #remove(timer: number): void {
    const next = this.#next[timer] as number;
    const previous = this.#previous[timer] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#next[timer] = 0;
    this.#previous[timer] = 0;
    if (next !== previous || next <= this.#capacity) return;
    const bucket = next - this.#capacity - 1;
    const word = (bucket >> BITS) * 2 + ((bucket & (BUCKETS - 1)) >> 5);
    this.#occupied[word] = (this.#occupied[word] as number) & ~(1 << (bucket & 31));
  }

  #head(level: number, bucket: number): number {
    return this.#capacity + 1 + level * BUCKETS + bucket;
  }

  /** The level's first bucket with timers, from now on; −1 if it has none. Buckets before now are empty. */
  #firstBucket(level: number): number {
    for (let half = 0; half < 2; half += 1) {
      const word = this.#occupied[level * 2 + half] as number;
      if (word !== 0) return half * 32 + 31 - Math.clz32(word & -word);
    }
    return -1;
  }

  /** The first tick of a level's bucket. */
  #start(level: number, bucket: number): number {
    const span = BUCKETS ** level;
    const round = span * BUCKETS;
    return Math.floor(this.#now / round) * round + bucket * span;
  }
}
