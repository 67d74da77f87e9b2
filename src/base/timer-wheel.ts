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

/** How many timers {@link TimerWheel.expire} handles or moves at most: a few milliseconds, if each leads to a message. */
export const EXPIRE_STEPS_MAX = 256;

/**
 * A fixed number of timers, each armed for one moment or not at all. Arming, cancelling and expiring cost O(1); an idle
 * timer costs nothing. A timer never expires early, and at most one tick (256 µs) late.
 *
 * Timers are numbered from 1. After every {@link arm} ask {@link nextDeadline} for when to call {@link expire}; calling it at other times is harmless.
 * Timers that expire in the same tick do so in the order in which they were armed, as far as they were armed for less than 64 ticks.
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
  /** The head of the bucket that is being spread over the levels below, while it has timers left; or 0. */
  #spilling = 0;

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

  /** Arms a timer, whether it was armed or not. A moment in the past expires at once. */
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

  /** A moment not later than the first expiry, at which to call {@link expire}; {@link NEVER} if nothing is armed. */
  nextDeadline(): Instant {
    if (this.#spilling !== 0) return (this.#now * TICK_MICROSECONDS) as Instant;
    const level = this.#firstLevel();
    if (level === LEVELS) return NEVER;
    return (this.#start(level, this.#firstBucket(level)) * TICK_MICROSECONDS) as Instant;
  }

  /**
   * Disarms each timer that has expired at `now` and hands it over, until there is none, or `most` timers were handed over or moved
   * within the wheel: a call takes no longer, however many expire together. The rest is still due then: {@link nextDeadline} is not after `now`.
   */
  expire(now: Instant, handle: (timer: number) => void, most = EXPIRE_STEPS_MAX): void {
    const target = Math.floor(now / TICK_MICROSECONDS);
    for (let left = most; left > 0; left -= 1) {
      if (this.#spilling !== 0) {
        this.#spill();
        continue;
      }
      const level = this.#firstLevel();
      const bucket = level < LEVELS ? this.#firstBucket(level) : 0;
      const start = level < LEVELS ? this.#start(level, bucket) : Number.POSITIVE_INFINITY;
      this.#now = Math.max(this.#now, Math.min(start, target));
      if (start > target) return;
      const head = this.#head(level, bucket);
      if (level === 0) {
        const timer = this.#next[head] as number;
        this.cancel(timer);
        handle(timer);
      } else {
        this.#spilling = head;
        this.#spill();
      }
    }
  }

  /** Moves one timer of the bucket whose moment has come to the levels below. */
  #spill(): void {
    const timer = this.#next[this.#spilling] as number;
    this.#remove(timer);
    this.#insert(timer);
  }

  /** The lowest level that has timers; {@link LEVELS} if none has. */
  #firstLevel(): number {
    let level = 0;
    while (level < LEVELS && this.#firstBucket(level) < 0) level += 1;
    return level;
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
    if (next === this.#spilling) this.#spilling = 0;
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
