import {
  type Fault,
  type Plan,
  type RunResult,
  runSeed,
  type SimSettings,
  Trace,
  type TraceEntry,
} from '../../src/sim/index.js';

/** A network in which nothing fails by itself. */
export const QUIET: Partial<SimSettings> = {
  connections: 4,
  fabric: 'packet',
  loss: 0,
  duplication: 0,
  reordering: 0,
  delay: 0,
  corruption: 0,
  partitions: 0,
  portFailures: 0,
  crashes: 0,
  slowConsumers: 0,
  stalls: 0,
  misuses: 0,
  forgeries: 0,
  maxCeps: 192,
  maxMads: 96,
  maxTransmits: 48,
  backlog: 64,
};

type Transmission = Extract<TraceEntry, { kind: 'transmission' }>;

export interface Seen {
  readonly result: RunResult;
  readonly entries: readonly TraceEntry[];
  readonly transmissions: readonly Transmission[];
}

/** Runs with exactly these faults, and notes what happens. */
export function runWith(seed: number, faults: Partial<Plan>, fixed: Partial<SimSettings> = {}): Seen {
  const trace = new Trace();
  const settings = { ...QUIET, ...fixed };
  const attempts = Array.from({ length: settings.connections ?? 0 }, (_, number) => number);
  const plan = { transmissions: [], timed: [], attempts, ...faults };
  const result = runSeed({ seed, fixed: settings, plan, trace });
  const { entries } = trace;
  return { result, entries, transmissions: entries.filter((entry) => entry.kind === 'transmission') };
}

/** The ports' numbers of a transmission in a run whose adapters have one port each, with a fault for it. */
export function faultAt(
  { from, to }: Transmission,
  n: number,
  kind: Extract<Fault, { n: number; from: number; to: number }>['kind'],
  amount: number,
): Plan['transmissions'][number] {
  return { kind, from, to, n, amount };
}

/** What events of a kind there were. */
export const eventsOf = (entries: readonly TraceEntry[], text: string): TraceEntry[] =>
  entries.filter((entry) => entry.kind === 'event' && entry.text.startsWith(text));
