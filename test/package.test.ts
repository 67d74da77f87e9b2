import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

/** What is published: what `package.json` promises, and what is in the package. Needs a build, which `npm test` makes. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** npm reads and compresses every file. */
const PACK_TIMEOUT_MS = 120_000;
/** Layers that are not for others to import. */
const PRIVATE_LAYERS = ['cli'];

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly sideEffects: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const entries = Object.entries(manifest.exports).filter(([entry]) => entry !== './package.json');
const layers = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => existsSync(join(ROOT, 'src', name, 'index.ts')));

describe('package.json', () => {
  test.each(entries)('exports %s with types and code that are there', (_entry, targets) => {
    expect(targets).toEqual({ types: expect.stringMatching(/\.d\.ts$/), default: expect.stringMatching(/\.js$/) });
    for (const target of Object.values(targets)) expect(existsSync(join(ROOT, target)), target).toBe(true);
  });

  test('exports every public layer, and no other', () => {
    const exported = entries.map(([entry]) => entry.slice('./'.length)).filter((name) => name !== '');
    expect(exported.sort()).toEqual(layers.filter((layer) => !PRIVATE_LAYERS.includes(layer)).sort());
  });

  test('pins every dependency to one version', () => {
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  test('names every dependency in the documentation, with its version', () => {
    const documented = read('docs/dependencies.md');
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    for (const [name, version] of Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies })) {
      expect(documented).toMatch(
        new RegExp(`^\\| ${name}( \\(optional\\))? \\| ${version.replaceAll('.', '\\.')} \\|`, 'm'),
      );
    }
  });

  test('says that the command alone does something when it is loaded', () => {
    expect(manifest.sideEffects).toEqual(['./bin/ibcm.js', './dist/cli/main.js']);
    for (const file of manifest.sideEffects) expect(existsSync(join(ROOT, file)), file).toBe(true);
  });
});

describe('each entry point', () => {
  test.each(entries)('%s can be imported', async (entry) => {
    const name = posix.join('ibcm', entry);
    const { status, stderr } = run(process.execPath, ['--input-type=module', '--eval', `await import('${name}')`]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

test('the command says its version', () => {
  const { status, stdout } = run(process.execPath, [manifest.bin['ibcm'] as string, '--version']);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${manifest.version}\n` });
});

describe('what npm would pack', () => {
  let files: readonly string[];

  beforeAll(() => {
    const npm = process.env['npm_execpath'];
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
    const { status, stdout, stderr } = npm ? run(process.execPath, [npm, ...args]) : run('npm', args);
    expect(status, stderr).toBe(0);
    const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[];
    files = packed?.files.map(({ path }) => path) ?? [];
  }, PACK_TIMEOUT_MS);

  test('is the code, its sources, the command and what a reader needs', () => {
    const folders = new Set(files.map((file) => (file.includes('/') ? file.split('/')[0] : file)));
    const readable = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
    expect([...folders].sort()).toEqual([...readable, 'bin', 'dist', 'packaging', 'proto', 'src'].sort());
  });

  test('has nothing of the tests or the compiler', () => {
    expect(files.filter((file) => /\.test\.|tsbuildinfo|tsconfig/.test(file))).toEqual([]);
  });

  test('has the sources that its source maps name', () => {
    // What is left over from sources that are gone does not count: packing begins with a clean build.
    const isCurrent = (map: string): boolean =>
      existsSync(join(ROOT, map.replace(/^dist\//, 'src/').replace(/(\.d\.ts|\.js)\.map$/, '.ts')));
    const maps = files.filter((file) => file.endsWith('.map') && isCurrent(file));
    expect(maps.length).toBeGreaterThan(0);
    for (const map of maps) {
      const { sources } = JSON.parse(read(map)) as { sources: string[] };
      for (const source of sources) expect(files, map).toContain(posix.join(dirname(map), source));
    }
  });
});

function run(command: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', timeout: 20_000 });
}
