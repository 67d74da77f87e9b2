import type { WriteStream } from 'node:tty';
import { type Command, Option } from 'commander';
import { integer } from './arguments.js';
import { MS_MAX } from './ask-options.js';
import { untilInterrupted } from './until-interrupted.js';

export interface WatchOptions {
  readonly watch?: boolean;
  readonly intervalMs: number;
}

const DEFAULT_INTERVAL_MS = 1_000;
const HOME_AND_CLEAR = '\u001b[H\u001b[2J';

export function addWatchOptions(command: Command): Command {
  return command
    .option('--watch', 'again and again, until Ctrl-C')
    .addOption(
      new Option('--interval-ms <n>', 'with --watch: how often')
        .argParser(integer('The time', 1, MS_MAX))
        .default(DEFAULT_INTERVAL_MS),
    );
}

/**
 * Shows something once, or again and again: on a terminal in place of what was shown before.
 * @param look gives the lines to show.
 * @returns the status to exit with.
 */
export async function showOrWatch(
  { watch, intervalMs }: WatchOptions,
  look: () => Promise<readonly string[]>,
  output: NodeJS.WritableStream & Pick<Partial<WriteStream>, 'isTTY'> = process.stdout,
): Promise<number> {
  const show = async (): Promise<void> => {
    const lines = await look();
    const clear = watch === true && output.isTTY === true ? HOME_AND_CLEAR : '';
    output.write(`${clear}${lines.map((line) => `${line}\n`).join('')}`);
  };
  if (watch !== true) {
    await show();
    return 0;
  }
  return untilInterrupted(async (signal, pause) => {
    while (!signal.aborted) {
      await show();
      await pause(intervalMs);
    }
  });
}
