import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { InsideOptions } from './inside.js';
import { Lab, whatIsMissing } from './lab.js';
import { casesFor, MTUS, type Row } from './row.js';
import { SCENARIOS } from './scenarios/index.js';
import { writeTable } from './table.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SERIES = ['6.12', '6.1'] as const;
const USAGE = `Usage: npm run test:interop -- [options]

Runs our connection manager against the Linux kernel's, in guests under qemu. docs/interop.md says what is needed.

  --subset         only what is quick and together shows everything once; with one kernel, unless --kernel says which
  --kernel SERIES  only this kernel: ${SERIES.join(' or ')} (may be repeated)
  --only TEXT      only scenarios whose names contain TEXT (may be repeated)
  --mtu N          only this MTU: ${MTUS.join(' or ')}
  --repeat N       everything N times (default 1)
  --at-once N      how many guests run side by side (default 2, or 1 on a machine with one processor)
  --second-try     what fails is run once more, and the row says so: for machines that may be too busy to emulate another in time
  --minutes N      begin nothing after so long; what is left counts as skipped
  --json FILE      write the rows of all runs as JSON
  --keep           keep the captures of what passed, too
  --document FILE  run nothing, but write the table of docs/interop.md from such JSON (may be repeated: each holds further runs)
  --list           only say what would be run
  --help           this
`;

const { values } = parseArgs({
  options: {
    subset: { type: 'boolean', default: false },
    kernel: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true, default: [] },
    mtu: { type: 'string', multiple: true, default: MTUS.map(String) },
    repeat: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: String(Math.min(2, availableParallelism())) },
    'second-try': { type: 'boolean', default: false },
    minutes: { type: 'string' },
    json: { type: 'string' },
    keep: { type: 'boolean', default: false },
    document: { type: 'string', multiple: true, default: [] },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const kernels = values.kernel ?? (values.subset ? SERIES.slice(0, 1) : SERIES);
const startedAt = Date.now();
const until = values.minutes === undefined ? Number.MAX_SAFE_INTEGER : startedAt + Number(values.minutes) * 60_000;

/** What is to be run, boot by boot, in this order. */
const boots = Array.from({ length: Number(values.repeat) }, (_, index) => index + 1).flatMap((run) =>
  values.mtu.flatMap((mtu) =>
    kernels.map((series) => ({ run, series, mtu: Number(mtu), cases: casesFor(SCENARIOS, Number(mtu), values) })),
  ),
);
const rows: Row[] = [];
const labs = new Set<Lab>();

if (values.help) print(USAGE);
else if (values.list)
  for (const { cases, series, run } of boots)
    for (const { scenario, family, mtu } of cases)
      print(`${run} ${series} ${scenario.linux} ${family} ${mtu} ${scenario.name}`);
else if (values.document.length > 0) document(values.document);
else process.exitCode = await main();

/** Writes the table from the rows of files, whose runs are numbered on. */
function document(files: readonly string[]): void {
  const all: Row[] = [];
  for (const file of files) {
    const before = Math.max(0, ...all.map(({ run }) => run));
    const more = JSON.parse(readFileSync(file, 'utf8')) as Row[];
    all.push(...more.map((row) => ({ ...row, run: before + row.run })));
  }
  writeTable(resolve(ROOT, 'docs/interop.md'), all);
}

async function main(): Promise<number> {
  const missing = whatIsMissing();
  if (missing !== undefined) {
    print(`the interoperability tests are skipped: ${missing}`);
    for (const boot of boots) skip(boot);
    return finish();
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
  Lab.cleanUpAbandoned();
  const left = boots.filter(({ cases }) => cases.length > 0).entries();
  // Each takes the next boot from the same iterator when it is done with one.
  await Promise.all(Array.from({ length: Number(values['at-once']) }, () => runBoots(left)));
  return finish();
}

/** Takes down what was made, says what has come until now, and ends as the signal asks. */
function interrupt(signal: NodeJS.Signals): never {
  for (const lab of labs) lab.cleanUp();
  print(`interrupted by ${signal}: what was not run by then is not counted`);
  finish();
  process.exit(128 + constants.signals[signal]);
}

type Boot = (typeof boots)[number];

async function runBoots(left: Iterable<[number, Boot]>): Promise<void> {
  for (const [number, boot] of left) {
    const lab = new Lab(number);
    labs.add(lab);
    try {
      await runBoot(lab, boot);
    } catch (error) {
      const about = { kernel: boot.series, run: boot.run, role: 'both', family: 'both', mtu: boot.mtu } as const;
      report({ ...about, scenario: 'the run comes to its end', result: 'fail', error: (error as Error).message });
    } finally {
      lab.cleanUp();
      labs.delete(lab);
    }
  }
}

async function runBoot(lab: Lab, boot: Boot): Promise<void> {
  const { run, series, mtu } = boot;
  let kernel: string;
  let programs: InsideOptions['programs'];
  try {
    print(`Linux ${series}: the image is built if it is missing; the first time, about a minute`);
    kernel = await lab.buildImage(series);
    programs = await lab.buildPeers();
    print(`booting Linux ${kernel}, MTU ${mtu}`);
    await lab.boot(kernel, mtu);
  } catch (error) {
    print(`Linux ${series} is skipped: ${(error as Error).message}`);
    skip(boot);
    return;
  }
  const folder = resolve(ROOT, 'build/interop-captures');
  mkdirSync(folder, { recursive: true });
  const { only, subset, keep: keepCaptures, 'second-try': secondTry } = values;
  const choice = { series, kernel, mtu, run, only, subset, secondTry };
  await lab.runInside({ ...choice, programs, folder, keepCaptures, until }, report);
}

function report(row: Row): void {
  rows.push(row);
  const { run, scenario, kernel, mtu, role, family, result, seconds, sent, received, error, capture, failedFirst } =
    row;
  const where = family === 'both' ? '' : `, Linux is ${role}, ${family}`;
  const counts = sent === undefined ? '' : ` (${sent} sent, ${received} received, ${seconds} s)`;
  const time = `${Math.round((Date.now() - startedAt) / 1_000)} s`.padStart(6);
  const about = `${values.repeat === '1' ? '' : `run ${run}, `}${kernel}${mtu === MTUS[0] ? '' : `, MTU ${mtu}`}`;
  print(`${time} ${result} ${about}: ${scenario}${where}${counts}`);
  const first = failedFirst === undefined ? undefined : `the first try failed: ${failedFirst}`;
  for (const more of [first, error, capture]) if (more !== undefined) print(`            ${more}`);
}

function skip({ run, series, cases }: Boot): void {
  for (const { scenario, family, mtu } of cases) {
    rows.push({ scenario: scenario.name, kernel: series, run, role: scenario.linux, family, mtu, result: 'skip' });
  }
}

/** Writes what is asked for. @returns the status to end with. */
function finish(): number {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
  const count = (result: Row['result']): number => rows.filter((row) => row.result === result).length;
  const skipped = count('skip');
  print(`${count('pass')} passed, ${count('fail')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return count('fail') > 0 ? 1 : 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
