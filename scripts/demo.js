import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * `npm run demo`: the demonstration from a fresh checkout. Installs what is missing, builds what is missing or out of
 * date, and then is `ibcm demo` with the arguments that were given. Uses nothing that would have to be installed.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Whether every package that the lock file asks for is there. Optional ones may be missing for good reasons. */
function isInstalled() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(([path, { version, optional, devOptional }]) => {
    if (path === '' || optional || devOptional) return true;
    const manifest = join(ROOT, path, 'package.json');
    return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version;
  });
}

/** Whether every source file has its output: the compiler's own check trusts its records and does not look. */
function hasOutputs() {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .every((file) => existsSync(join(ROOT, 'dist', file.replace(/\.ts$/, '.js'))));
}

/** Runs npm with its output on stderr: stdout is the demonstration's. Ends this process if npm fails. */
function npm(...args) {
  const own = process.env.npm_execpath;
  const [command, first] = own ? [process.execPath, [own]] : ['npm', []];
  const { status, error } = spawnSync(command, [...first, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: !own && process.platform === 'win32',
  });
  if (error) console.error(`npm cannot be run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

if (!isInstalled()) {
  console.error('Installing what is missing …');
  npm('ci');
}
if (hasOutputs()) npm('run', '--silent', 'build');
else {
  console.error('Building …');
  npm('run', '--silent', 'build', '--', '--force');
}

// From here on this process is `ibcm demo`: its signals and its exit status are the command's own.
const command = join(ROOT, 'bin', 'ibcm.js');
process.argv = [process.argv[0], command, 'demo', ...process.argv.slice(2)];
await import(pathToFileURL(command).href);
