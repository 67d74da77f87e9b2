import type { MessageName } from 'ibcm/wire';
import type { Guest } from './guest.js';

const FOLDER = '/sys/class/infiniband/rxe0/ports/1';
const KINDS = ['cm_tx_msgs', 'cm_tx_retries', 'cm_rx_msgs', 'cm_rx_duplicates'] as const;
type Kind = (typeof KINDS)[number];

export type Counts = Partial<Record<MessageName, number>>;
export type KernelCounters = Record<Kind, Counts>;

/** The kernel's counters of CM messages. */
export async function readKernelCounters(guest: Guest): Promise<KernelCounters> {
  const output = await guest.must(`cd ${FOLDER} && grep -H . cm_*/*`);
  const counters: KernelCounters = { cm_tx_msgs: {}, cm_tx_retries: {}, cm_rx_msgs: {}, cm_rx_duplicates: {} };
  for (const [, kind, message, count] of output.matchAll(/^(\w+)\/(\w+):(\d+)$/gm)) {
    counters[kind as Kind][(message as string).toUpperCase() as MessageName] = Number(count);
  }
  return counters;
}

/** What has been added between two readings; zeros are left out. */
export function countersBetween(before: KernelCounters, after: KernelCounters): KernelCounters {
  return Object.fromEntries(KINDS.map((kind) => [kind, difference(before[kind], after[kind])])) as KernelCounters;
}

function difference(before: Counts, after: Counts): Counts {
  const names = Object.keys(after) as MessageName[];
  return Object.fromEntries(
    names.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]).filter(([, count]) => count !== 0),
  ) as Counts;
}

export const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** All of them added up. */
export function sumOf(all: readonly Counts[]): Counts {
  const sum: Counts = {};
  for (const counts of all)
    for (const [name, count] of Object.entries(counts) as [MessageName, number][]) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
