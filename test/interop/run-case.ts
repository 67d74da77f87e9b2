import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CaptureFile } from 'ibcm';
import type { Guest } from './guest.js';
import { type Counts, countersBetween, type KernelCounters, readKernelCounters, total } from './kernel-counters.js';
import { OurProcess } from './our-process.js';
import { OurSide } from './our-side.js';
import type { Case, Row } from './row.js';
import { Stage } from './stage.js';
import { within } from './waiting.js';

const DEFAULT_SECONDS = 60;
/** How long the kernel may take to count what it has received, and to complete what it sends. */
const SETTLE_MS = 5_000;

export interface Surroundings {
  readonly guest: Guest;
  /** The kernel's series. */
  readonly kernel: string;
  readonly version: string;
  readonly reboot: () => Promise<void>;
  /** Where captures go. */
  readonly folder: string;
  readonly keepCaptures: boolean;
}

/** Runs one case, number `index` of its run, and says what came of it. Never throws. */
export async function runCase(chosen: Case, index: number, surroundings: Surroundings): Promise<Row> {
  const { scenario, family, mtu } = chosen;
  const { kernel, version, folder, keepCaptures } = surroundings;
  const capture = `${folder}/${kernel}-${mtu}-${index}-${fileName(`${scenario.name} ${scenario.linux} ${family}`)}.pcapng`;
  const file = new CaptureFile(capture);
  const started = performance.now();
  const about = { scenario: scenario.name, kernel, version, role: scenario.linux, family, mtu } as const;
  const counts = { sent: 0, received: 0 };
  let error: string | undefined;
  try {
    await perform(chosen, index, surroundings, file, counts);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  await file.close();
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const keep = keepCaptures || error !== undefined;
  if (!keep) await rm(capture);
  return {
    ...about,
    result: error === undefined ? 'pass' : 'fail',
    seconds,
    ...counts,
    ...(error !== undefined && { error }),
    ...(keep && { capture }),
  };
}

async function perform(
  { scenario, family }: Case,
  index: number,
  { guest, reboot }: Surroundings,
  file: CaptureFile,
  counts: { sent: number; received: number },
): Promise<void> {
  const address = await ownAddress(family, index);
  const before = await readKernelCounters(guest);
  const us = await OurSide.open(address, file);
  const processes: OurProcess[] = [];
  const spawnOurs = async (...words: readonly string[]): Promise<OurProcess> => {
    await us.adapter.close();
    const ours = new OurProcess(words);
    processes.push(ours);
    return ours;
  };
  const stage = new Stage({ guest, us, family, reboot, spawnOurs });
  try {
    await within(scenario.seconds ?? DEFAULT_SECONDS, 'the scenario', scenario.run(stage));
  } finally {
    us.port.heal();
    await stage.close();
    await Promise.all(processes.map((each) => each.kill()));
    await us.adapter.close({ timeoutMs: 1_000 });
    counts.sent = total(us.port.sent);
    counts.received = total(us.port.received);
  }
  if (us.badPackets.length > 0) throw new Error(`packets dropped by our adapter: ${us.badPackets.join(', ')}`);
  if (!scenario.unseen) await compareCounters(guest, before, us.port.sent, us.port.received);
}

/** The kernel must have received what we sent, neither more nor less, and sent what we received. */
async function compareCounters(guest: Guest, before: KernelCounters, sent: Counts, received: Counts): Promise<void> {
  const end = performance.now() + SETTLE_MS;
  for (;;) {
    const { cm_rx_msgs, cm_tx_msgs } = countersBetween(before, await readKernelCounters(guest));
    const complaint = complaintAbout('received', cm_rx_msgs, sent) ?? lackOf(cm_tx_msgs, received);
    if (complaint === undefined) return;
    if (performance.now() > end) throw new Error(complaint);
    await sleep(200);
  }
}

function complaintAbout(what: string, kernel: Counts, ours: Counts): string | undefined {
  const same =
    total(kernel) === total(ours) &&
    Object.entries(ours).every(([name, count]) => kernel[name as keyof Counts] === count);
  return same ? undefined : `the kernel says it ${what} ${JSON.stringify(kernel)}, and not ${JSON.stringify(ours)}`;
}

/** Messages to a side that is gone are sent, too: the kernel may have sent more than came. */
function lackOf(kernel: Counts, ours: Counts): string | undefined {
  const enough = Object.entries(ours).every(([name, count]) => (kernel[name as keyof Counts] ?? 0) >= count);
  return enough ? undefined : `the kernel says it sent ${JSON.stringify(kernel)}, and ${JSON.stringify(ours)} came`;
}

/** An address that no other case has, so that what is left of one does not disturb the next. */
async function ownAddress(family: Case['family'], index: number): Promise<string> {
  const host = 10 + index;
  const address = family === 'IPv4' ? `10.77.0.${host}` : `fd77::${host.toString(16)}:1`;
  const words = family === 'IPv4' ? [`${address}/24`] : [`${address}/64`, 'nodad'];
  await promisify(execFile)('ip', ['address', 'replace', words[0] as string, 'dev', 'lab', ...words.slice(1)]);
  return address;
}

const fileName = (text: string): string => text.replaceAll(/[^\w.]+/g, '-').slice(0, 100);
