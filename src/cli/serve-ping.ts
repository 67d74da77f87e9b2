import { Command } from 'commander';
import { type HostAndPort, integer, parseHostAndOptionalPort } from './arguments.js';
import { busyPollOption, captureOption, icrcOption } from './listen.js';
import type { CommandRequest } from './opened.js';
import { RPING_CONNECTION, RPING_PORT, serveRping } from './rping.js';
import { type ServeOptions, type Serving, serveConnections } from './serve-connections.js';
import { addServiceChoice } from './service-choice.js';
import { STOP_TIMEOUT_MS } from './session.js';

interface Options extends ServeOptions {
  readonly quiet?: boolean;
}

export function servePingCommand(): Command {
  return addServiceChoice(new Command('serve-ping'))
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
    .addOption(busyPollOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm serve-ping 127.0.0.1
  ibcm serve-ping 10.0.0.5:7174 --quiet --json`,
    )
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await serveConnections(where, options, (request, serving) => echo(request, options, serving));
    });
}

/** Serves one client until it disconnects, or the user stops. */
async function echo(request: CommandRequest, { quiet }: Options, { printer, session }: Serving): Promise<void> {
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
