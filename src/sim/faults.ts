import type { SeededRandom } from '../base/index.js';
import type { SimSettings } from './settings.js';
import { below, between, chance, streamOf } from './streams.js';

/** What can happen to one transmission. */
export const TRANSMISSION_FAULTS = ['lose', 'duplicate', 'reorder', 'delay', 'corrupt'] as const;
export type TransmissionFaultKind = (typeof TRANSMISSION_FAULTS)[number];

const RATE_OF = {
  lose: 'loss',
  duplicate: 'duplication',
  reorder: 'reordering',
  delay: 'delay',
  corrupt: 'corruption',
} as const satisfies Record<TransmissionFaultKind, keyof SimSettings>;

/**
 * The n-th transmission of a link (from one port to another) is lost, arrives twice, … A fault names a place, not a
 * probability: a run can be repeated with fewer of them.
 */
export interface TransmissionFault {
  readonly kind: TransmissionFaultKind;
  /** Ports by number: adapter × ports + port − 1. */
  readonly from: number;
  readonly to: number;
  /** Which transmission of the link, from 0. */
  readonly n: number;
  /** By how many microseconds it, or its second copy, comes later; for `corrupt`: which bit is flipped, as a share of all. */
  readonly amount: number;
}

/** What happens at a moment. All times are in microseconds, and all of it is over at the fault phase's end. */
export type TimedFault =
  /** Nothing gets from one port to another; the other direction still works. */
  | {
      readonly kind: 'partition';
      readonly at: number;
      readonly until: number;
      readonly from: number;
      readonly to: number;
    }
  /** A port neither sends nor receives. */
  | { readonly kind: 'portDown'; readonly at: number; readonly until: number; readonly port: number }
  /** An adapter loses all its state, is away, and comes again with the same addresses and CA GUID. */
  | { readonly kind: 'crash'; readonly at: number; readonly until: number; readonly adapter: number }
  /** An owner does not poll its events. */
  | {
      readonly kind: 'sleep';
      readonly at: number;
      readonly until: number;
      readonly adapter: number;
      readonly owner: number;
    }
  /** An adapter's driver sends nothing: what it is to send waits in the manager's queue. */
  | { readonly kind: 'stall'; readonly at: number; readonly until: number; readonly adapter: number }
  /** An owner makes a call that must fail. */
  | {
      readonly kind: 'misuse';
      readonly at: number;
      readonly adapter: number;
      readonly owner: number;
      readonly n: number;
    }
  /** An attacker sends an adapter a message that is nearly right. */
  | { readonly kind: 'forge'; readonly at: number; readonly adapter: number; readonly n: number };

export type Fault = TransmissionFault | TimedFault;

/** Everything that may be left out of a run to shrink it: faults, and attempts to connect. */
export interface Plan {
  readonly transmissions: readonly TransmissionFault[];
  readonly timed: readonly TimedFault[];
  /** Numbers of the attempts that are made. */
  readonly attempts: readonly number[];
}

/** Where the fabric learns what happens to a transmission. */
export interface TransmissionFaults {
  /** Called once for every transmission of a link, in order. */
  next(from: number, to: number, n: number): TransmissionFault | undefined;
}

/** Draws faults as transmissions come, and notes those that there were. */
export class DrawnFaults implements TransmissionFaults {
  readonly drawn: TransmissionFault[] = [];
  readonly #seed: number;
  readonly #settings: SimSettings;
  readonly #ports: number;
  readonly #streams: (SeededRandom | undefined)[] = [];
  /** The rates, added up: what is drawn below a kind's sum, and not below the one before, is that kind. */
  readonly #upTo: readonly number[];
  readonly #any: number;

