import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  DEFAULT_SETTINGS,
  FAULT_SETTINGS,
  INTERFACE_KINDS,
  ladderOf,
  runSeed,
  type SimSettings,
  settingsOf,
  Trace,
} from '../sim/index.js';
import { integer } from './arguments.js';
import { codeVersion } from './sim-commit.js';
import { runSeeds, type Tally } from './sim-many.js';
import { dashed, explain, failureLines, settingsLines } from './sim-report.js';
import type { SeedRange } from './sim-worker.js';
import { styleFor } from './style.js';

interface Options extends Partial<SimSettings> {
  readonly seed?: number;
  readonly seeds?: SeedRange;
  readonly workers: number;
  readonly shrinkRuns: number;
  readonly keepGoing?: boolean;
  readonly trace?: boolean;
  readonly json?: boolean;
}

/** What an option's number may be. */
const NUMBERS = {
  adapters: [2, 64, 'channel adapters'],
  ports: [1, 2, 'ports of each adapter'],
  owners: [1, 16, 'consumers of each adapter'],
  connections: [1, 1_500, 'connections attempted in a run'],
  faultPhaseMs: [1, 1e9, 'for how long things fail'],
  restMs: [1, 1e9, 'within how long everything must then come to rest'],
  latencyUs: [1, 1e6, 'the greatest latency of a link'],
  jitterUs: [0, 1e6, 'by how much latency varies'],
  delayMs: [0, 1e6, 'how late a delayed packet is at most'],
  maxCeps: [1, 1e4, 'CEPs of an adapter beside its listeners; some seeds draw less'],
  maxMads: [4, 1e4, 'message buffers of an adapter; some seeds draw less'],
  maxTransmits: [1, 1e4, 'messages that an adapter queues to be sent; some seeds draw less'],
  backlog: [0, 1e4, 'requests that wait at a listener; some seeds draw less'],
  checkEvery: [1, 1e9, 'steps from one check of the invariants to the next'],
} as const;
const RATES = {
  loss: 'share of transmissions that are lost',
  duplication: 'share that arrive twice',
  reordering: 'share that others overtake',
  delay: 'share that come late',
  corruption: 'share that arrive with a bit flipped',
  partitions: 'times that one direction between two ports is cut, on average',
  portFailures: 'times that a port goes down',
  crashes: 'times that an adapter crashes and comes back',
  slowConsumers: 'times that a consumer polls no events for a while',
  stalls: 'times that an adapter sends nothing for a moment',
  misuses: 'calls that must fail',
  forgeries: 'messages of an attacker',
} as const;

export function simCommand(): Command {
  const command = new Command('sim')
    .description('run connection managers in a simulated network with faults, and check that nothing goes wrong')
    .option('--seed <n>', 'run this seed, and say what it is made of', integer('A seed', 0, Number.MAX_SAFE_INTEGER))
    .option('--seeds <a..b>', 'run all these seeds, on all cores', parseRange)
    .option('--workers <n>', 'threads to run many seeds on', integer('Workers', 1, 256), availableParallelism())
    .option('--keep-going', 'run all the seeds, even after one has failed')
    .option('--shrink-runs <n>', 'runs to spend on shrinking a failure', integer('Runs', 0, 1e6), 500)
    .option('--trace', 'with --seed: show all that happens')
    .option('--json', 'JSON lines; the last one sums up');
  for (const [name, [minimum, maximum, what]] of Object.entries(NUMBERS)) {
    const usual = DEFAULT_SETTINGS[name as keyof typeof NUMBERS];
    command.option(`--${dashed(name)} <n>`, `${what} (${usual})`, integer('It', minimum, maximum));
  }
  for (const [name, what] of Object.entries(RATES)) {
    const most = DEFAULT_SETTINGS[name as keyof typeof RATES];
    command.option(`--${dashed(name)} <x>`, `${what} (drawn: 0 to ${most})`, rate);
  }
  return command
    .addOption(
      new Option('--fabric <kind>', 'what travels: whole packets with their ICRC, or MADs alone (drawn)').choices([
        'packet',
        'mad',
      ]),
    )
    .addOption(
      new Option(
        '--services <which>',
        'what consumers listen for: plain services, or masks, ports and data, too (drawn)',
      ).choices(['plain', 'all']),
    )
    .addOption(
      new Option(
        '--interface <kind>',
        "what consumers use: CEPs by the manager's own interface, IDs by the CM-only interface, queue pairs that the CM leads, each another one (mixed), or queue pairs that also move data (cep)",
      ).choices([...INTERFACE_KINDS, 'mixed', 'data']),
    )
    .addHelpText(
      'after',
      `
Everything comes from the seed: the same seed with the same options and code gives the same run. What is not given as an option is
drawn from the seed. When an invariant does not hold, the fewest faults that still break it are looked for.

Examples:
  ibcm sim --seeds 1..1000
  ibcm sim --seed 42 --trace
  ibcm sim --seeds 1..200 --loss 0.3 --crashes 5
  ibcm sim --seeds 1..200 --interface mixed
  ibcm sim --seeds 1..200 --interface data
  ibcm sim --seeds 1..1000 --json | tail -1 | jq .lifecycles

Exit status: 0 all invariants held, 1 one did not, 2 wrong usage.`,
    )
    .action(async (options: Options) => {
      process.exitCode = await simulate(options);
    });
}

