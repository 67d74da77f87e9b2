import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';

/**
 * `npm run check:table`: takes one part of the protocol out at a time (what a cell of the state table does, or a timer),
 * and says which of them no test would miss. Ends with 0 if there are none, with 1 if there are, with 2 if it cannot tell.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `Usage: npm run check:table -- [options]
  --sample N      only N mutants, chosen at random
  --seed S        which N (default 1)
  --only NAME     only the mutant NAME (STATE.input or STATE.timer), or those of a state; may be repeated
  --list          every mutant with the test that notices it
  --json          all of that as JSON`;

/** A whole number that an option gives. */
function wholeNumber(name, text) {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number))
    throw new Error(`--${name} takes a whole number, not ${text}`);
  return number;
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      sample: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true },
      list: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const { sample, seed, only, list = false, json = false, help = false } = values;
  const numbers = Object.entries({ sample, seed }).filter(([, text]) => text !== undefined);
  const assignment = { only, ...Object.fromEntries(numbers.map(([name, text]) => [name, wholeNumber(name, text)])) };
  return { assignment, list, json, help };
}

/**
 * Runs the mutants in Vitest, all in one process and without limits that a mutant could be blamed for; its output goes to
 * stderr. @returns the report; undefined when it came to none.
 */
async function examine(assignment) {
  const options = {
    root: ROOT,
    config: false,
    watch: false,
    include: ['test/mutation/state-table.check.ts'],
    reporters: [['default', { summary: false }]],
    slowTestThreshold: Number.POSITIVE_INFINITY,
    testTimeout: 3_600_000,
    bail: 1,
    provide: { assignment },
  };
  const vitest = await startVitest('test', [], options, {}, { stdout: process.stderr });
  try {
    const modules = vitest.state.getTestModules();
    if (modules.length === 0 || !modules.every((module) => module.ok())) return undefined;
    return [...modules[0].children.allTests()].map((test) => test.meta().report).find((report) => report !== undefined);
  } finally {
    await vitest.close();
  }
}

const line = ({ name, change, noticedBy, failure, tests }) =>
  noticedBy === undefined
    ? `${name} ${change}: ${tests === 0 ? 'no test gets there' : `${tests} tests get there, none notices`}`
    : `${name} ${change}: ${noticedBy}: ${failure}`;

async function main() {
  const { assignment, list, json, help } = readArguments();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const start = performance.now();
  const report = await examine(assignment);
  if (report === undefined) {
    console.error('The tests fail as they are, or the check itself does: see above.');
    return 2;
  }
  const minutes = (performance.now() - start) / 60_000;
  const { mutants, total, tests, unlisted } = report;
  const unnoticed = mutants.filter(({ noticedBy }) => noticedBy === undefined);
  for (const file of unlisted) {
    console.error(`test/cep/${file} does not count: name it in test/mutation/test-files.ts, with the reason`);
  }
  if (json) {
    console.log(JSON.stringify({ ...report, minutes }, undefined, 2));
  } else {
    for (const mutant of list ? mutants : unnoticed) console.log(line(mutant));
    const ofAll = mutants.length === total ? '' : ` of ${total}`;
    const noticed = mutants.length - unnoticed.length;
    console.log(
      `${mutants.length}${ofAll} mutants, ${noticed} noticed, ${unnoticed.length} not, by ${tests} tests in ${minutes.toFixed(1)} minutes`,
    );
  }
  if (mutants.length === 0) {
    console.error('No mutant is called that.');
    return 2;
  }
  return unnoticed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
}
