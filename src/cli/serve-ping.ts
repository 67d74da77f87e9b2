import { Command } from 'commander';
import type { ConnectionRequest } from '../endpoint/index.js';
import { preferIpv4Loopback } from './addresses.js';
import { type HostAndPort, integer, parseHostAndOptionalPort } from './arguments.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import { RPING_CONNECTION, RPING_PORT, serveRping } from './rping.js';
import { serveRequests } from './serve-requests.js';
import { Session, type SessionOptions, STOP_TIMEOUT_MS } from './session.js';
import { styleFor } from './style.js';

interface Options extends SessionOptions {
  readonly count?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function servePingCommand(): Command {
  return new Command('serve-ping')
    .description(
      "echo what clients of rping's protocol move here: ibcm ping, or rdma-core's rping -c; until Ctrl-C or --count",
    )
    .argument(
      '<address[:port]>',
      `address of this machine; port ${RPING_PORT} if none is given`,
      parseHostAndOptionalPort(RPING_PORT),
    )
    .option('--count <n>', 'end after so many clients', integer('The count', 1, 2 ** 31))
    .option('--quiet', 'no line for each round')
    .addOption(captureOption())
    .addOption(icrcOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm serve-ping 127.0.0.1
  ibcm serve-ping 10.0.0.5:7174 --quiet --json`,
    )
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await servePing(where, options);
    });
}

async function servePing({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  return session.run(async () => {
    await using adapter = await session.open(preferIpv4Loopback(host));
    const listener = await adapter.listen({ port });
    printer.print('listening', { address: listener.address, port });
    session.signal.addEventListener('abort', () => listener.close(), { once: true });
    await serveRequests(listener, options.count, printer, session, (request) =>
      echo(request, options, printer, session),
    );
    return 0;
  });
}

/** Serves one client until it disconnects, or the user stops. */
async function echo(
  request: ConnectionRequest,
  { quiet }: Options,
  printer: EventPrinter,
  session: Session,
): Promise<void> {
  const connection = await request.accept({ signal: session.signal, ...RPING_CONNECTION });
  printer.printEstablished(connection);
  const closed = session.untilClosed(connection);
  let rounds = 0;
  try {
    await serveRping(connection, session.signal, ({ length }) => {
      if (quiet !== true) printer.print('echoed', { round: rounds, bytes: length });
      rounds += 1;
    });
  } finally {
    printer.print('served', { rounds });
    await connection.disconnect({ timeoutMs: STOP_TIMEOUT_MS });
    await closed;
  }
}
