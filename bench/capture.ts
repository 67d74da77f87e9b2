import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Figure, NotMeasured } from './figure.js';

/** Linux's traffic, in classic pcap files of one link type. */
const CAPTURES = fileURLToPath(new URL('../../test/wire/capture/files/linux/', import.meta.url));
const IBCM = fileURLToPath(new URL('../../bin/ibcm.js', import.meta.url));
const PCAP_HEADER_BYTES = 24;
const CAPTURE_BYTES = 100_000_000;
const ROUNDS = 3;
/** `ibcm decode` is to take a twentieth of tshark's time. */
const MOST_OF_TSHARK = 1 / 20;
const MEGABYTE = 1e6;

interface Decoding {
  readonly bytes: number;
  readonly messages: number;
  readonly seconds: number;
  /** Of tshark. */
  readonly tsharkSeconds: number;
}

/** The real captures, one behind the other, again and again. */
function writeCapture(file: string): void {
  const captures = readdirSync(CAPTURES)
    .filter((name) => name.endsWith('.pcap'))
    .map((name) => readFileSync(join(CAPTURES, name)));
  const [first] = captures;
  if (first === undefined) throw new Error(`no captures in ${CAPTURES}`);
  const records = Buffer.concat(captures.map((capture) => capture.subarray(PCAP_HEADER_BYTES)));
  const descriptor = openSync(file, 'w');
  let written = writeSync(descriptor, first.subarray(0, PCAP_HEADER_BYTES));
  while (written < CAPTURE_BYTES) written += writeSync(descriptor, records);
  closeSync(descriptor);
}

/** Runs a program with its output into a file. @returns how long it took, in seconds of processor time. */
function timed(output: string, program: string, ...args: string[]): number {
  const descriptor = openSync(output, 'w');
  // Children's processor time is not told for each of them, but a shell tells that of its own.
  const script = '"$@" >&3; times';
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', descriptor],
    encoding: 'utf8',
  });
  closeSync(descriptor);
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  const [, children = ''] = stdout.trim().split('\n');
  return children
    .split(' ')
    .map((time) => /^(\d+)m([\d.]+)s$/.exec(time))
    .reduce((sum, parts) => sum + 60 * Number(parts?.[1]) + Number(parts?.[2]), 0);
}

let measured: Decoding | undefined;

function decoding(): Decoding {
  if (measured !== undefined) return measured;
  if (spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status !== 0) throw new NotMeasured('no tshark');
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-bench-'));
  try {
    const [capture, output] = [join(folder, 'capture.pcap'), join(folder, 'output')];
    writeCapture(capture);
    const rounds = Array.from({ length: ROUNDS }, () =>
      timed(output, process.execPath, IBCM, 'decode', '--json', capture),
    );
    const messages = countLines(output);
    const tsharkSeconds = timed('/dev/null', 'tshark', '-r', capture, '-T', 'json');
    const seconds = rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number;
    measured = { bytes: statSync(capture).size, messages, seconds, tsharkSeconds };
    return measured;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function countLines(file: string): number {
  const bytes = readFileSync(file);
  let lines = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}

/** `ibcm decode --json`, beside `tshark -T json` over the same file. */
export const DECODE_CAPTURE: readonly Figure[] = [
  {
    name: 'decode a capture of 100 MB',
    unit: 's',
    reference: 'tshark -T json',
    mostTimes: MOST_OF_TSHARK,
    measure: () => ({ value: decoding().seconds, referenceValue: decoding().tsharkSeconds }),
  },
  {
    name: 'decode a capture of 100 MB, megabytes',
    unit: '/s',
    least: 10,
    measure: () => decoding().bytes / decoding().seconds / MEGABYTE,
  },
  {
    name: 'decode a capture of 100 MB, messages',
    unit: '/s',
    least: 20_000,
    measure: () => decoding().messages / decoding().seconds,
  },
];
