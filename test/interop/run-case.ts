import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CaptureFile } from 'ibcm';
import type { Guest } from './guest.js';
import {
  type Counts,
  countersBetween,
  type KernelCounters,
  readKernelCounters,
  sumOf,
  total,
} from './kernel-counters.js';
import { OurProcess } from './our-process.js';
import { OurSide } from './our-side.js';
import type { Case, Row } from './row.js';
import { PORT, Stage } from './stage.js';
import { within } from './waiting.js';

const DEFAULT_SECONDS = 180;
/** Addresses that are used of 256. */
const HOSTS = 200;
/** How many cases run at once, where they may: the guest takes a second or two to start a program. */
const AT_ONCE = 6;
/** How long the kernel may take to count what it has received, and to complete what it sends. */
const SETTLE_MS = 15_000;

export interface Surroundings {
  readonly guest: Guest;
  /** The kernel's series. */
  readonly kernel: string;
  readonly version: string;
  /** Which of the runs, from 1. */
  readonly run: number;
  readonly reboot: () => Promise<void>;
  /** Where captures go. */
  readonly folder: string;
  readonly keepCaptures: boolean;
  /** Packets with a wrong ICRC that were sent on purpose, by the address that sent them. */
  readonly damaged: Map<string, number>;
}

/** A case, and its place in the run. */
export interface NumberedCase {
  readonly chosen: Case;
  readonly index: number;
}

/** What came of a case, before the kernel's counters are compared. */
interface Outcome {
  readonly row: Row;
  readonly sent: Counts;
  readonly received: Counts;
  readonly capture: string;
}

/** Runs cases, several at once and the long ones first, and says what came of each. Never throws. */
export async function runCases(cases: readonly NumberedCase[], surroundings: Surroundings): Promise<Row[]> {
  const { guest, keepCaptures } = surroundings;
  const outcomes: Outcome[] = [];
  let complaint: string | undefined;
  try {
    const before = await readKernelCounters(guest);
    const left = [...cases].sort((a, b) => secondsOf(b) - secondsOf(a)).values();
    const runSome = async (): Promise<void> => {
      for (const each of left) outcomes.push(await runCase(each, surroundings));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, runSome));
    const scenarios = cases.map(({ chosen }) => chosen.scenario);
    const isStorm = scenarios.some(({ storm }) => storm === true);
    if (!scenarios.some(({ unseen }) => unseen)) await compareCounters(guest, before, outcomes, isStorm);
  } catch (error) {
    complaint = messageOf(error);
  }
  if (outcomes.length === 0)
    return cases.map((each) => ({ ...aboutOf(each, surroundings), result: 'fail', error: complaint ?? '' }));
  return Promise.all(
    outcomes.map(async ({ row, capture }) => {
      const error = row.error ?? complaint;
      if (error === undefined && !keepCaptures) await rm(capture, { force: true });
      const kept = error !== undefined || keepCaptures;
      return {
        ...row,
        result: error === undefined ? 'pass' : 'fail',
        ...(error !== undefined && { error }),
        ...(kept && { capture }),
      };
    }),
  );
}

/** The row of a case that there was no time for. */
export function skippedRow(each: NumberedCase, surroundings: Surroundings): Row {
  return { ...aboutOf(each, surroundings), result: 'skip', error: 'no time was left' };
}

const secondsOf = ({ chosen }: Pick<NumberedCase, 'chosen'>): number => chosen.scenario.seconds ?? DEFAULT_SECONDS;

function aboutOf({ chosen }: NumberedCase, { kernel, version, run }: Surroundings): Omit<Row, 'result'> {
  const { scenario, family, mtu } = chosen;
  return { scenario: scenario.name, kernel, version, run, role: scenario.linux, family, mtu };
}

async function runCase(each: NumberedCase, surroundings: Surroundings): Promise<Outcome> {
  const { chosen, index } = each;
  const { scenario, family, mtu } = chosen;
  const { folder, kernel, run } = surroundings;
  const name = fileName(`${scenario.name} ${scenario.linux} ${family}`);
  const capture = `${folder}/${kernel}-${mtu}-${run}-${index}-${name}.pcapng`;
  const file = new CaptureFile(capture);
  const started = performance.now();
  const sent: Counts = {};
  const received: Counts = {};
  let error: string | undefined;
  try {
    await perform(each, surroundings, file, { sent, received });
  } catch (thrown) {
    error = messageOf(thrown);
  }
  await file.close();
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const row: Row = {
    ...aboutOf(each, surroundings),
    result: error === undefined ? 'pass' : 'fail',
    seconds,
    sent: total(sent),
    received: total(received),
    ...(error !== undefined && { error }),
  };
  return { row, sent, received, capture };
}

