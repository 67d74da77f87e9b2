import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type DecodeOptions, runDecode } from '../../src/cli/decode/run.js';

/** Runs the command's work in this process, with streams that keep what is written. */

export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends DecodeOptions {
  readonly stdin?: Readable;
  readonly isTTY?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
}

class TextSink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export async function run(files: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { stdin = Readable.from([]), isTTY = false, environment = {}, ...rest } = options;
  const [stdout, stderr] = [Object.assign(new TextSink(), { isTTY }), new TextSink()];
  const status = await runDecode(files, rest, { stdin, stdout, stderr, environment });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** Decodes a capture file that is in memory. */
export async function runOn(capture: Uint8Array, options: RunOptions = {}): Promise<Run> {
  return run(['-'], { ...options, stdin: Readable.from([capture]) });
}

export const captureFile = (name: string): string =>
  fileURLToPath(new URL(`../wire/capture/files/linux/${name}.pcap`, import.meta.url));

/** A line of `--json`, as far as tests look into it. */
export interface JsonLine {
  readonly file: string;
  readonly frame: number;
  readonly time: number | null;
  readonly source?: string;
  readonly destination?: string;
  readonly message?: string;
  readonly transactionId?: string;
  readonly icrc?: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly error?: string;
  readonly code?: string;
}

export const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));
export const jsonLinesOf = (text: string): JsonLine[] => linesOf(text).map((line) => JSON.parse(line) as JsonLine);
