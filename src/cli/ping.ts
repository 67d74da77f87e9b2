import { Command } from 'commander';
import { IP_CM_REQ_PRIVATE_DATA_MAX } from '../wire/index.js';
import { type HostAndPort, integer, parseHostAndOptionalPort } from './arguments.js';
import { type AskCommandOptions, addAskOptions, MS_MAX, openFor } from './ask-options.js';
import { EventPrinter } from './event-printer.js';
import { busyPollOption, captureOption, icrcOption } from './listen.js';
import type { CommandConnection } from './opened.js';
import {
  RPING_BYTES_DEFAULT,
  RPING_BYTES_MAX,
  RPING_BYTES_MIN,
  RPING_CONNECTION,
  RPING_PORT,
  RpingClient,
} from './rping.js';
import { Session, STOP_TIMEOUT_MS } from './session.js';
import { styleFor } from './style.js';

interface Options extends AskCommandOptions {
  readonly count: number;
  readonly size: number;
  readonly intervalMs: number;
  readonly quiet?: boolean;
}

const DEFAULT_COUNT = 5;

export function pingCommand(): Command {
  const command = new Command('ping')
    .description(
      "move data there and back, and check it: speaks rping's protocol, with another ibcm or with rdma-core's rping -s",
    )
    .argument(
      '<host[:port]>',
      `whom to ping; port ${RPING_PORT} if none is given`,
      parseHostAndOptionalPort(RPING_PORT),
    );
  return addAskOptions(command, IP_CM_REQ_PRIVATE_DATA_MAX)
    .option('-C, --count <n>', 'rounds; 0: until Ctrl-C', integer('The count', 0, 2 ** 31), DEFAULT_COUNT)
    .option(
      '-S, --size <n>',
      `bytes in a round, ${RPING_BYTES_MIN} to ${RPING_BYTES_MAX}; rping -s takes as many as its own -S says`,
      integer('The size', RPING_BYTES_MIN, RPING_BYTES_MAX),
      RPING_BYTES_DEFAULT,
    )
    .option('--interval-ms <n>', 'between two rounds', integer('The time', 0, MS_MAX), 0)
    .option('--quiet', 'no line for each round')
    .addOption(captureOption())
    .addOption(icrcOption())
    .addOption(busyPollOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm ping 127.0.0.1
  ibcm ping server.example --count 1000 --size 65535 --quiet
  ibcm ping '[fd00::5]:7174' --json`,
    )
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await ping(where, options);
    });
}

async function ping({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { from, count, size, intervalMs, quiet, json, capture, icrc, service, tos, ...asked } = options;
  const chosen = { ...asked, ...RPING_CONNECTION, ...(tos !== undefined && { trafficClass: tos }) };
  return session.run(async () => {
    await using opened = await openFor(session, host, from);
    const connection = await opened.adapter.connect({
      host,
      port,
      signal: session.signal,
      ...opened.from,
      ...chosen,
    });
    printer.printEstablished(connection);
    const closed = session.untilClosed(connection);
    try {
      await pingRounds(connection, options, printer, session);
    } finally {
      await connection.disconnect({ timeoutMs: STOP_TIMEOUT_MS });
      await closed;
    }
    return 0;
  });
}

/** All rounds, and what they took in the end, however it comes. */
async function pingRounds(
  connection: CommandConnection,
  options: Options,
  printer: EventPrinter,
  session: Session,
): Promise<void> {
  const { count, size, intervalMs, quiet } = options;
  const client = await RpingClient.over(connection, size);
  const times: number[] = [];
  try {
    for (let round = 0; (count === 0 || round < count) && !session.signal.aborted; round += 1) {
      if (round > 0 && intervalMs > 0) await session.pause(intervalMs, connection.closed);
      const begin = performance.now();
      await client.ping(session.signal);
      const ms = performance.now() - begin;
      times.push(ms);
      if (quiet !== true) printer.print('reply', { round, bytes: size, ms: rounded(ms) });
    }
  } finally {
    printer.print('pinged', { rounds: times.length, bytes: size, ...summary(times) });
  }
}

function summary(times: readonly number[]): Record<string, number> {
  if (times.length === 0) return {};
  const sorted = times.toSorted((a, b) => a - b);
  const mean = times.reduce((sum, each) => sum + each, 0) / times.length;
  return {
    minMs: rounded(sorted[0] as number),
    medianMs: rounded(sorted[sorted.length >> 1] as number),
    meanMs: rounded(mean),
    maxMs: rounded(sorted.at(-1) as number),
  };
}

const rounded = (ms: number): number => Number(ms.toFixed(3));
