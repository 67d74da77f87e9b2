import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { CAPTURES } from '../wire/captures.js';
import { captureFile, jsonLinesOf, linesOf, run } from './decode-run.js';

/**
 * The command's output on every captured file, as text that a person can read. `UPDATE_GOLDEN=1` writes what the command
 * says now; whoever does that reads the difference.
 */
const TEXT_GOLDENS = ['cmx-basic-private-data', 'slow-accept-dup-REQ-MRA', 'udaddy'];

function expectGolden(name: string, actual: string): void {
  const url = new URL(`./golden/${name}`, import.meta.url);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(url, actual);
  expect(linesOf(actual)).toEqual(linesOf(readFileSync(url, 'utf8')));
}

/** The file's name without the path, which is another one everywhere. */
const withoutPath = (text: string, capture: string): string =>
  text.replaceAll(JSON.stringify(captureFile(capture)), JSON.stringify(`${capture}.pcap`));

describe('decode writes what its golden file says', () => {
  test.each(CAPTURES)('as JSON, of %s', async (capture) => {
    const { status, stdout, stderr } = await run([captureFile(capture)], { json: true });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expectGolden(`${capture}.jsonl`, withoutPath(stdout, capture));
  });

  test.each(TEXT_GOLDENS)('as text, of %s', async (capture) => {
    const { status, stdout, stderr } = await run([captureFile(capture)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expectGolden(`${capture}.txt`, stdout);
  });
});

interface TsharkMessage {
  readonly frame: number;
  readonly time: string;
  readonly message: string;
  readonly header: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** tshark's text as a number: an address, bytes with "+92 zeros" at the end, hexadecimal or decimal. */
function numberOfTshark(name: string, text: string): bigint {
  if (/[:.]/.test(text)) return BigInt(`0x${Buffer.from(parseGid(text)).toString('hex')}`);
  const bytes = /^([0-9a-f]*)(?:\+(\d+) zeros)?$/.exec(text);
  if (!/(Data|Gid|Information)$/.test(name) || bytes === null) return BigInt(text);
  return BigInt(`0x0${bytes[1] ?? ''}${'00'.repeat(Number(bytes[2] ?? 0))}`);
}

/** The value in our JSON that a dotted name leads to, as a number. */
function numberOfJson(values: Readonly<Record<string, unknown>> | undefined, name: string): bigint {
  const value = name.split('.').reduce<unknown>((inner, part) => (inner as Record<string, unknown>)[part], values);
  if (typeof value === 'number') return BigInt(value);
  const text = String(value);
  if (text.startsWith('0x')) return BigInt(text);
  return BigInt(`0x${name.endsWith('Gid') ? Buffer.from(parseGid(text)).toString('hex') : text}`);
}

describe('decode --json and tshark agree', () => {
  test.each(CAPTURES)('on every message of %s, and on every field that tshark knows', async (capture) => {
    const golden = new URL(`../wire/golden/${capture}.golden.json`, import.meta.url);
    const theirs = JSON.parse(readFileSync(golden, 'utf8')) as TsharkMessage[];
    const ours = jsonLinesOf((await run([captureFile(capture)], { json: true })).stdout);
    expect(
      ours.map(({ frame, time, message, transactionId, icrc }) => [frame, time, message, transactionId, icrc]),
    ).toEqual(
      theirs.map(({ frame, time, message, header }) => [frame, Number(time), message, header['transactionId'], 'ok']),
    );
    theirs.forEach(({ header, fields }, index) => {
      const { transactionId: _, ...rest } = header;
      // What tshark reads within the private data has no field of its own in JSON.
      const names = Object.keys(fields).filter((name) => !name.startsWith('ipCm.'));
      for (const name of names) {
        expect([name, numberOfJson(ours[index]?.fields, name)]).toEqual([
          name,
          numberOfTshark(name, fields[name] ?? ''),
        ]);
      }
      for (const name of Object.keys(rest)) {
        expect([name, numberOfJson(ours[index]?.header, name)]).toEqual([name, BigInt(rest[name] ?? '')]);
      }
    });
  });
});
