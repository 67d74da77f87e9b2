import { spawnSync } from 'node:child_process';

/** Runs Node.js with these arguments. @returns the JSON that it printed. */
export function outputOf(args: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return JSON.parse(stdout);
}