  constructor(seed: number, settings: SimSettings) {
    this.#seed = seed;
    this.#settings = settings;
    this.#ports = settings.adapters * settings.ports;
    let sum = 0;
    this.#upTo = TRANSMISSION_FAULTS.map((kind) => {
      sum += settings[RATE_OF[kind]];
      return sum;
    });
    this.#any = sum;
  }

  next(from: number, to: number, n: number): TransmissionFault | undefined {
    if (this.#any === 0) return undefined;
    const link = from * this.#ports + to;
    let random = this.#streams[link];
    if (random === undefined) {
      random = streamOf(this.#seed, 'transmissionFaults', link);
      this.#streams[link] = random;
    }
    const drawn = between(random, 0, 1);
    if (drawn >= this.#any) return undefined;
    const kind = TRANSMISSION_FAULTS[this.#upTo.findIndex((sum) => drawn < sum)] as TransmissionFaultKind;
    const fault = { kind, from, to, n, amount: this.#amount(kind, random) };
    this.drawn.push(fault);
    return fault;
  }

  #amount(kind: TransmissionFaultKind, random: SeededRandom): number {
    const { delayMs, latencyUs, jitterUs } = this.#settings;
    const share = between(random, 0, 1);
    switch (kind) {
      case 'lose':
        return 0;
      case 'corrupt':
        return share;
      case 'reorder':
        // Enough for a few packets of the same link to overtake it.
        return (1 + share) * 2 * (latencyUs + jitterUs);
      case 'duplicate':
      case 'delay':
        return share * delayMs * 1_000;
    }
  }
}

/** Repeats the faults of a list. */
export class ListedFaults implements TransmissionFaults {
  readonly #faults = new Map<string, TransmissionFault>();

  constructor(faults: readonly TransmissionFault[]) {
    for (const fault of faults) this.#faults.set(`${fault.from},${fault.to},${fault.n}`, fault);
  }

  next(from: number, to: number, n: number): TransmissionFault | undefined {
    return this.#faults.size === 0 ? undefined : this.#faults.get(`${from},${to},${n}`);
  }
}

/** Draws the faults that have a moment. */
export function drawTimedFaults(seed: number, settings: SimSettings): TimedFault[] {
  const { adapters, ports, owners, faultPhaseMs } = settings;
  const end = faultPhaseMs * 1_000;
  const faults: TimedFault[] = [];
  const draw = (
    number: number,
    mean: number,
    one: (random: SeededRandom, at: number, n: number) => TimedFault,
  ): void => {
    const random = streamOf(seed, 'timedFaults', number);
    const count = Math.floor(mean) + (chance(random, mean % 1) ? 1 : 0);
    for (let n = 0; n < count; n += 1) faults.push(one(random, between(random, 0, 0.9 * end), n));
  };
  const until = (random: SeededRandom, at: number, longest: number): number =>
    Math.min(end, at + between(random, 1_000, longest));
  draw(0, settings.partitions, (random, at) => {
    const from = below(random, adapters * ports);
    // Links are between ports of the same number: the others' addresses are of another family.
    const to = below(random, adapters) * ports + (from % ports);
    return { kind: 'partition', at, until: until(random, at, 0.3 * end), from, to };
  });
  draw(1, settings.portFailures, (random, at) => ({
    kind: 'portDown',
    at,
    port: below(random, adapters * ports),
    until: until(random, at, 0.2 * end),
  }));
  draw(2, settings.crashes, (random, at) => ({
    kind: 'crash',
    at,
    adapter: below(random, adapters),
    until: until(random, at, 0.1 * end),
  }));
  draw(3, settings.slowConsumers, (random, at) => ({
    kind: 'sleep',
    at,
    adapter: below(random, adapters),
    owner: below(random, owners),
    until: until(random, at, 0.1 * end),
  }));
  draw(4, settings.misuses, (random, at, n) => ({
    kind: 'misuse',
    at,
    adapter: below(random, adapters),
    owner: below(random, owners),
    n,
  }));
  // A message that waits grows old: it must still die before timewait is over, as one that is delayed.
  draw(6, settings.stalls, (random, at) => ({
    kind: 'stall',
    at,
    adapter: below(random, adapters),
    until: until(random, at, settings.delayMs * 1_000),
  }));
  draw(5, settings.forgeries, (random, at, n) => ({ kind: 'forge', at, adapter: below(random, adapters), n }));
  return faults;
}

const ms = (microseconds: number): string => `${(microseconds / 1_000).toFixed(3)} ms`;

/** A fault as one line that says all there is to know about it. */
export function describeFault(fault: Fault, settings: SimSettings): string {
  const port = (number: number): string =>
    `adapter ${Math.floor(number / settings.ports)} port ${(number % settings.ports) + 1}`;
  switch (fault.kind) {
    case 'partition':
      return `at ${ms(fault.at)}: nothing gets from ${port(fault.from)} to ${port(fault.to)} until ${ms(fault.until)}`;
    case 'portDown':
      return `at ${ms(fault.at)}: ${port(fault.port)} goes down until ${ms(fault.until)}`;
    case 'crash':
      return `at ${ms(fault.at)}: adapter ${fault.adapter} crashes, and is back at ${ms(fault.until)}`;
    case 'sleep':
      return `at ${ms(fault.at)}: owner ${fault.owner} of adapter ${fault.adapter} polls no events until ${ms(fault.until)}`;
    case 'misuse':
      return `at ${ms(fault.at)}: owner ${fault.owner} of adapter ${fault.adapter} makes a wrong call`;
    case 'stall':
      return `at ${ms(fault.at)}: adapter ${fault.adapter} sends nothing until ${ms(fault.until)}`;
    case 'forge':
      return `at ${ms(fault.at)}: an attacker sends adapter ${fault.adapter} a message`;
    default: {
      const what = `transmission ${fault.n} from ${port(fault.from)} to ${port(fault.to)}`;
      return describeTransmission(fault, what);
    }
  }
}

function describeTransmission({ kind, amount }: TransmissionFault, what: string): string {
  switch (kind) {
    case 'lose':
      return `${what} is lost`;
    case 'duplicate':
      return `${what} arrives again ${ms(amount)} later`;
    case 'reorder':
      return `${what} is overtaken, ${ms(amount)} late`;
    case 'delay':
      return `${what} is ${ms(amount)} late`;
    case 'corrupt':
      return `${what} arrives with a bit flipped`;
  }
}
