import { createReadStream } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { getSystemErrorMap } from 'node:util';
import { IbcmError, withoutControlCharacters } from '../../base/index.js';
import { CaptureReader, type CaptureRecord, type CaptureTimestamp } from '../../wire/index.js';
import { styleFor } from '../style.js';
import { secondsBetween } from './capture-time.js';
import { decodeRecord } from './decoder.js';
import { formatJson } from './json.js';
import { LineOutput } from './output.js';
import { TextLines } from './text.js';

/** What the command reads from and writes to. */
export interface DecodeStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly environment: NodeJS.ProcessEnv;
}

export interface DecodeOptions {
  /** One JSON object a line. */
  readonly json?: boolean;
}

/** The name that stands for standard input. */
const STANDARD_INPUT = '-';
const READ_BYTES = 1 << 18;

/**
 * Writes a line for each CM message in capture files, and one to standard error for each file that cannot be read (on).
 * @param files paths, and `-` for standard input.
 * @returns the exit status: 0, or 1 if anything could not be read or written.
 */
export async function runDecode(
  files: readonly string[],
  options: DecodeOptions,
  streams: DecodeStreams,
): Promise<number> {
  const { stdin, stdout, stderr, environment } = streams;
  const output = new LineOutput(stdout);
  const text = new TextLines(styleFor(stdout, environment), files.length > 1);
  const format = options.json ? formatJson : text.format.bind(text);
  let status = 0;
  const complain = async (name: string, reason: string): Promise<void> => {
    status = 1;
    // What was found before the fault comes before the complaint.
    await output.flush();
    stderr.write(`ibcm: ${withoutControlCharacters(name)}: ${reason}\n`);
  };
  for (const file of files) {
    const decoder = new FileDecoder(file, format, output);
    try {
      await decoder.decode(file === STANDARD_INPUT ? stdin : createReadStream(file, { highWaterMark: READ_BYTES }));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      await complain(file, explainSystemError(error));
      continue;
    }
    for (const fault of decoder.faults) await complain(file, fault);
    if (output.failure !== undefined) break;
  }
  const { failure } = output;
  if (failure !== undefined && failure.code !== 'EPIPE') await complain('standard output', explainSystemError(failure));
  return status;
}

type Format = typeof formatJson;

/** Decodes one file as it is read. */
class FileDecoder {
  /** What is wrong with the file, one phrase each. */
  readonly faults: string[] = [];
  readonly #file: string;
  readonly #format: Format;
  readonly #output: LineOutput;
  readonly #reader = new CaptureReader();
  readonly #foreignLinkTypes = new Set<number>();
  #start: CaptureTimestamp | undefined;

  constructor(file: string, format: Format, output: LineOutput) {
    this.#file = file;
    this.#format = format;
    this.#output = output;
  }

  /** Reads the source to its end or first fault, or until nobody reads the output. @throws what the source throws. */
  async decode(source: Readable): Promise<void> {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      this.#reader.push(chunk);
      await this.#drain();
      if (this.#reader.error !== undefined) break;
      if (this.#output.failure !== undefined) return;
    }
    this.#reader.end();
    await this.#drain();
    if (this.#reader.error !== undefined) this.faults.push(this.#reader.error.message);
  }

  /** Everything that the bytes so far hold: on a pipe the next may be long in coming. */
  async #drain(): Promise<void> {
    for (let record = this.#reader.poll(); record !== undefined; record = this.#reader.poll()) {
      this.#decodeRecord(record);
      if (!this.#output.full) continue;
      await this.#output.flush();
      if (this.#output.failure !== undefined) return;
    }
    await this.#output.flush();
  }

  #decodeRecord(record: CaptureRecord): void {
    const { timestamp } = record;
    this.#start ??= timestamp;
    const decoded = decodeRecord(record);
    if (decoded === undefined) return;
    if (decoded.kind === 'foreign') {
      this.#noteLinkType(decoded.linkType);
      return;
    }
    const time =
      timestamp === undefined || this.#start === undefined ? undefined : secondsBetween(this.#start, timestamp);
    this.#output.write(this.#format({ file: this.#file, time }, decoded));
  }

  #noteLinkType(linkType: number): void {
    if (this.#foreignLinkTypes.has(linkType)) return;
    this.#foreignLinkTypes.add(linkType);
    this.faults.push(`packets of link type ${linkType} are not decoded`);
  }
}

/** Whether it comes from Node, not from a fault of ours. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && !(error instanceof IbcmError);
}

/** `EISDIR: illegal operation on a directory, read` in the words that other programs have for it. */
function explainSystemError({ code, errno, message }: NodeJS.ErrnoException): string {
  if (code === 'EISDIR') return 'is a directory';
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? message;
}
