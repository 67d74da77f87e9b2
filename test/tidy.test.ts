import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** The rules of CONTRIBUTING.md that no tool of ours keeps. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const LINES_MAX = 500;
/** Files that may be longer, how long, and why. */
const LONGER: Readonly<Record<string, number>> = {
  // One table: splitting it would hide what it is for.
  'src/cep/state-table.ts': 700,
  // What all handlers share. It must not grow: split it instead.
  'src/cep/core.ts': 600,
  // Made from the published messages.
  'src/service/messages.ts': 1_000,
};
const VAGUE_NAMES = /^(utils?|helpers?|common|misc|manager2)\b/i;
/** Written when something runs. */
const GENERATED = /^(dist|build|coverage|node_modules|bench\/results)(\/|$)/;

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

function filesIn(folder: string, extension: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith(extension) && !file.includes('node_modules'));
}

const sources = filesIn('src', '.ts');
const code = [
  ...sources,
  ...filesIn('test', '.ts'),
  ...filesIn('bench', '.ts'),
  ...filesIn('scripts', '.js'),
  ...filesIn('examples', '.js'),
];
const topDocuments = readdirSync(ROOT).filter((file) => file.endsWith('.md'));
const documents = [...topDocuments, ...filesIn('docs', '.md'), ...filesIn('bench', '.md')];

describe('source files', () => {
  test(`have at most ${LINES_MAX} lines, but for those named above`, () => {
    const long = sources.filter((file) => read(file).split('\n').length - 1 > (LONGER[file] ?? LINES_MAX));
    expect(long).toEqual([]);
  });

  test('are named for what they hold', () => {
    expect(code.filter((file) => VAGUE_NAMES.test(basename(file)))).toEqual([]);
  });

  test('leave nothing to be done later', () => {
    const marked = code.filter((file) => /\b(TODO|FIXME|XXX)\b/.test(read(file)));
    expect(marked.filter((file) => file !== 'test/tidy.test.ts')).toEqual([]);
  });

  test('have no default export', () => {
    expect(sources.filter((file) => /^export default|^export \{.*\bdefault\b/m.test(read(file)))).toEqual([]);
  });

  test('silence the tools only with a reason', () => {
    const silenced = code.flatMap((file) =>
      read(file)
        .split('\n')
        .filter((line) => /^\s*\/\/ *(@ts-ignore|@ts-nocheck|eslint-disable|biome-ignore-all)/.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(silenced).toEqual([]);
  });
});

describe.each(documents)('%s', (document) => {
  const text = read(document);
  const prose = text.replace(/^```[\s\S]*?^```/gm, '');

  test('links to what is there', () => {
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
    const broken = targets.filter((target) => !/^https?:/.test(target) && !leadsSomewhere(document, target));
    expect(broken).toEqual([]);
  });

  test('names only files that are there', () => {
    const named = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name as string);
    expect(named.filter((name) => namesNothing(document, name))).toEqual([]);
  });
});

test('docs/architecture.md has every layer in its table', () => {
  const layers = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const table = read('docs/architecture.md');
  expect(layers.map(({ name }) => name).filter((name) => !table.includes(`| \`src/${name}\` |`))).toEqual([]);
});

/** A link to a file, a folder or a heading. */
function leadsSomewhere(document: string, link: string): boolean {
  const [path, heading] = link.split('#') as [string, string?];
  const file = path === '' ? join(ROOT, document) : resolve(ROOT, dirname(document), path);
  if (!existsSync(file)) return false;
  if (heading === undefined) return true;
  return statSync(file).isFile() && headingsOf(readFileSync(file, 'utf8')).includes(heading);
}

/** Headings as links name them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );
}

/** Whether something in code marks looks like a file of ours that does not exist. */
function namesNothing(document: string, name: string): boolean {
  const places = [ROOT, join(ROOT, 'src'), join(ROOT, dirname(document))];
  const isPath =
    /^(src|test|docs|bench|scripts|examples|bin|\.ci|\.github|base|wire|cep|cm|verbs|transport|qp|ca|sim|endpoint|io|service|cli)\/[\w./-]+$/.test(
      name,
    );
  const isFile = /^[\w-]+\.(ts|js|md|json)$/.test(name) && !GENERATED.test(name);
  if (!isPath && !isFile) return false;
  if (isPath) return !GENERATED.test(name) && !places.some((place) => existsSync(join(place, name)));
  return !everywhere.has(name);
}

/** The names of all files, for those that are named without their folder. */
const everywhere = new Set(
  [...code, ...documents, ...readdirSync(ROOT), ...filesIn('src', '.json')].map((file) => basename(file)),
);
