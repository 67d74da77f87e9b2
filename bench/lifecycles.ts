import { runSeed } from 'ibcm/sim';

/**
 * Run by simulation.ts as a process of its own, so that no other case has made the compiler doubt what the simulator's code is used
 * with. Prints how many lifecycles the simulator runs in a second of one core, as JSON: each seed counts with its fastest round,
 * since what else the machine does only makes a round longer.
 */

/** Seeds of the default mix. */
const SEEDS = 32;
const ROUNDS = 48;

/** The processor time used so far, in microseconds. */
function used(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

// As in the command's threads: calls that must fail throw by the thousand.
Error.stackTraceLimit = 0;
let lifecycles = 0;
let microseconds = 0;
const fastest = new Float64Array(SEEDS).fill(Number.POSITIVE_INFINITY);
for (let round = 0; round < ROUNDS; round += 1) {
  lifecycles = 0;
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const begin = used();
    const result = runSeed({ seed });
    fastest[seed] = Math.min(fastest[seed] as number, used() - begin);
    if (result.violation) throw result.violation;
    lifecycles += result.lifecycles;
  }
}
for (const took of fastest) microseconds += took;
console.log(JSON.stringify((lifecycles / microseconds) * 1e6));