async function perform(
  { chosen, index }: NumberedCase,
  { guest, reboot, damaged }: Surroundings,
  file: CaptureFile,
  counts: Pick<Outcome, 'sent' | 'received'>,
): Promise<void> {
  const { scenario, family, mtu } = chosen;
  const address = await ownAddress(family, index);
  const us = await OurSide.open(address, file);
  const processes: OurProcess[] = [];
  const spawnOurs = async (...words: readonly string[]): Promise<OurProcess> => {
    await us.adapter.close();
    const ours = new OurProcess(words);
    processes.push(ours);
    return ours;
  };
  const stage = new Stage({ guest, us, family, mtu, port: PORT + index, reboot, spawnOurs });
  try {
    await within(secondsOf({ chosen }), 'the scenario', scenario.run(stage));
  } finally {
    us.port.heal();
    await stage.close();
    await Promise.all(processes.map((each) => each.kill()));
    await us.adapter.close({ timeoutMs: 1_000 });
    Object.assign(counts.sent, us.port.sent);
    Object.assign(counts.received, us.port.received);
    if (us.port.damaged > 0) damaged.set(address, us.port.damaged);
  }
  if (us.badPackets.length > 0) throw new Error(`packets dropped by our adapter: ${us.badPackets.join(', ')}`);
}

/** The kernel must have received what we sent, neither more nor, but in a storm, less, and sent what we received. */
async function compareCounters(
  guest: Guest,
  before: KernelCounters,
  outcomes: readonly Outcome[],
  isStorm: boolean,
): Promise<void> {
  const sent = sumOf(outcomes.map((outcome) => outcome.sent));
  const received = sumOf(outcomes.map((outcome) => outcome.received));
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const { cm_rx_msgs, cm_tx_msgs } = countersBetween(before, await readKernelCounters(guest));
    const complaint = complaintAbout('received', cm_rx_msgs, sent, isStorm) ?? lackOf(cm_tx_msgs, received);
    if (complaint === undefined) return;
    if (performance.now() > end) throw new Error(complaint);
    await sleep(200);
  }
}

function complaintAbout(what: string, kernel: Counts, ours: Counts, mayLack: boolean): string | undefined {
  const isRight = (kernels: number, count: number): boolean => kernels === count || (mayLack && kernels < count);
  const same =
    isRight(total(kernel), total(ours)) &&
    Object.entries(ours).every(([name, count]) => isRight(kernel[name as keyof Counts] ?? 0, count));
  return same ? undefined : `the kernel says it ${what} ${JSON.stringify(kernel)}, and not ${JSON.stringify(ours)}`;
}

/** Messages to a side that is gone are sent, too: the kernel may have sent more than came. */
function lackOf(kernel: Counts, ours: Counts): string | undefined {
  const enough = Object.entries(ours).every(([name, count]) => (kernel[name as keyof Counts] ?? 0) >= count);
  return enough ? undefined : `the kernel says it sent ${JSON.stringify(kernel)}, and ${JSON.stringify(ours)} came`;
}

/** An address that no other case has, so that what is left of one does not disturb the next. */
async function ownAddress(family: Case['family'], index: number): Promise<string> {
  // The lab's own addresses begin with 10.77.0.
  const ipv4 = `10.77.${1 + Math.floor(index / HOSTS)}.${10 + (index % HOSTS)}`;
  const address = family === 'IPv4' ? ipv4 : `fd77::${(10 + index).toString(16)}:1`;
  const words = family === 'IPv4' ? [`${address}/16`] : [`${address}/64`, 'nodad'];
  await promisify(execFile)('ip', ['address', 'replace', words[0] as string, 'dev', 'lab', ...words.slice(1)]);
  return address;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const fileName = (text: string): string => text.replaceAll(/[^\w.]+/g, '-').slice(0, 100);
