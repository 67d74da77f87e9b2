import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Compared, Figure } from './figure.js';

const PROGRAM = fileURLToPath(new URL('endpoint-cycles.js', import.meta.url));
/** Promises, addresses as text, two queue pairs with their work queues and receive buffers, packets and ICRCs included. */
const MOST_TIMES = 40;

export const ENDPOINTS: readonly Figure[] = [
  {
    name: 'connect and disconnect, endpoints',
    unit: 'µs',
    reference: 'the same, CEP managers',
    mostTimes: MOST_TIMES,
    measure: () => outputOf([PROGRAM]) as Compared,
  },
];
