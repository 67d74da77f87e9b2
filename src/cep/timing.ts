import { after, type Duration, type Instant, NEVER, type Random } from '../base/index.js';

/**
 * How long to wait for answers, where the CM's own exponents will not do. A call that takes a policy uses it for what it
 * begins; without one, the policy of the CEP's last wait goes on to count, and at first the exponents of the REQ.
 */
export interface TimingPolicy {
  /** How long to wait for an answer before the message is sent again. */
  readonly responseTimeout: Duration;
  /** How often to send it again at most, 0 to 255. */
  readonly retries: number;
  /** Each wait is this many times as long as the one before, 1 to 16. Default 1. */
  readonly backoff?: number;
  /** The longest a wait may become, jitter not counted. Default: no limit. */
  readonly longestTimeout?: Duration;
  /** By how much a wait is shortened or lengthened at random, as a share of it: 0 to 1. Keeps many peers out of step. Default 0. */
  readonly jitter?: number;
  /** The total time after which to give up, whatever the retries and the peer's MRAs say. */
  readonly deadline?: Duration;
}

interface Entry {
  readonly number: number;
  /** A copy: what the consumer does with its object must not change it. */
  readonly policy: TimingPolicy;
  users: number;
}

/** Policies in use, each kept once, with a count of its users. Numbered from 1; 0 is "the exponents". */
export class TimingTable {
  readonly #entries: (Entry | undefined)[] = [undefined];
  /** By a number that those who are the same have in common, and few others. */
  readonly #alike = new Map<number, Entry[]>();
  readonly #free: number[] = [];

  get size(): number {
    return this.#entries.length - 1 - this.#free.length;
  }

  hold(policy: TimingPolicy | undefined): number {
    if (policy === undefined) return 0;
    const key = keyOf(policy);
    const alike = this.#alike.get(key);
    const known = alike?.find((entry) => isSame(entry.policy, policy));
    if (known !== undefined) {
      known.users += 1;
      return known.number;
    }
    const number = this.#free.pop() ?? this.#entries.length;
    const entry: Entry = { number, policy: { ...policy }, users: 1 };
    this.#entries[number] = entry;
    if (alike === undefined) this.#alike.set(key, [entry]);
    else alike.push(entry);
    return number;
  }

  drop(number: number): void {
    const entry = this.#entries[number];
    if (entry === undefined) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries[number] = undefined;
    this.#free.push(number);
    const key = keyOf(entry.policy);
    const alike = this.#alike.get(key)?.filter((other) => other !== entry) ?? [];
    if (alike.length > 0) this.#alike.set(key, alike);
    else this.#alike.delete(key);
  }

  get(number: number): TimingPolicy | undefined {
    return this.#entries[number]?.policy;
  }
}

/** Text would do, and take longer than the rest of a call. */
const keyOf = ({ responseTimeout, retries, deadline = 0 as Duration }: TimingPolicy): number =>
  responseTimeout + 3 * deadline + 5 * retries;

const isSame = (a: TimingPolicy, b: TimingPolicy): boolean =>
  a.responseTimeout === b.responseTimeout &&
  a.retries === b.retries &&
  a.backoff === b.backoff &&
  a.longestTimeout === b.longestTimeout &&
  a.jitter === b.jitter &&
  a.deadline === b.deadline;

/** How long a policy waits after the message was sent for the `retries`-th time again. */
export function retryDelay(policy: TimingPolicy, retries: number, random: Random): Duration {
  const { responseTimeout, backoff = 1, longestTimeout = NEVER, jitter = 0 } = policy;
  const delay = Math.min(responseTimeout * backoff ** retries, longestTimeout, Number.MAX_SAFE_INTEGER);
  if (jitter === 0) return delay as Duration;
  const share = random.uint32() / 2 ** 31 - 1;
  return (delay * (1 + jitter * share)) as Duration;
}

/** When a policy's total time is over. */
export function deadlineOf(policy: TimingPolicy | undefined, now: Instant): Instant {
  return policy?.deadline === undefined ? NEVER : after(now, policy.deadline);
}
