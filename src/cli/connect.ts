import { Command } from 'commander';
import type { ConnectOptions } from '../endpoint/index.js';
import type { ServiceCloseCause } from '../service/index.js';
import { IP_CM_REQ_PRIVATE_DATA_MAX } from '../wire/index.js';
import { type HostAndPort, integer, parseHostAndPort } from './arguments.js';
import { type AskCommandOptions, addAskOptions, MS_MAX, openFor } from './ask-options.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import { Session, STOP_TIMEOUT_MS } from './session.js';
import { styleFor } from './style.js';

interface Options extends AskCommandOptions, Pick<ConnectOptions, 'ackTimeout' | 'qpn'> {
  readonly holdMs: number;
}

export function connectCommand(): Command {
  const command = new Command('connect')
    .description('connect, hold the connection for a while, disconnect, and show every event')
    .argument('<host:port>', 'whom to connect to, and a port in the TCP port space of rdma_cm', parseHostAndPort);
  return addAskOptions(command, IP_CM_REQ_PRIVATE_DATA_MAX)
    .option('--hold-ms <n>', 'how long to stay connected', integer('The time', 0, MS_MAX), 0)
    .option(
      '--qpn <n>',
      'number of a queue pair that you have elsewhere (default: one of its own)',
      integer('A queue pair number', 2, 0xff_ffff),
    )
    .option('--ack-timeout <n>', "exponent of the queue pair's ACK timeout", integer('The exponent', 1, 31))
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
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await connect(where, options);
    });
}

async function connect({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { from, holdMs, json, capture, icrc, service, tos, ...asked } = options;
  const chosen = { ...asked, ...(tos !== undefined && { trafficClass: tos }) };
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
const FAILURES: Partial<Record<ServiceCloseCause, string>> = {
  unacknowledged: 'did not acknowledge the disconnect in time: it, or its process, may be gone',
  rejected: 'rejected the connection after it was established',
  lost: 'cannot be told any more: the service that had the connection is gone, and the connection with it',
  stale: 'has forgotten the connection: its process may have restarted',
};
