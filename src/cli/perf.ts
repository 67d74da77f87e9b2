import { Argument, Command, InvalidArgumentError } from 'commander';
import { PATH_MTUS, type PathMtu, type RemoteMemory } from '../endpoint/index.js';
import { IP_CM_REQ_PRIVATE_DATA_MAX } from '../wire/index.js';
import { type HostAndPort, integer, parseHostAndOptionalPort } from './arguments.js';
import { type AskCommandOptions, addAskOptions, openFor } from './ask-options.js';
import { EventPrinter } from './event-printer.js';
import { busyPollOption, captureOption, icrcOption } from './listen.js';
import type { CommandConnection } from './opened.js';
import { decodeMemory, PERF_BYTES_MAX, PERF_DEPTH_MAX, PERF_PORT, PERF_SEND_BYTES_MAX } from './perf-protocol.js';
import { Session, STOP_TIMEOUT_MS } from './session.js';
import { styleFor } from './style.js';

const OPERATIONS = ['send', 'write', 'read', 'atomic'] as const;
type Operation = (typeof OPERATIONS)[number];

interface Options extends AskCommandOptions {
  readonly size?: number;
  readonly seconds: number;
  readonly depth: number;
  readonly mtu?: PathMtu;
}

/** What was measured with one size. */
interface Result {
  readonly operation: Operation;
  readonly bytes: number;
  readonly operations: number;
  readonly seconds: number;
  /** Millions of bytes a second. */
  readonly megabytesPerSecond: number;
  readonly operationsPerSecond: number;
}

const SIZES = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, PERF_BYTES_MAX];
const ATOMIC_BYTES = 8;
const SECONDS_MAX = 3_600;

