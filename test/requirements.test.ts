import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** docs/requirements.md names the tests that show each requirement, and tests name the requirements: both must agree. */
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const COUNT = 22;

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** `R8 test/x.test.ts` for each requirement that the name of a test in that file begins with. */
const shown = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .map((file) => `test/${file.replaceAll('\\', '/')}`)
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => {
    const names = [...read(file).matchAll(/['"`]((?:R\d+: ?)+)/g)].map(([, ids]) => ids as string);
    return [...new Set(names.flatMap((ids) => ids.match(/R\d+/g) ?? []))].map((id) => `${id} ${file}`);
  });

interface Row {
  readonly id: string;
  readonly evidence: string;
}

const rows: readonly Row[] = [...read('docs/requirements.md').matchAll(/^\| (R\d+) \| [^|]+ \| ([^|]+) \|$/gm)].map(
  ([, id, evidence]) => ({ id: id as string, evidence: evidence as string }),
);

const documented = rows.flatMap(({ id, evidence }) =>
  [...evidence.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => `${id} ${file as string}`),
);

describe('docs/requirements.md', () => {
  test(`has each of the ${COUNT} requirements once, in order`, () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: COUNT }, (_, index) => `R${index + 1}`));
  });

  test('names no file for a requirement that no test there begins with', () => {
    expect(documented.filter((each) => !shown.includes(each))).toEqual([]);
  });

  test('names every file in which the name of a test begins with a requirement', () => {
    expect(shown.filter((each) => !documented.includes(each))).toEqual([]);
  });

  test('says of every requirement what shows it, or that nothing does yet', () => {
    const silent = rows.filter(({ evidence }) => !/`test\/|Not yet: \w/.test(evidence));
    expect(silent.map(({ id }) => id)).toEqual([]);
  });
});
