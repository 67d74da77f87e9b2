import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { CycleCosts } from './cycles.js';
import { type Compared, type Figure, NotMeasured } from './figure.js';
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

/** How much processor time a connection takes, and the same five datagrams in plain C. */
function besideC(what: Exclude<keyof CycleCosts, 'C'>): Compared {
  const { C, [what]: own } = costs();
  if (typeof C === 'string') throw new NotMeasured(C);
  return { value: own.processor, referenceValue: C.processor };
}

const PLAIN_C = 'plain C, five datagrams';

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
    name: 'cycles-loopback',
    unit: 'µs',
    reference: PLAIN_C,
    mostTimes: 0.5,
    measure: () => besideC('segmented'),
  },
  {
    name: 'cycles-loopback without segmentation',
    unit: 'µs',
    reference: PLAIN_C,
    mostTimes: 1.5,
    measure: () => besideC('batched'),
  },
  {
    name: 'cycles-loopback in two processes',
    unit: 'µs',
    reference: PLAIN_C,
    mostTimes: 1,
    measure: () => besideC('two processes'),
  },
  {
    name: 'cycles-loopback, the sockets alone',
    unit: 'µs',
    reference: PLAIN_C,
    mostTimes: 0.5,
    measure: () => besideC('segmented alone'),
  },
  {
    name: 'cycles-loopback, the sockets alone without segmentation',
    unit: 'µs',
    reference: PLAIN_C,
    mostTimes: 1.5,
    measure: () => besideC('batched alone'),
  },
  {
    name: 'cycles-loopback, and the five datagrams alone through node:dgram',
    unit: 'µs',
    reference: 'node:dgram, five datagrams',
    mostTimes: 1,
    measure: () => ({
      value: costs().segmented.processor,
      referenceValue: costs()['node:dgram alone'].processor,
    }),
  },
  {
    name: 'cycles-loopback, connections a second',
    unit: '/s',
    least: 50_000,
    measure: () => 1e6 / costs().segmented.elapsed,
  },
  {
    name: 'a datagram there and back at 100 a second',
    unit: 'µs',
    reference: 'node:dgram',
    mostTimes: 0.7,
    measure: () => ({ value: latencies().batched.p50, referenceValue: latencies().dgram.p50 }),
  },
  {
    name: 'a datagram there and back at 100 a second, busy polling',
    unit: 'µs',
    reference: 'node:dgram',
    mostTimes: 0.7,
    measure: () => ({ value: latencies().busy.p50, referenceValue: latencies().dgram.p50 }),
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
