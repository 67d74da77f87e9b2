import { withoutControlCharacters } from '../base/index.js';
import type { Statistics } from '../service/index.js';
import { columns } from './columns.js';
import { durationText } from './duration-text.js';
import type { Style } from './style.js';

/** Statistics for people: what is not 0, and what came since they were last shown. */
export function statisticsText(now: Statistics, before: Statistics | undefined, { bold }: Style): readonly string[] {
  const section = (title: string, rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : [bold(title), ...columns(rows).map((row) => `  ${row}`), ''];
  const lines = [
    ...section('Connections by state', entries(now.states)),
    ...section('Messages', messageRows(now, before)),
    ...section('Drops', dropRows(now, before)),
    ...section('Rejects', rejectRows(now, before)),
    ...section('Establishing', establishingRows(now)),
    ...section('Transport', countRows(now.transport, before?.transport)),
    ...section('Clients', clientRows(now)),
  ];
  return lines.length === 0 ? ['nothing yet'] : lines.slice(0, -1);
}

const entries = (counts: Readonly<Record<string, number>>): string[][] =>
  Object.entries(counts).map(([name, count]) => [name, String(count)]);

/** A count, and by how much it grew. */
function grown(count: number, before: number | undefined): string {
  const more = before === undefined ? 0 : count - before;
  return more === 0 ? String(count) : `${count} (+${more})`;
}

function countRows(
  counts: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>> | undefined,
): string[][] {
  return Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => [name, grown(count, before?.[name])]);
}

function messageRows({ messages }: Statistics, before: Statistics | undefined): string[][] {
  const seen = messages.filter(({ sent, received }) => sent + received > 0);
  if (seen.length === 0) return [];
  const rows = seen.map((counts) => {
    const old = before?.messages.find(({ message }) => message === counts.message);
    const cells = (['sent', 'retries', 'received', 'duplicates'] as const).map((what) =>
      grown(counts[what], old?.[what]),
    );
    return [counts.message, ...cells];
  });
  return [['', 'sent', 'retries', 'received', 'duplicates'], ...rows];
}

function dropRows({ drops }: Statistics, before: Statistics | undefined): string[][] {
  return drops
    .filter(({ count }) => count !== 0)
    .map(({ layer, reason, meaning, count }) => {
      const old = before?.drops.find((each) => each.layer === layer && each.reason === reason);
      return [layer, reason, grown(count, old?.count), meaning];
    });
}

function rejectRows({ rejects }: Statistics, before: Statistics | undefined): string[][] {
  const seen = rejects.filter(({ sent, received }) => sent + received > 0);
  if (seen.length === 0) return [];
  const rows = seen.map(({ reason, sent, received }) => {
    const old = before?.rejects.find((each) => each.reason === reason);
    return [reason, grown(sent, old?.sent), grown(received, old?.received)];
  });
  return [['', 'sent', 'received'], ...rows];
}

function establishingRows({ establishing: { bounds, counts, sumSeconds } }: Statistics): string[][] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return [];
  const quantile = (share: number): string => {
    let left = total * share;
    const bucket = counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    const bound = bounds[bucket];
    return bound === undefined ? `> ${secondsText(bounds.at(-1) ?? 0)}` : `≤ ${secondsText(bound)}`;
  };
  return [
    ['connections', String(total)],
    ['mean', secondsText(sumSeconds / total)],
    ['half', quantile(0.5)],
    ['99 of 100', quantile(0.99)],
  ];
}

/** Three digits of a time: milliseconds below a second. */
function secondsText(seconds: number): string {
  return seconds < 1 ? `${Number((seconds * 1_000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;
}

function clientRows({ clients }: Statistics): string[][] {
  if (clients.length === 0) return [];
  const rows = clients.map(({ id, name, pid, ageMs, used, limits, calls, waiting }) => [
    String(id),
    withoutControlCharacters(name),
    pid === undefined ? '-' : String(pid),
    durationText(ageMs),
    ...Object.entries(used).map(([what, count]) => `${count}/${limits[what] ?? '?'}`),
    `${calls}/${limits['calls'] ?? '?'}`,
    `${waiting}/${limits['waiting'] ?? '?'}`,
  ]);
  const limited = Object.keys(clients[0]?.used ?? {});
  return [['', 'name', 'pid', 'age', ...limited, 'calls', 'waiting'], ...rows];
}
