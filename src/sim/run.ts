import { DrawnFaults, drawTimedFaults, ListedFaults, type Plan } from './faults.js';
import { type SimSettings, settingsOf } from './settings.js';
import { type MakeAdapter, makeAdapter } from './sim-adapter.js';
import { Simulation } from './simulation.js';
import type { Trace } from './trace.js';
import { ViolationError } from './violation.js';

export interface RunOptions {
  readonly seed: number;
  /** Settings that are not drawn from the seed. */
  readonly fixed?: Partial<SimSettings>;
  /** Runs exactly these faults and attempts, instead of those that the seed gives. */
  readonly plan?: Plan;
  readonly trace?: Trace | undefined;
  /** Makes the adapters: tests plant bugs there. */
  readonly makeAdapter?: MakeAdapter;
}

export interface RunResult {
  readonly seed: number;
  readonly settings: SimSettings;
  readonly violation: ViolationError | undefined;
  /** Attempts to connect that were begun. */
  readonly lifecycles: number;
  /** Resolutions of service IDs that were begun. */
  readonly resolutions: number;
  readonly steps: number;
  /** Operations of queue pairs that were done: messages, reads, writes, atomics. */
  readonly operations: number;
  /** Equal for equal runs: a hash of all transmissions, arrivals and events with their moments. */
  readonly digest: string;
  /** All faults and attempts that there were: a plan that gives the same run again. */
  readonly plan: Plan;
}

/** Runs one seed. It always returns: what goes wrong is the result's violation. */
export function runSeed(options: RunOptions): RunResult {
  const { seed, fixed, plan, trace } = options;
  const settings = settingsOf(seed, fixed);
  const transmissionFaults = plan ? new ListedFaults(plan.transmissions) : new DrawnFaults(seed, settings);
  const timedFaults = plan?.timed ?? drawTimedFaults(seed, settings);
  const attempts = plan?.attempts ?? Array.from({ length: settings.connections }, (_, number) => number);
  const simulation = new Simulation({
    seed,
    settings,
    transmissionFaults,
    timedFaults,
    attempts,
    trace,
    makeAdapter: options.makeAdapter ?? makeAdapter,
  });
  const violation = violationOf(simulation);
  const { world, steps } = simulation;
  const transmissions = plan?.transmissions ?? (transmissionFaults as DrawnFaults).drawn;
  return {
    seed,
    settings,
    violation,
    lifecycles: world.lifecycles,
    resolutions: world.resolutions,
    steps,
    operations: world.flows.reduce((sum, { flow }) => sum + flow.completed, 0),
    digest: world.digest.toString(),
    plan: { transmissions, timed: timedFaults, attempts },
  };
}

function violationOf(simulation: Simulation): ViolationError | undefined {
  try {
    simulation.run();
    return undefined;
  } catch (error) {
    if (error instanceof ViolationError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new ViolationError('assertion', message, simulation.world.now, -1, { cause: error });
  }
}
