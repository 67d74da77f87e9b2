import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Compared, Figure } from './figure.js';
import type { LoopbackRates } from './loopback.js';

const PROGRAM = fileURLToPath(new URL('loopback.js', import.meta.url));
/** Sixty percent of the rate. */
const MOST_TIMES_STREAM = 1.67;
const MOST_TIMES = 1.5;

const WAYS = ['mtu 1024', 'mtu 4096'].flatMap((mtu) => [mtu, `${mtu}, without segmentation`]);

let measured: LoopbackRates | undefined;

/** How long one thing takes, and another. All are measured together, once. */
function beside(what: string, reference: string): Compared {
  measured ??= outputOf([PROGRAM]) as LoopbackRates;
  const [value, referenceValue] = [measured[what], measured[reference]];
  if (value === undefined || referenceValue === undefined) throw new Error(`${what} or ${reference} was not measured`);
  return { value, referenceValue };
}

const REFERENCE = 'datagrams of the same length';

/** What moves one way. Datagrams with ICRCs are what every transport of RoCE has to do, with our CRCs; without "RC", it is endpoints' promises. */
const STREAMS = ['datagrams with ICRCs', 'RC writes', 'RC sends', 'writes', 'sends'];

/** Data between two adapters over real sockets, beside datagrams of the same length through such ports. */
export const DATA_LOOPBACK: readonly Figure[] = [
  ...WAYS.flatMap((way) =>
    STREAMS.map(
      (what): Figure => ({
        name: `${what} over loopback, ${way}`,
        unit: 'µs',
        reference: REFERENCE,
        mostTimes: MOST_TIMES_STREAM,
        measure: () => beside(`${what}, ${way}`, `datagrams, ${way}`),
      }),
    ),
  ),
  ...['datagrams with ICRCs', 'RC sends', 'sends'].map(
    (what): Figure => ({
      name: `${what} there and back over loopback`,
      unit: 'µs',
      reference: REFERENCE,
      mostTimes: MOST_TIMES,
      measure: () => beside(`there and back, ${what}`, 'there and back, datagrams'),
    }),
  ),
];
