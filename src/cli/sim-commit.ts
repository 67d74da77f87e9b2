import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Which code this is, for replaying a seed: the Git commit (and whether it was changed), or the version where there is no Git. */
export function codeVersion(): string {
  const commit = git('rev-parse', 'HEAD');
  // An installed package may lie within another project's repository: that one's commit says nothing.
  if (commit !== undefined && git('rev-parse', '--show-prefix') === '') {
    return git('status', '--porcelain', '--', 'src') === '' ? commit : `${commit} with changes`;
  }
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return `version ${version}`;
}

function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', timeout: 5_000 });
  return status === 0 ? stdout.trim() : undefined;
}
