import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runDecode } from '../../src/cli/decode/run.js';
import { decodeCommand } from '../../src/cli/decode.js';
import { Blocks, pcapHeader, pcapRecord } from '../wire/capture/capture-files.js';
import { captureFile, jsonLinesOf, linesOf, run, runOn } from './decode-run.js';

const RPING = captureFile('rping-ipv4');
const SIDR = captureFile('sidr-reject');
const rping = Uint8Array.from(readFileSync(RPING));
const RPING_MESSAGES = 5;
const SIDR_MESSAGES = 2;
/** The rping capture's REQ, from its Ethernet header on. */
const req = rping.slice(24 + 2 * (16 + 42) + 16, 24 + 2 * (16 + 42) + 16 + 322);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ibcm-decode-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('files that cannot be read', () => {
  test('have one line on standard error each; the others are decoded', async () => {
    const missing = join(folder, 'missing.pcap');
    const text = fileOf('text.pcap', new TextEncoder().encode('no capture'));
    const empty = fileOf('empty.pcap', new Uint8Array());
    const { status, stdout, stderr } = await run([missing, RPING, folder, text, empty, SIDR], { json: true });
    expect(status).toBe(1);
    expect(jsonLinesOf(stdout).map(({ file }) => file)).toEqual([
      ...Array<string>(RPING_MESSAGES).fill(RPING),
      ...Array<string>(SIDR_MESSAGES).fill(SIDR),
    ]);
    expect(linesOf(stderr)).toEqual([
      `ibcm: ${missing}: no such file or directory`,
      `ibcm: ${folder}: is a directory`,
      expect.stringMatching(`^ibcm: ${text}: not a capture file: it begins with 0x6e6f2063`),
      expect.stringMatching(`^ibcm: ${empty}: the capture file is empty`),
    ]);
  });

  test.skipIf(process.getuid?.() === 0)('for lack of permission are told as such', async () => {
    const path = fileOf('forbidden.pcap', rping);
    chmodSync(path, 0);
    expect(await run([path])).toEqual({ status: 1, stdout: '', stderr: `ibcm: ${path}: permission denied\n` });
  });

  test('are told on one line whatever their name', async () => {
    expect((await run(['/no\nfile\u001b'])).stderr).toBe('ibcm: /no\ufffdfile\ufffd: no such file or directory\n');
  });
});

describe('files with a fault', () => {
  test('are decoded up to it', async () => {
    const path = fileOf('cut.pcap', rping.slice(0, 1_500));
    const { status, stdout, stderr } = await run([path], { json: true });
    expect(status).toBe(1);
    expect(jsonLinesOf(stdout).map(({ message }) => message)).toEqual(['REQ', 'REP', 'RTU']);
    expect(linesOf(stderr)).toEqual([
      expect.stringMatching(`^ibcm: ${path}: the file is cut off: .*before frame 9\\)$`),
    ]);
  });

  test('at every length have the whole messages before the cut, and a complaint unless a record ends there', async () => {
    const whole = linesOf((await runOn(rping, { json: true })).stdout);
    const ends = new Set<number>([24]);
    const view = new DataView(rping.buffer);
    for (let at = 24; at < rping.length; ends.add(at)) at += 16 + view.getUint32(at + 8, true);
    for (let length = 0; length < rping.length; length += 17) {
      const { status, stdout, stderr } = await runOn(rping.slice(0, length), { json: true });
      expect(linesOf(stdout)).toEqual(whole.slice(0, linesOf(stdout).length));
      expect(linesOf(stderr)).toHaveLength(ends.has(length) ? 0 : 1);
      expect(status).toBe(ends.has(length) ? 0 : 1);
    }
  });

  test('of a link type that is not read are told once', async () => {
    const usb = join2(pcapHeader({ linkTypeField: 220 }), pcapRecord(req), pcapRecord(req));
    expect(await runOn(usb)).toEqual({
      status: 1,
      stdout: '',
      stderr: 'ibcm: -: packets of link type 220 are not decoded\n',
    });
  });

  test('never throw, whatever their bytes', async () => {
    for (let at = 0; at < rping.length; at += 23) {
      const garbled = rping.slice();
      garbled[at] = (garbled[at] ?? 0) ^ 0xff;
      const { status, stderr } = await runOn(garbled);
      expect(linesOf(stderr)).toHaveLength(status);
    }
  });
});

const join2 = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

