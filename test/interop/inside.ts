import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Guest } from './guest.js';
import { rebootGuest } from './lab.js';
import { type Choice, casesFor, type Row } from './row.js';
import { type NumberedCase, runCases, type Surroundings, skippedRow } from './run-case.js';
import { SCENARIOS } from './scenarios/index.js';
import { readProgram } from './stage.js';
import { checkWire } from './wire-check.js';

/** What a run within the lab's network namespace is told, as JSON on its command line. */
export interface InsideOptions extends Choice {
  readonly series: string;
  /** The kernel's version. */
  readonly kernel: string;
  readonly mtu: number;
  /** Which of the runs, from 1. */
  readonly run: number;
  /** Where the guest's programs are on this machine, by their names. */
  readonly programs: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly keepCaptures: boolean;
  /** Whether what fails is run once more. */
  readonly secondTry: boolean;
  /** When no scenario is begun any more, in milliseconds since the epoch. */
  readonly until: number;
}

/** Runs all scenarios with a guest that is up, and prints a row as JSON when each is over. */
async function runInside(options: InsideOptions): Promise<void> {
  const { series, kernel, mtu, run, programs, folder, keepCaptures, secondTry, until } = options;
  const guest = new Guest();
  const install = async (): Promise<void> => {
    for (const [name, path] of Object.entries(programs)) await guest.install(name, await readProgram(path));
  };
  await install();
  const complaints: string[] = [];
  const reboot = async (): Promise<void> => {
    complaints.push(...(await kernelComplaints(guest)));
    await rebootGuest(kernel, mtu);
    await install();
  };
  const wire = `${folder}/${series}-${mtu}-${run}-wire.pcap`;
  const recorder = await startRecorder(wire);
  const damaged = new Map<string, number>();
  const surroundings: Surroundings = {
    guest,
    kernel: series,
    version: kernel,
    run,
    reboot,
    folder,
    keepCaptures,
    damaged,
  };
  for (const group of groupsOf(casesFor(SCENARIOS, mtu, options))) {
    const isLate = Date.now() > until;
    if (isLate) for (const each of group) print(skippedRow(each, surroundings));
    else for (const row of await runGroup(group, surroundings, secondTry)) print(row);
  }
  complaints.push(...(await kernelComplaints(guest)));
  const about = { kernel: series, version: kernel, run, role: 'both', family: 'both', mtu } as const;
  const serious = complaints.filter(
    (line) => ![...damaged.keys()].some((address) => line.includes(`ICRC from ${address}`)),
  );
  const result = serious.length === 0 ? 'pass' : 'fail';
  print({
    ...about,
    scenario: 'the kernel has nothing to complain of',
    result,
    ...(result === 'fail' && { error: serious.slice(0, 5).join('; ') }),
  });
  if (recorder === undefined) {
    const error = 'dumpcap and tshark are not installed';
    print({ ...about, scenario: 'no malformed packet, says tshark', result: 'skip', error });
    return;
  }
  // What was captured last may still be in a buffer.
  await sleep(1_500);
  recorder.kill('SIGINT');
  await once(recorder, 'close');
  for (const check of checkWire(wire, keepCaptures, damaged)) print({ ...about, ...check });
}

/** Runs cases, and once more if one of them failed and that is allowed. */
async function runGroup(
  group: readonly NumberedCase[],
  surroundings: Surroundings,
  secondTry: boolean,
): Promise<Row[]> {
  const rows = await runCases(group, surroundings);
  const failed = rows.find(({ result }) => result === 'fail');
  if (failed === undefined || !secondTry) return rows;
  const again = await runCases(group, surroundings);
  return again.map((row) => ({ ...row, failedFirst: `${failed.scenario}: ${failed.error ?? 'no reason'}` }));
}

/** One after the other; those that mostly wait, all at once. */
function groupsOf(cases: ReturnType<typeof casesFor>): NumberedCase[][] {
  const numbered = cases.map((chosen, index) => ({ chosen, index }));
  const first = numbered.findIndex(({ chosen }) => chosen.scenario.patient);
  return numbered.flatMap((each, index) => {
    if (each.chosen.scenario.patient !== true) return [[each]];
    return index === first ? [numbered.filter(({ chosen }) => chosen.scenario.patient)] : [];
  });
}

/** Records everything on the wire, by a program that is not ours. @returns undefined if it is not installed. */
async function startRecorder(file: string): Promise<ChildProcess | undefined> {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const recorder = spawn('dumpcap', ['-q', '-P', '-i', 'lab', '-f', 'udp port 4791', '-w', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // It says where it writes when it has begun.
  await once(recorder.stderr, 'data');
  recorder.stderr.resume();
  await sleep(500);
  return recorder;
}

/** What the kernel says of the machine that is emulated, when that was too slow for it as it began. */
const OF_THE_EMULATION = 'MP-BIOS bug';

/** Lines of the kernel's log that should not be there. */
async function kernelComplaints(guest: Guest): Promise<string[]> {
  const output = await guest.must("dmesg | grep -iE 'icrc|WARNING:|BUG:|Oops|Call Trace|refcount' || true");
  return output.split('\n').filter((line) => line.trim() !== '' && !line.includes(OF_THE_EMULATION));
}

const print = (row: Row): void => void process.stdout.write(`${JSON.stringify(row)}\n`);

// A promise that a scenario left behind when it failed must not end the others.
process.on('unhandledRejection', (error) => process.stderr.write(`left behind: ${String(error)}\n`));
// Whoever started us holds our input open as long as it lives.
const end = (): never => process.exit(1);
process.stdin.resume().once('close', end);
await runInside(JSON.parse(process.argv[2] as string) as InsideOptions);
process.stdin.off('close', end).destroy();
