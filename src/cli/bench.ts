import { setMaxListeners } from 'node:events';
import { Argument, Command, Option } from 'commander';
import type { AskOptions } from '../endpoint/index.js';
import { type HostAndPort, integer, parseHostAndPort } from './arguments.js';
import { type AskCommandOptions, addAskOptions, openFor } from './ask-options.js';
import { EventPrinter } from './event-printer.js';
import { busyPollOption } from './listen.js';
import type { CommandAdapter, CommandConnection, CommandRequest } from './opened.js';
import { Session } from './session.js';
import { styleFor } from './style.js';

interface Options extends AskCommandOptions {
  readonly connections: number;
  readonly atOnce?: number;
}

/** What one step took, over all connections. Times in microseconds. */
interface StepResult {
  readonly step: string;
  /** From the first beginning to the last end, in milliseconds. */
  readonly totalMs: number;
  readonly max: number;
  readonly min: number;
  /** The total by the number of connections: less than the least of them where they run side by side. */
  readonly each: number;
  readonly perSecond: number;
}

const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_DEFAULT = 1_000;
const AT_ONCE_DEFAULT = 100;
const REQUEST_BYTES_MAX = 56;
/** Where the peer of our own is, if none is named. */
const OWN_PEER: HostAndPort = { host: '127.0.0.1', port: 7_471 };

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('measure how long connections take, step by step: a table in the manner of rdma-core’s cmtime')
    .addArgument(new Argument('<what>', 'what to measure').choices(['connect']))
    .argument(
      '[host:port]',
      'whom to connect to, such as an ibcm listen; default: a listener of its own',
      parseHostAndPort,
    );
  return addAskOptions(command, REQUEST_BYTES_MAX)
    .option('--connections <n>', 'how many', integer('Connections', 1, CONNECTIONS_MAX), CONNECTIONS_DEFAULT)
    .option(
      '--at-once <n>',
      `how many side by side (default: ${AT_ONCE_DEFAULT})`,
      integer('Connections', 1, CONNECTIONS_MAX),
    )
    .addOption(new Option('--sockets <kind>', 'how to send and receive').choices(['batched', 'dgram']))
    .addOption(busyPollOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm bench connect
  ibcm bench connect server.example:7471 --connections 5000 --at-once 1
  ibcm bench connect --sockets dgram --json

us/conn is the total by the number of connections, max and min are of single ones.`,
    )
    .action(async (_what: string, where: HostAndPort | undefined, options: Options) => {
      process.exitCode = await bench(where, options);
    });
}

async function bench(where: HostAndPort | undefined, options: Options): Promise<number> {
  const json = options.json === true;
  const style = styleFor(process.stdout);
  const printer = new EventPrinter(process.stdout, json, style);
  const session = new Session(printer, options, false);
  return session.run(async () => {
    const peer = where ?? OWN_PEER;
    await using opened = await openFor(session, peer.host, options.from);
    const { adapter } = opened;
    await using server = where === undefined ? await acceptAll(adapter, peer.port) : undefined;
    const host = server?.address ?? peer.host;
    if (!json) process.stdout.write(`${style.bold(HEAD)}\n`);
    for await (const result of steps(adapter, { host, port: peer.port }, options, session.signal)) {
      if (json) printer.print('step', { ...result });
      else process.stdout.write(`${rowOf(result)}\n`);
    }
    return 0;
  });
}

/** The client's adapter is its own peer: it accepts what it asks of itself. */
async function acceptAll(
  adapter: CommandAdapter,
  port: number,
): Promise<AsyncDisposable & { readonly address: string }> {
  const listener = await adapter.listen({ port, backlog: CONNECTIONS_MAX });
  const accepting = accept(listener);
  const end = async (): Promise<void> => {
    listener.close();
    await accepting;
  };
  return { address: adapter.addresses[0] as string, [Symbol.asyncDispose]: end };
}

async function accept(listener: AsyncIterable<CommandRequest>): Promise<void> {
  for await (const request of listener) {
    // Whoever asks gives up by himself; that is his to tell.
    void request.accept().catch(() => undefined);
  }
}

/** Each step is done for all connections before the next begins. */
async function* steps(
  adapter: CommandAdapter,
  { host, port }: HostAndPort,
  options: Options,
  signal: AbortSignal,
): AsyncGenerator<StepResult> {
  const { connections: count, atOnce = AT_ONCE_DEFAULT, tos } = options;
  const chosen = { ...askedOf(options), ...(tos !== undefined && { trafficClass: tos }) };
  const connections: CommandConnection[] = [];
  // Every connection that is waited for listens.
  setMaxListeners(0, signal);
  yield await timed('connect', count, atOnce, async () => {
    connections.push(await adapter.connect({ host, port, signal, ...chosen }));
  });
  yield await timed('disconnect', count, atOnce, async (index) => {
    await (connections[index] as CommandConnection).disconnect({ signal });
  });
}

/** What a request is asked with, of what the command was given. */
function askedOf({
  privateData,
  timeoutMs,
  responseTimeoutMs,
  retries,
  pKey,
  sourcePort,
}: Options): Partial<AskOptions> {
  return {
    ...(privateData && { privateData }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(responseTimeoutMs !== undefined && { responseTimeoutMs }),
    ...(retries !== undefined && { retries }),
    ...(pKey !== undefined && { pKey }),
    ...(sourcePort !== undefined && { sourcePort }),
  };
}

async function timed(
  step: string,
  count: number,
  atOnce: number,
  run: (index: number) => Promise<void>,
): Promise<StepResult> {
  let [next, max, min] = [0, 0, Number.POSITIVE_INFINITY];
  const begin = performance.now();
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      const start = performance.now();
      await run(index);
      const took = (performance.now() - start) * 1_000;
      max = Math.max(max, took);
      min = Math.min(min, took);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
  const totalMs = performance.now() - begin;
  return {
    step,
    totalMs: rounded(totalMs),
    max: rounded(max),
    min: rounded(min),
    each: rounded((totalMs * 1_000) / count),
    perSecond: Math.round(count / (totalMs / 1_000)),
  };
}

const COLUMNS = [
  ['step', 12],
  ['total ms', 12],
  ['max us', 12],
  ['min us', 12],
  ['us/conn', 12],
  ['conn/sec', 12],
] as const;
const HEAD = COLUMNS.map(([name, width], column) => (column === 0 ? name.padEnd(width) : name.padStart(width))).join(
  '',
);

function rowOf({ step, totalMs, max, min, each, perSecond }: StepResult): string {
  const numbers = [totalMs.toFixed(2), max.toFixed(2), min.toFixed(2), each.toFixed(2), String(perSecond)];
  return step.padEnd(COLUMNS[0][1]) + numbers.map((text, i) => text.padStart(COLUMNS[i + 1]?.[1] ?? 0)).join('');
}

const rounded = (value: number): number => Number(value.toFixed(3));
