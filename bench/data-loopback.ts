import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Figure } from './figure.js';
import type { LoopbackRates } from './loopback.js';

const PROGRAM = fileURLToPath(new URL('loopback.js', import.meta.url));
const LEAST_PERCENT = 60;
const MOST_TIMES = 1.5;

let measured: LoopbackRates | undefined;

/** How long one thing takes, in times of another. All are measured together, once. */
function times(what: string, reference: string): number {
  measured ??= outputOf([PROGRAM]) as LoopbackRates;
  const [own, other] = [measured[what], measured[reference]];
  if (own === undefined || other === undefined) throw new Error(`${what} or ${reference} was not measured`);
  return own / other;
}

/** Data between two adapters over real sockets, beside datagrams of the same length through the same ports. */
export const DATA_LOOPBACK: readonly Figure[] = [
  ...['mtu 1024', 'mtu 4096'].flatMap((mtu) =>
    ['writes', 'sends'].map(
      (what): Figure => ({
        name: `${what} over loopback, ${mtu}, of the rate of datagrams`,
        unit: '%',
        least: LEAST_PERCENT,
        measure: () => 100 / times(`${what}, ${mtu}`, `datagrams, ${mtu}`),
      }),
    ),
  ),
  {
    name: 'sends there and back over loopback, in times of datagrams',
    unit: '×',
    most: MOST_TIMES,
    measure: () => times('there and back, sends', 'there and back, datagrams'),
  },
];
