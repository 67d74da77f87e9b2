import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Figure } from './figure.js';

const PROGRAM = fileURLToPath(new URL('lifecycles.js', import.meta.url));
const LEAST_LIFECYCLES = 20_000;

export const SIMULATION: readonly Figure[] = [
  {
    name: 'simulated lifecycles a second, one core',
    unit: '/s',
    least: LEAST_LIFECYCLES,
    measure: () => outputOf([PROGRAM]) as number,
  },
];
