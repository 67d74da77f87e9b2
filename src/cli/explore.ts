import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { type Bounds, DEFAULT_BOUNDS, SCRIPTS } from '../sim/index.js';
import { integer } from './arguments.js';
import { exploreScripts } from './explore-many.js';
import type { ScriptResult } from './explore-worker.js';
import { codeVersion } from './sim-commit.js';
import { type Style, styleFor } from './style.js';

interface Options extends Bounds {
  readonly script?: readonly string[];
  readonly workers: number;
  readonly json?: boolean;
}

const COLUMNS = [26, 12, 14, 8, 10] as const;

export function exploreCommand(): Command {
  const { losses, duplicates, maxRetries, maxStates } = DEFAULT_BOUNDS;
  return new Command('explore')
    .description('try every order of messages, timers and calls in small scripts, and check that nothing goes wrong')
    .addOption(new Option('--script <name...>', 'only these scripts (all)').choices(SCRIPTS.map(({ name }) => name)))
    .option('--losses <k>', 'messages that may be lost', integer('Losses', 0, 100), losses)
    .option('--duplicates <d>', 'messages that may come twice', integer('Duplicates', 0, 15), duplicates)
    .option('--max-retries <n>', 'how often a message is sent again at most', integer('Retries', 0, 15), maxRetries)
    .option('--max-states <n>', 'give up a script beyond so many states', integer('States', 1, 1e9), maxStates)
    .option('--workers <n>', 'threads; each explores one script', integer('Workers', 1, 256), availableParallelism())
    .option('--json', 'JSON lines; the last one sums up')
    .addHelpText(
      'after',
      `
Scripts:
${SCRIPTS.map(({ name, summary }) => `  ${name.padEnd(28)}${summary}`).join('\n')}

Nothing is random: all orders are tried. When an invariant does not hold, a shortest way there is shown as a ladder.

Examples:
  ibcm explore
  ibcm explore --script disconnect --losses 2
  ibcm explore --json | tail -1 | jq '.scripts[].states'

Exit status: 0 all invariants held in every state, 1 one did not, 2 wrong usage.`,
    )
    .action(async (options: Options) => {
      process.exitCode = await run(options);
    });
}

const write = (lines: readonly string[]): void => void process.stdout.write(lines.map((line) => `${line}\n`).join(''));

async function run({ script, workers, json, ...given }: Options): Promise<number> {
  const { losses, duplicates, maxRetries, maxStates } = given;
  const bounds: Bounds = { losses, duplicates, maxRetries, maxStates };
  const names = script ?? SCRIPTS.map(({ name }) => name);
  const commit = codeVersion();
  const style = styleFor(process.stdout);
  if (json) write([JSON.stringify({ commit, ...bounds })]);
  else write([...heading(commit, bounds), style.bold(row(['script', 'states', 'transitions', 'depth', 'seconds']))]);
  const start = performance.now();
  const results = await exploreScripts(names, bounds, workers, (result) => {
    if (json) write([JSON.stringify(result)]);
    else write(resultLines(result, style));
  });
  const seconds = (performance.now() - start) / 1_000;
  const failed = results.filter(({ violations }) => violations > 0).length;
  if (json) {
    const scripts = results.map(({ name, states, transitions, depth, violations }) => ({
      name,
      states,
      transitions,
      depth,
      violations,
    }));
    write([JSON.stringify({ ...bounds, seconds, workers, scripts })]);
  } else {
    const states = results.reduce((sum, result) => sum + result.states, 0);
    const verdict = failed === 0 ? 'all invariants held in every one' : `${failed} of ${results.length} scripts failed`;
    write(['', `${states} states in ${seconds.toFixed(1)} s: ${verdict}`]);
  }
  return failed === 0 ? 0 : 1;
}

function heading(commit: string, { losses, duplicates, maxRetries }: Bounds): string[] {
  return [`every order, at most ${losses} lost, ${duplicates} duplicated, ${maxRetries} retries; ${commit}`, ''];
}

const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(COLUMNS[i]) : cell.padStart(COLUMNS[i] ?? 0))).join('');

function resultLines(result: ScriptResult, { red, dim }: Style): string[] {
  const { name, states, transitions, depth, seconds, message, stack, ladder } = result;
  const line = row([name, ...[states, transitions, depth].map(String), seconds.toFixed(1)]);
  if (message === undefined) return [line];
  return [`${line}  ${red(message)}`, ...(stack === undefined ? [] : [dim(stack)]), '', ...ladder, ''];
}
