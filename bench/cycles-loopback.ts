import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { CycleCosts } from './cycles.js';
import { type Figure, NotMeasured } from './figure.js';
import type { Latencies, Percentiles } from './latency.js';

const programOf = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url));

/** Measures all at once, the first time that something is asked for. */
function once<T>(measure: () => T): () => T {
  let measured: { readonly value: T } | undefined;
  return () => {
    measured ??= { value: measure() };
    return measured.value;
  };
}

const costs = once(() => outputOf([programOf('cycles')]) as CycleCosts);
const latencies = once(() => outputOf([programOf('latency')]) as Latencies);

/** How much processor time a connection takes, in times of the same five datagrams in plain C. */
function timesC(what: Exclude<keyof CycleCosts, 'C'>): number {
  const { C, [what]: own } = costs();
  if (typeof C === 'string') throw new NotMeasured(C);
  return own.processor / C.processor;
}

const PERCENTILES: readonly (readonly [keyof Percentiles, string])[] = [
  ['p50', 'median'],
  ['p99', '99 %'],
  ['p999', '99.9 %'],
];
const LOADS: readonly (keyof Latencies['establishing'])[] = ['10', '50', '90'];
/** What nobody will notice. */
const ESTABLISHING_MICROSECONDS = 10_000;

/** Half a percent: it is asked how much it was, which costs something. */
const IDLE_MICROSECONDS = 5_000;

/** Connections over real sockets of one machine. */
export const CYCLES_LOOPBACK: readonly Figure[] = [
  {
    name: 'cycles-loopback, in times of plain C',
    unit: '×',
    most: 0.5,
    measure: () => timesC('segmented'),
  },
  {
    name: 'cycles-loopback without segmentation, in times of plain C',
    unit: '×',
    most: 1.5,
    measure: () => timesC('batched'),
  },
  {
    name: 'cycles-loopback in two processes, in times of plain C',
    unit: '×',
    most: 1,
    measure: () => timesC('two processes'),
  },
  {
    name: 'cycles-loopback, the sockets alone, in times of plain C',
    unit: '×',
    most: 0.5,
    measure: () => timesC('segmented alone'),
  },
  {
    name: 'cycles-loopback, the sockets alone without segmentation, in times of plain C',
    unit: '×',
    most: 1.5,
    measure: () => timesC('batched alone'),
  },
  {
    name: 'cycles-loopback, in times of the five datagrams alone through node:dgram',
    unit: '×',
    most: 1,
    measure: () => costs().segmented.processor / costs()['node:dgram alone'].processor,
  },
  {
    name: 'cycles-loopback, connections a second',
    unit: '/s',
    least: 50_000,
    measure: () => 1e6 / costs().segmented.elapsed,
  },
  {
    name: 'a datagram there and back at 100 a second, in times of node:dgram',
    unit: '×',
    most: 0.7,
    measure: () => latencies().batched.p50 / latencies().dgram.p50,
  },
  {
    name: 'processor time of a second in which nothing happens',
    unit: 'µs',
    most: IDLE_MICROSECONDS,
    measure: () => latencies().idle,
  },
  ...LOADS.flatMap((load) =>
    PERCENTILES.map(
      ([key, name]): Figure => ({
        name: `establishing over loopback at ${load} % load, ${name}`,
        unit: 'µs',
        most: ESTABLISHING_MICROSECONDS,
        measure: () => latencies().establishing[load][key],
      }),
    ),
  ),
];
