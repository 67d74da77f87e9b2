import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The layers' boundary is kept by the compiler and the linter. Here code that crosses it is put into a copy of the source
 * tree (or shown to the linter under the name of a file there), and each crossing must be an error; the copy without them
 * must compile, and the files that stand there must pass the linter.
 */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const LAYERS = ['base', 'wire', 'cep', 'cm', 'verbs', 'transport', 'qp', 'ca', 'sim', 'endpoint'] as const;
/** Layers whose code is copied; an entrance stands for the others, whose configuration is what matters here. */
const REAL_LAYERS: readonly string[] = ['base', 'wire'];

interface Crossing {
  readonly file: string;
  readonly code: string;
  /** Part of what the compiler or linter says. */
  readonly complaint: RegExp;
}

/** Everything that must not compile in any of these layers. */
const PLATFORM: readonly (readonly [name: string, code: string, complaint: RegExp])[] = [
  ['files', "import { readFileSync } from 'node:fs';\nexport const x = readFileSync('/');", /Cannot find .*'node:fs'/],
  ['sockets', "import dgram from 'node:dgram';\nexport const x = dgram;", /Cannot find .*'node:dgram'/],
  ['randomness', "import { randomBytes } from 'crypto';\nexport const x = randomBytes(4);", /Cannot find .*'crypto'/],
  ['timer', 'export const x = setTimeout(() => {}, 1);', /Cannot find name 'setTimeout'/],
  ['immediate', 'export const x = setImmediate(() => {});', /Cannot find name 'setImmediate'/],
  ['microtask', 'queueMicrotask(() => {});\nexport {};', /Cannot find name 'queueMicrotask'/],
  ['process', 'export const x = process.hrtime();', /Cannot find name 'process'/],
  ['performance', 'export const x = performance.now();', /Cannot find name 'performance'/],
  ['console', "console.log('here');\nexport {};", /Cannot find name 'console'/],
  ['buffer', "export const x = Buffer.from('00', 'hex');", /Cannot find name 'Buffer'/],
  ['fetch', "export const x = fetch('http://localhost');", /Cannot find name 'fetch'/],
  ['webcrypto', 'export const x = crypto.getRandomValues(new Uint8Array(4));', /Cannot find name 'crypto'/],
  ['require', "export const x = require('fs');", /Cannot find name 'require'/],
];

const platformCrossings: readonly Crossing[] = LAYERS.flatMap((layer) =>
  PLATFORM.map(([name, code, complaint]) => ({ file: `${layer}/crossing-${name}.ts`, code, complaint })),
);

/** Every layer reaching for every layer above it. */
const upwardCrossings: readonly Crossing[] = LAYERS.flatMap((layer, index) =>
  LAYERS.slice(index + 1).map((above) => ({
    file: `${layer}/crossing-to-${above}.ts`,
    code: `export * from '../${above}/index.js';`,
    complaint: /not listed within the file list of project/,
  })),
);

/** Each layer may enter the layers below it; but nothing is built on the simulator. */
const lawful: readonly (readonly [file: string, code: string])[] = LAYERS.map((layer, index) => [
  `${layer}/lawful.ts`,
  LAYERS.slice(0, index)
    .filter((below) => below !== 'sim')
    .map((below) => `import * as ${below} from '../${below}/index.js';\nexport const from_${below} = typeof ${below};`)
    .concat('export {};')
    .join('\n'),
]);

/** A copy of the source tree: the configuration of every layer, the code of the lowest, an entrance to the others. */
function copyOfSource(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-layers-'));
  // Real packages are within reach, as they are in the repository; otherwise their absence would be the error.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const file of ['package.json', 'tsconfig.base.json']) cpSync(join(ROOT, file), join(folder, file));
  for (const layer of LAYERS) {
    const [from, to] = [join(ROOT, 'src', layer), join(folder, 'src', layer)];
    mkdirSync(to, { recursive: true });
    if (REAL_LAYERS.includes(layer)) cpSync(from, to, { recursive: true });
    cpSync(join(from, 'tsconfig.json'), join(to, 'tsconfig.json'));
    if (!existsSync(join(to, 'index.ts'))) writeFileSync(join(to, 'index.ts'), `export const ${layer} = '${layer}';`);
  }
  for (const [file, code] of lawful) writeFileSync(join(folder, 'src', file), code);
  return folder;
}

/** What the compiler says about each file when the layers are built as the repository builds them. */
function complaintsOfBuild(folder: string): Map<string, string[]> {
  const complaints = new Map<string, string[]>();
  const host = ts.createSolutionBuilderHost(
    ts.sys,
    undefined,
    ({ file, messageText }) => {
      const name = file ? relative(join(folder, 'src'), file.fileName) : 'configuration';
      const text = ts.flattenDiagnosticMessageText(messageText, '\n');
      complaints.set(name, [...(complaints.get(name) ?? []), text]);
    },
    () => {},
  );
  const projects = LAYERS.map((layer) => join(folder, 'src', layer));
  ts.createSolutionBuilder(host, projects, {}).build();
  return complaints;
}