describe('times', () => {
  test('count from the first frame, CM or not, in the precision of the capture', async () => {
    const arp = new Uint8Array(42);
    const capture = join2(
      pcapHeader({ magic: 0xa1b2_3c4d }),
      pcapRecord(arp, { seconds: 100, fraction: 999_999_999 }),
      pcapRecord(req, { seconds: 101, fraction: 1 }),
      pcapRecord(req, { seconds: 1_000_100, fraction: 5 }),
      pcapRecord(req, { seconds: 100, fraction: 999_999_000 }),
    );
    const { stdout } = await runOn(capture, { json: true });
    expect(jsonLinesOf(stdout).map(({ time }) => time)).toEqual([0.000000002, 999_999.000000006, -0.000000999]);
    expect(linesOf((await runOn(capture)).stdout)[2]).toMatch(/^ {4}4 +-0\.000001 /);
  });

  test('that a pcapng file does not have are null, and the first that it has is the start', async () => {
    const blocks = new Blocks(true);
    const capture = join2(
      blocks.section(),
      blocks.interface(),
      blocks.simple(req),
      blocks.enhanced(req, 5_000_000n),
      blocks.enhanced(req, 5_250_000n),
    );
    const { stdout, status } = await runOn(capture, { json: true });
    expect(status).toBe(0);
    expect(jsonLinesOf(stdout).map(({ time }) => time)).toEqual([null, 0, 0.25]);
  });

  test('begin anew with each file', async () => {
    const { stdout } = await run([RPING, RPING], { json: true });
    const times = jsonLinesOf(stdout).map(({ time }) => time);
    expect(times.slice(0, RPING_MESSAGES)).toEqual(times.slice(RPING_MESSAGES));
  });
});

test('standard input is read as it comes, in pieces of any size', async () => {
  const whole = (await run([RPING], { json: true })).stdout.replaceAll(JSON.stringify(RPING), '"-"');
  for (const size of [1, 7, 100, 5_000]) {
    const pieces = Array.from({ length: Math.ceil(rping.length / size) }, (_, i) =>
      rping.slice(i * size, (i + 1) * size),
    );
    expect(await run(['-'], { json: true, stdin: Readable.from(pieces) })).toEqual({
      status: 0,
      stdout: whole,
      stderr: '',
    });
  }
});

test('what standard input holds so far is written before more comes', async () => {
  const lines: string[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...linesOf(chunk.toString()));
      done();
    },
  });
  const counts: number[] = [];
  async function* pieces() {
    yield join2(pcapHeader(), pcapRecord(req));
    counts.push(lines.length);
    yield pcapRecord(req);
    counts.push(lines.length);
  }
  const stdin = Readable.from(pieces(), { highWaterMark: 1 });
  await runDecode(['-'], {}, { stdin, stdout, stderr: new Writable(), environment: {} });
  // A generator may be asked for one piece ahead.
  expect(lines).toHaveLength(2);
  expect(counts[1]).toBeGreaterThanOrEqual(1);
});

describe('the output', () => {
  const record = pcapRecord(req);
  const PACKETS = 10_000;
  const RECORDS_A_PIECE = 500;

  /** A long capture that counts how much of it was asked for. */
  function longCapture(): { stdin: Readable; pieces: () => number } {
    let count = 0;
    const piece = join2(...Array<Uint8Array>(RECORDS_A_PIECE).fill(record));
    function* pieces() {
      yield pcapHeader();
      for (; count < PACKETS / RECORDS_A_PIECE; count += 1) yield piece;
    }
    return { stdin: Readable.from(pieces(), { highWaterMark: 1 }), pieces: () => count };
  }

  class Errors extends Writable {
    text = '';
    override _write(chunk: Buffer, _encoding: string, done: () => void): void {
      this.text += chunk.toString();
      done();
    }
  }

  test('waits for a slow reader: what is buffered stays small', async () => {
    let bufferedMax = 0;
    let lines = 0;
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        bufferedMax = Math.max(bufferedMax, stdout.writableLength);
        lines += linesOf(chunk.toString()).length;
        setImmediate(done);
      },
    });
    const stderr = new Errors();
    const status = await runDecode(
      ['-'],
      { json: true },
      { stdin: longCapture().stdin, stdout, stderr, environment: {} },
    );
    expect({ status, lines, text: stderr.text }).toEqual({ status: 0, lines: PACKETS, text: '' });
    expect(bufferedMax).toBeLessThan(80_000);
  });

  test.each(['EPIPE', 'ENOSPC'] as const)('ends when it fails with %s, without reading on', async (code) => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        const errno = code === 'EPIPE' ? -32 : -28;
        done(Object.assign(new Error(`${code}: failed, write`), { code, errno }));
      },
    });
    const stderr = new Errors();
    const { stdin, pieces } = longCapture();
    const status = await runDecode(['-', RPING], {}, { stdin, stdout, stderr, environment: {} });
    expect(pieces()).toBeLessThan(5);
    const complaint = 'ibcm: standard output: no space left on device\n';
    expect({ status, text: stderr.text }).toEqual(
      code === 'EPIPE' ? { status: 0, text: '' } : { status: 1, text: complaint },
    );
  });
});

describe('the command', () => {
  test('needs a file', async () => {
    const command = decodeCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    await expect(command.parseAsync([], { from: 'user' })).rejects.toMatchObject({ code: 'commander.missingArgument' });
  });

  test('explains itself with examples', () => {
    let help = '';
    decodeCommand()
      .configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    for (const part of ['decode [options] <files...>', '--json', 'Examples:', 'Exit status:'])
      expect(help).toContain(part);
  });
});