function rate(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 1_000)
    throw new InvalidArgumentError('It must be a number from 0 to 1000.');
  return value;
}

function parseRange(text: string): SeedRange {
  const match = /^(\d+)\.\.(\d+)$/.exec(text);
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) };
  if (match === null || range.first > range.last || !Number.isSafeInteger(range.last)) {
    throw new InvalidArgumentError('It must be two seeds, the lower one first, as in 1..1000.');
  }
  return range;
}

async function simulate(options: Options): Promise<number> {
  const { seed, seeds } = options;
  const fixed = settingsFrom(options);
  if (seeds === undefined) return runOne(seed ?? 1, fixed, options);
  return runMany(seeds, fixed, options);
}

/** The settings among the options. */
function settingsFrom(options: Options): Partial<SimSettings> {
  const names = [
    ...Object.keys(NUMBERS),
    ...FAULT_SETTINGS,
    'fabric',
    'services',
    'interface',
  ] as (keyof SimSettings)[];
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

const write = (lines: readonly string[]): void => void process.stdout.write(lines.map((line) => `${line}\n`).join(''));
const writeJson = (value: object): void => write([JSON.stringify(value)]);

function runOne(seed: number, fixed: Partial<SimSettings>, options: Options): number {
  const commit = codeVersion();
  const settings = settingsOf(seed, fixed);
  if (options.json) writeJson({ seed, commit, settings });
  else write([`seed ${seed}, ${commit}`, ...settingsLines(settings), '']);
  const trace = options.trace ? new Trace() : undefined;
  const start = performance.now();
  const result = runSeed({ seed, fixed, trace });
  const seconds = (performance.now() - start) / 1_000;
  if (trace && !options.json) write([...ladderOf(trace.entries), '']);
  if (trace && options.json) for (const entry of trace.entries) writeJson(entry);
  const { lifecycles, operations, digest, plan, violation } = result;
  const faults = plan.timed.length + plan.transmissions.length;
  if (violation) reportFailure(seed, fixed, options);
  else if (!options.json)
    write([
      `${lifecycles} lifecycles, ${operationsText(operations)}${faults} faults, all invariants held; digest ${digest}`,
    ]);
  if (options.json)
    writeJson({ seeds: 1, lifecycles, operations, violations: violation ? 1 : 0, seconds, workers: 1, digest });
  return violation ? 1 : 0;
}

function reportFailure(seed: number, fixed: Partial<SimSettings>, { json, shrinkRuns }: Options): void {
  const failure = explain(runSeed({ seed, fixed }), fixed, shrinkRuns);
  if (json) writeJson(failure);
  else write(failureLines(failure, styleFor(process.stdout)));
}

async function runMany(seeds: SeedRange, fixed: Partial<SimSettings>, options: Options): Promise<number> {
  const commit = codeVersion();
  if (options.json) writeJson({ ...seeds, commit, fixed });
  else write([`seeds ${seeds.first} to ${seeds.last}, ${commit}`, ...fixedLines(fixed), '']);
  const shown = process.stderr.isTTY;
  const tally = await runSeeds(seeds, fixed, options.workers, options.keepGoing === true, (now) => {
    if (shown) process.stderr.write(`\r${summary(now)}\u001b[K`);
  });
  if (shown) process.stderr.write('\r\u001b[K');
  const { lifecycles, operations, failed, seconds, workers } = tally;
  const [lowest] = failed;
  if (lowest !== undefined) reportFailure(lowest, fixed, options);
  if (options.json) {
    const firstFailure = lowest === undefined ? {} : { firstFailure: lowest, failed };
    writeJson({
      seeds: tally.seeds,
      lifecycles,
      operations,
      violations: failed.length,
      seconds,
      workers,
      ...firstFailure,
    });
  } else {
    write([`${lowest === undefined ? '' : '\n'}${summary(tally)}`]);
  }
  return failed.length === 0 ? 0 : 1;
}

const fixedLines = (fixed: Partial<SimSettings>): string[] => [
  ...settingsLines(fixed),
  `  ${Object.keys(fixed).length === 0 ? 'all settings' : 'other settings'} as each seed gives them (ibcm sim --seed N shows them)`,
];

/** Of data; nothing where none moves. */
const operationsText = (count: number): string => (count === 0 ? '' : `${count} operations, `);

function summary({ seeds, lifecycles, operations, failed, seconds, workers }: Tally): string {
  const rateOf = Math.round(lifecycles / Math.max(seconds, 1e-3));
  return `${seeds} seeds, ${lifecycles} lifecycles, ${operationsText(operations)}${failed.length} failed, ${seconds.toFixed(1)} s, ${rateOf} lifecycles/s on ${workers} threads`;
}
