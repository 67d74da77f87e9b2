import { fileURLToPath } from 'node:url';
import { outputOf } from './child.js';
import type { Compared, Figure } from './figure.js';
import type { ServiceCosts } from './service-cycles.js';

const PROGRAM = fileURLToPath(new URL('service-cycles.js', import.meta.url));
/** Calls are a way there and back each: a connection takes two, and one is told of its end. */
const MOST_TIMES = { 'in process': 2, 'in a thread': 2.5, 'over gRPC': 4 } as const;

let measured: ServiceCosts | undefined;

/** The processor time of something through a service, and of the same in process. All are measured together, once. */
function beside(what: string, way: string): Compared {
  measured ??= outputOf([PROGRAM]) as ServiceCosts;
  const [value, referenceValue] = [measured[`${what}, a service ${way}`], measured[`${what}, in process`]];
  if (value === undefined || referenceValue === undefined) throw new Error(`${what} ${way} was not measured`);
  return { value, referenceValue };
}

/** What it costs to be a client of a service, over each way to it. */
export const SERVICE: readonly Figure[] = [
  ...Object.entries(MOST_TIMES).map(
    ([way, mostTimes]): Figure => ({
      name: `connect and disconnect, a service ${way}`,
      unit: 'µs',
      reference: 'the same without a service',
      mostTimes,
      measure: () => beside('connections', way),
    }),
  ),
  ...['sends', 'receives'].map(
    (what): Figure => ({
      name: `${what} of 1024 bytes, a service over gRPC`,
      unit: 'µs',
      reference: 'the same without a service',
      mostTimes: 25,
      measure: () => beside(what, 'over gRPC'),
    }),
  ),
];