export function perfCommand(): Command {
  const command = new Command('perf')
    .description('measure how fast data moves to or from an ibcm serve-perf: a table of bandwidths and rates')
    .addArgument(new Argument('<operation>', 'what to do').choices(OPERATIONS))
    .argument('<host[:port]>', `with whom; port ${PERF_PORT} if none is given`, parseHostAndOptionalPort(PERF_PORT));
  return addAskOptions(command, IP_CM_REQ_PRIVATE_DATA_MAX)
    .option(
      '--size <n>',
      `only this size in bytes, at most ${PERF_BYTES_MAX}, of messages ${PERF_SEND_BYTES_MAX} (default: from 64 on, each four times the one before; of atomics always ${ATOMIC_BYTES})`,
      integer('The size', 1, PERF_BYTES_MAX),
    )
    .option('--seconds <n>', 'how long with each size', integer('The time', 1, SECONDS_MAX), 1)
    .option('--depth <n>', 'how many at once', integer('The depth', 1, PERF_DEPTH_MAX), 16)
    .option('--mtu <n>', `path MTU: ${PATH_MTUS.join(', ')} (default: 1024)`, parseMtu)
    .addOption(captureOption())
    .addOption(icrcOption())
    .addOption(busyPollOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm perf write 127.0.0.1
  ibcm perf send server.example --size 4096 --seconds 10 --depth 32
  ibcm perf read '[fd00::5]:${PERF_PORT}' --json`,
    )
    .action(async (operation: Operation, where: HostAndPort, options: Options) => {
      process.exitCode = await perf(operation, where, options);
    });
}

function parseMtu(text: string): PathMtu {
  const mtu = PATH_MTUS.find((each) => String(each) === text);
  if (mtu === undefined) throw new InvalidArgumentError(`It must be one of ${PATH_MTUS.join(', ')}.`);
  return mtu;
}

async function perf(operation: Operation, { host, port }: HostAndPort, options: Options): Promise<number> {
  const json = options.json === true;
  const style = styleFor(process.stdout);
  const printer = new EventPrinter(process.stdout, json, style);
  const session = new Session(printer, options, false);
  const { from, size, seconds, depth, json: _, capture, icrc, service, tos, ...asked } = options;
  const chosen = { ...asked, ...(tos !== undefined && { trafficClass: tos }), sends: PERF_DEPTH_MAX };
  return session.run(async () => {
    await using opened = await openFor(session, host, from);
    const connection = await opened.adapter.connect({
      host,
      port,
      signal: session.signal,
      ...opened.from,
      ...chosen,
    });
    try {
      const memory = decodeMemory((await connection.receive({ signal: session.signal }))?.data);
      if (!json) process.stdout.write(`${style.bold(headOf())}\n`);
      for (const bytes of sizesOf(operation, size)) {
        if (session.signal.aborted) break;
        const result = await measure(connection, memory, { operation, bytes, seconds, depth, signal: session.signal });
        if (json) printer.print('result', { ...result });
        else process.stdout.write(`${rowOf(result)}\n`);
      }
    } finally {
      await connection.disconnect({ timeoutMs: STOP_TIMEOUT_MS });
    }
    return 0;
  });
}

function sizesOf(operation: Operation, size: number | undefined): readonly number[] {
  if (operation === 'atomic') return [ATOMIC_BYTES];
  const most = operation === 'send' ? PERF_SEND_BYTES_MAX : PERF_BYTES_MAX;
  if (size === undefined) return SIZES.filter((each) => each <= most);
  if (size > most) throw new Error(`a message has at most ${most} bytes here`);
  return [size];
}

interface Measurement {
  readonly operation: Operation;
  readonly bytes: number;
  readonly seconds: number;
  readonly depth: number;
  readonly signal: AbortSignal;
}

/** Keeps `depth` operations under way until the time is over, and waits for them. */
async function measure(connection: CommandConnection, memory: RemoteMemory, plan: Measurement): Promise<Result> {
  const { operation, bytes, depth, signal } = plan;
  const one = operationOf(connection, memory, operation, bytes);
  const begin = performance.now();
  const end = begin + plan.seconds * 1_000;
  let operations = 0;
  const lane = async (buffer: Uint8Array): Promise<void> => {
    while (performance.now() < end && !signal.aborted) {
      await one(buffer);
      operations += 1;
    }
  };
  const stopProgress = showProgress(`${operation} ${bytes} bytes`, begin, end);
  try {
    await Promise.all(Array.from({ length: depth }, () => lane(new Uint8Array(bytes))));
  } finally {
    stopProgress();
  }
  const seconds = (performance.now() - begin) / 1_000;
  return {
    operation,
    bytes,
    operations,
    seconds: rounded(seconds),
    megabytesPerSecond: rounded((operations * bytes) / seconds / 1e6),
    operationsPerSecond: Math.round(operations / seconds),
  };
}

function operationOf(
  connection: CommandConnection,
  memory: RemoteMemory,
  operation: Operation,
  bytes: number,
): (buffer: Uint8Array) => Promise<unknown> {
  switch (operation) {
    case 'send':
      return (buffer) => connection.send(buffer);
    case 'write':
      return (buffer) => connection.write(memory, buffer);
    case 'read':
      return (buffer) => connection.read(memory, buffer.subarray(0, bytes));
    case 'atomic':
      return () => connection.fetchAdd(memory, 1n);
  }
}

const PROGRESS_WIDTH = 30;
const PROGRESS_MS = 200;

/** A bar on the terminal, if it is one. @returns what takes it away. */
function showProgress(what: string, begin: number, end: number): () => void {
  if (!process.stderr.isTTY) return () => undefined;
  const timer = setInterval(() => {
    const share = Math.min(1, (performance.now() - begin) / (end - begin));
    const done = Math.round(share * PROGRESS_WIDTH);
    process.stderr.write(`\r${what} ${'█'.repeat(done)}${'░'.repeat(PROGRESS_WIDTH - done)}`);
  }, PROGRESS_MS);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\u001b[K');
  };
}

const COLUMNS = [
  ['bytes', 9],
  ['operations', 12],
  ['seconds', 9],
  ['MB/s', 10],
  ['operations/s', 14],
] as const;

const headOf = (): string => COLUMNS.map(([name, width]) => name.padStart(width)).join('');

function rowOf(result: Result): string {
  const { bytes, operations, seconds, megabytesPerSecond, operationsPerSecond } = result;
  const cells = [bytes, operations, seconds.toFixed(2), megabytesPerSecond.toFixed(2), operationsPerSecond];
  return COLUMNS.map(([, width], column) => String(cells[column]).padStart(width)).join('');
}

const rounded = (value: number): number => Number(value.toFixed(3));
