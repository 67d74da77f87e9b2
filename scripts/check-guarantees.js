import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startVitest } from 'vitest/node';
import { GUARANTEES } from '../test/mutation/guarantees.js';

/**
 * `npm run check:guarantees`: breaks one guarantee of docs/requirements.md at a time in the source, and says who notices: tests, orders of steps, the explorer, the
 * simulator. Ends with 0 if each is noticed by somebody, with 1 if one is not, with 2 if it cannot tell.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `Usage: npm run check:guarantees -- [options]
  --only NAME     only what begins with NAME (R8, …); may be repeated
  --list          also what each failed with first`;
/** The source as it is: nobody may notice anything. */
const CONTROL = 'as it is';
const OBSERVERS = ['tests', 'orders', 'explorer', 'simulator'];

/** Each replacement must stand in its file once, or it changes nothing, or too much. */
function checkEdits({ name, edits }) {
  for (const [file, from] of edits) {
    const count = readFileSync(join(ROOT, file), 'utf8').split(from).length - 1;
    if (count !== 1) throw new Error(`${name}: ${file} has ${count} times: ${from}`);
  }
}

/** A project of Vitest in which the source is changed. */
function projectOf({ name, edits }) {
  const change = {
    name: 'break a guarantee',
    enforce: 'pre',
    transform(code, id) {
      const own = edits.filter(([file]) => id.split('?', 1)[0] === join(ROOT, file));
      if (own.length === 0) return undefined;
      return { code: own.reduce((text, [, from, to]) => text.replace(from, () => to), code), map: null };
    },
  };
  return {
    root: ROOT,
    plugins: [change],
    test: { name, include: ['test/mutation/guarantees.check.ts'], setupFiles: ['test/setup.ts'], testTimeout: 600_000 },
  };
}

/** @returns by project, who noticed something, and the first failure. */
async function run(mutants) {
  const projects = mutants.map(projectOf);
  const options = {
    root: ROOT,
    config: false,
    watch: false,
    projects,
    reporters: [{}],
    dangerouslyIgnoreUnhandledErrors: true,
    slowTestThreshold: Number.POSITIVE_INFINITY,
  };
  const vitest = await startVitest('test', [], options, {}, { stdout: process.stderr });
  try {
    return new Map(
      vitest.state.getTestModules().map((module) => {
        const failed = [...module.children.allTests()].filter((each) => each.result().state === 'failed');
        const observers = new Map();
        for (const each of failed) {
          const observer = OBSERVERS.find((name) => each.fullName.startsWith(name));
          const [failure] = (each.result().errors?.[0]?.message ?? '').split('\n');
          if (observer !== undefined && !observers.has(observer)) observers.set(observer, failure);
        }
        const isWhole = module.errors().length === 0;
        return [module.project.name, { observers, isWhole }];
      }),
    );
  } finally {
    await vitest.close();
    process.exitCode = undefined;
  }
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true }, list: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const chosen = GUARANTEES.filter(({ name }) => values.only?.some((each) => name.startsWith(each)) ?? true);
  if (chosen.length === 0) throw new Error('Nothing is called that.');
  for (const each of chosen) checkEdits(each);
  const start = performance.now();
  const results = await run([{ name: CONTROL, edits: [] }, ...chosen]);
  const control = results.get(CONTROL);
  if (!control?.isWhole || control.observers.size > 0) {
    console.error('The source as it is breaks something:', ...(control?.observers.values() ?? []));
    return 2;
  }
  let survivors = 0;
  for (const { name, change } of chosen) {
    const { observers = new Map() } = results.get(name) ?? {};
    if (observers.size === 0) survivors += 1;
    const seen = OBSERVERS.filter((each) => observers.has(each)).join(', ');
    console.log(`${name.padEnd(20)} ${change}: ${seen === '' ? 'NOBODY NOTICES' : seen}`);
    if (values.list)
      for (const [observer, failure] of observers) console.log(`${' '.repeat(21)}${observer}: ${failure}`);
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  console.log(
    `${chosen.length} ways to break a guarantee, ${chosen.length - survivors} noticed, ${survivors} not, in ${seconds} s`,
  );
  return survivors === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
}
