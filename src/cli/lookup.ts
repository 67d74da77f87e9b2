import { Command } from 'commander';
import { IP_CM_SIDR_PRIVATE_DATA_MAX } from '../wire/index.js';
import { type HostAndPort, parseHostAndPort } from './arguments.js';
import { addAskOptions, type AskCommandOptions as Options, openFor } from './ask-options.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import { Session } from './session.js';
import { styleFor } from './style.js';

export function lookupCommand(): Command {
  const command = new Command('lookup')
    .description('ask which queue pair serves datagrams on a port (SIDR), and show every event')
    .argument('<host:port>', 'whom to ask, and a port in the UDP port space of rdma_cm', parseHostAndPort);
  return addAskOptions(command, IP_CM_SIDR_PRIVATE_DATA_MAX)
    .addOption(captureOption())
    .addOption(icrcOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm lookup 127.0.0.1:7472
  ibcm lookup server.example:7174 --private-data hello --json | tail -1 | jq .qpn`,
    )
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await lookup(where, options);
    });
}

async function lookup({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { from, json, capture, icrc, service, tos, ...asked } = options;
  const chosen = { ...asked, ...(tos !== undefined && { trafficClass: tos }) };
  return session.run(async () => {
    await using opened = await openFor(session, host, from);
    const { signal } = session;
    printer.printFound(await opened.adapter.lookup({ host, port, signal, ...opened.from, ...chosen }));
    return 0;
  });
}