describe('the compiler', () => {
  const crossings = [...platformCrossings, ...upwardCrossings];
  let folder: string;
  let withoutCrossings: Map<string, string[]>;
  let withCrossings: Map<string, string[]>;

  beforeAll(() => {
    folder = copyOfSource();
    withoutCrossings = complaintsOfBuild(folder);
    for (const { file, code } of crossings) writeFileSync(join(folder, 'src', file), code);
    withCrossings = complaintsOfBuild(folder);
  }, 60_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('accepts the code as it is, and a layer that enters those below it', () => {
    expect(Object.fromEntries(withoutCrossings)).toEqual({});
    expect(existsSync(join(folder, 'dist/wire/codec.js'))).toBe(true);
  });

  test.each(crossings)('R1: R2: refuses $file', ({ file, complaint }) => {
    expect(withCrossings.get(file)?.join('\n')).toMatch(complaint);
  });

  test('complains of no other file but those that an upward import drags into a layer', () => {
    const named = new Set(crossings.map(({ file }) => file));
    const others = [...withCrossings].filter(([file]) => !named.has(file)).flatMap(([, texts]) => texts);
    expect(others.filter((text) => !/^File .* is not listed within/.test(text))).toEqual([]);
  });
});

/** Files whose names the linter is given; the code is another. */
const PLACES = ['base/time.ts', 'wire/codec.ts', 'wire/roce/icrc.ts'] as const;
const OTHER_PLACES = ['cep', 'cm', 'verbs', 'transport', 'qp', 'ca', 'sim'].flatMap(firstFileOf);
/** These may wait. */
const WAITING_PLACES = firstFileOf('endpoint');

function firstFileOf(layer: string): string[] {
  const files = readdirSync(join(ROOT, 'src', layer)).filter((name) => name.endsWith('.ts'));
  return files.slice(0, 1).map((name) => `${layer}/${name}`);
}

const HIDDEN_INPUTS: readonly (readonly [code: string, complaint: RegExp])[] = [
  ['export const x = Date.now();', /Time is a parameter/],
  ['export const x = new Date();', /Time is a parameter/],
  ['export const x = new Date(0);', /Time is a parameter/],
  ['export const x = Date();', /Time is a parameter/],
  ['export const x = Math.random();', /Randomness is injected/],
  ['export const { random } = globalThis.Math;', /no globals/],
  ["export const x = import('./index.js');", /load nothing at run time/],
];
const WAITING: readonly (readonly [code: string, complaint: RegExp])[] = [
  ['export const x = await 1;', /wait/],
  ['export async function x() {}', /wait/],
  ['export const x = async () => {};', /wait/],
  ['export class X { async x() {} }', /wait/],
  ['export const x = Promise.resolve();', /wait/],
  ['export function x(y: Promise<void>) { return y; }', /wait/],
];
const DEEP_IMPORTS: readonly (readonly [place: string, code: string])[] = [
  ['wire/codec.ts', "export * from '../base/gid.js';"],
  ['wire/codec.ts', "import type { Gid } from '../base/gid.js'; export type X = Gid;"],
  ['base/time.ts', "export * from '../wire/roce/icrc.js';"],
];

describe('the linter', () => {
  const linter = new ESLint({ cwd: ROOT });

  async function complaints(file: string, code: string): Promise<string[]> {
    const results = await linter.lintText(code, { filePath: join(ROOT, 'src', file) });
    return results.flatMap(({ messages }) => messages.map(({ message }) => message));
  }

  async function expectRefusal(file: string, code: string, complaint: RegExp): Promise<void> {
    expect((await complaints(file, code)).join('\n')).toMatch(complaint);
  }

  test('accepts the code as it is', async () => {
    for (const file of PLACES) {
      expect(await complaints(file, readFileSync(join(ROOT, 'src', file), 'utf8')), file).toEqual([]);
    }
  });

  test('accepts that a layer is entered through its index', async () => {
    expect(await complaints('wire/codec.ts', "export { parseGid } from '../base/index.js';")).toEqual([]);
  });

  describe.each([...PLACES, ...OTHER_PLACES])('in %s', (file) => {
    test.each(HIDDEN_INPUTS)('refuses %s', (code, complaint) => expectRefusal(file, code, complaint));

    test.each(WAITING)('R13: refuses %s', (code, complaint) => expectRefusal(file, code, complaint));
  });

  test.each(WAITING_PLACES)('R13: lets %s wait, but not look at a clock', async (file) => {
    expect(await complaints(file, 'export const x = async () => { await Promise.resolve(); };')).toEqual([]);
    expect((await complaints(file, 'export const x = Date.now();')).join('\n')).toMatch(/Time is a parameter/);
  });

  test.each(DEEP_IMPORTS)('refuses in %s to enter a layer elsewhere: %s', async (file, code) => {
    expect((await complaints(file, code)).join('\n')).toMatch(/entered through its index/);
  });
});

test('every layer of the package that does no I/O is among those tested here', () => {
  const layers = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const mayDoIo = ['io', 'service', 'cli'];
  expect(layers.filter((name) => !mayDoIo.includes(name)).sort()).toEqual([...LAYERS].sort());
  for (const layer of LAYERS) {
    const text = readFileSync(join(ROOT, 'src', layer, 'tsconfig.json'), 'utf8');
    expect(JSON.parse(text), layer).toMatchObject({ compilerOptions: { types: [] } });
  }
});
