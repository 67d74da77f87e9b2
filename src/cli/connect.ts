import { Command } from 'commander';
import type { CloseCause, ConnectOptions } from '../endpoint/index.js';
import { IP_CM_REQ_PRIVATE_DATA_MAX } from '../wire/index.js';
import { openTowards, preferIpv4Loopback } from './addresses.js';
import { type HostAndPort, integer, parseHostAndPort, privateData } from './arguments.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import { Session, type SessionOptions, STOP_TIMEOUT_MS } from './session.js';
import { styleFor } from './style.js';

interface Options
  extends SessionOptions,
    Pick<
      ConnectOptions,
      | 'privateData'
      | 'timeoutMs'
      | 'responseTimeoutMs'
      | 'retries'
      | 'ackTimeout'
      | 'trafficClass'
      | 'pKey'
      | 'sourcePort'
      | 'qpn'
    > {
  readonly from?: string;
  readonly holdMs: number;
  readonly json?: boolean;
}

const MS_MAX = 86_400_000;

export function connectCommand(): Command {
  return new Command('connect')
    .description('connect, hold the connection for a while, disconnect, and show every event')
    .argument('<host:port>', 'whom to connect to, and a port in the TCP port space of rdma_cm', parseHostAndPort)
    .option(
      '--from <address>',
      'address of this machine to connect from (default: by the route; to a loopback peer the next free of 127/8)',
    )
    .option(
      '--private-data <data>',
      `private data of the request: text, or bytes as 0xHEX; at most ${IP_CM_REQ_PRIVATE_DATA_MAX} bytes`,
      privateData(IP_CM_REQ_PRIVATE_DATA_MAX),
    )
    .option('--timeout-ms <n>', 'how long to try (default: 10000)', integer('The time', 1, MS_MAX))
    .option('--hold-ms <n>', 'how long to stay connected', integer('The time', 0, MS_MAX), 0)
    .option(
      '--response-timeout-ms <n>',
      'how long to wait for an answer before asking again (default: 1000)',
      integer('The time', 1, MS_MAX),
    )
    .option('--retries <n>', 'how often to ask again at most (default: 15)', integer('Retries', 0, 255))
    .option('--qpn <n>', 'queue pair number (default: a fresh one)', integer('A queue pair number', 2, 0xff_ffff))
    .option('--ack-timeout <n>', "exponent of the queue pair's ACK timeout", integer('The exponent', 1, 31))
    .option('--tos <n>', 'type of service: DSCP and ECN bits', integer('The type of service', 0, 255))
    .option('--p-key <n>', 'partition key', integer('A partition key', 0, 0xffff))
    .option('--source-port <n>', 'UDP source port', integer('A UDP port', 1, 65_535))
    .addOption(captureOption())
    .addOption(icrcOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm connect 127.0.0.1:7471
  ibcm connect server.example:7471 --private-data hello --hold-ms 5000
  ibcm connect '[fd00::5]:7471' --from fd00::6 --timeout-ms 2000 --json`,
    )
    .action(async (where: HostAndPort, { tos, ...options }: Options & { tos?: number }) => {
      process.exitCode = await connect(where, { ...options, ...(tos !== undefined && { trafficClass: tos }) });
    });
}

async function connect({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { from, holdMs, json, capture, icrc, ...chosen } = options;
  return session.run(async () => {
    await using adapter =
      from === undefined
        ? await openTowards(host, (address) => session.open(address))
        : await session.open(preferIpv4Loopback(from));
    const connection = await adapter.connect({ host, port, signal: session.signal, ...chosen });
    printer.printEstablished(connection);
    const closed = session.untilClosed(connection);
    await session.pause(holdMs, closed);
    const timeoutMs = session.signal.aborted ? STOP_TIMEOUT_MS : chosen.timeoutMs;
    await connection.disconnect(timeoutMs === undefined ? {} : { timeoutMs });
    const failure = FAILURES[await closed];
    // Whoever wants to stop needs no complaint.
    if (failure !== undefined && !session.signal.aborted) throw new Error(`${host} ${failure}`);
    return 0;
  });
}

/** Ends of a connection that nobody wanted. */
const FAILURES: Partial<Record<CloseCause, string>> = {
  unacknowledged: 'did not acknowledge the disconnect in time: it, or its process, may be gone',
  rejected: 'rejected the connection after it was established',
  stale: 'has forgotten the connection: its process may have restarted',
};
