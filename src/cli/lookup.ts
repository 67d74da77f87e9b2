import { Command } from 'commander';
import type { AskOptions } from '../endpoint/index.js';
import { IP_CM_SIDR_PRIVATE_DATA_MAX } from '../wire/index.js';
import { openTowards, preferIpv4Loopback } from './addresses.js';
import { type HostAndPort, integer, parseHostAndPort, privateData } from './arguments.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import { Session, type SessionOptions } from './session.js';
import { styleFor } from './style.js';

interface Options extends SessionOptions, Omit<AskOptions, 'host' | 'port' | 'signal'> {
  readonly from?: string;
  readonly json?: boolean;
}

const MS_MAX = 86_400_000;

export function lookupCommand(): Command {
  return new Command('lookup')
    .description('ask which queue pair serves datagrams on a port (SIDR), and show every event')
    .argument('<host:port>', 'whom to ask, and a port in the UDP port space of rdma_cm', parseHostAndPort)
    .option(
      '--from <address>',
      'address of this machine to ask from (default: by the route; to a loopback peer the next free of 127/8)',
    )
    .option(
      '--private-data <data>',
      `private data of the request: text, or bytes as 0xHEX; at most ${IP_CM_SIDR_PRIVATE_DATA_MAX} bytes`,
      privateData(IP_CM_SIDR_PRIVATE_DATA_MAX),
    )
    .option('--timeout-ms <n>', 'how long to try (default: 10000)', integer('The time', 1, MS_MAX))
    .option(
      '--response-timeout-ms <n>',
      'how long to wait for an answer before asking again (default: 1000)',
      integer('The time', 1, MS_MAX),
    )
    .option('--retries <n>', 'how often to ask again at most (default: 15)', integer('Retries', 0, 255))
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
  ibcm lookup 127.0.0.1:7472
  ibcm lookup server.example:7174 --private-data hello --json | tail -1 | jq .qpn`,
    )
    .action(async (where: HostAndPort, { tos, ...options }: Options & { tos?: number }) => {
      process.exitCode = await lookup(where, { ...options, ...(tos !== undefined && { trafficClass: tos }) });
    });
}

async function lookup({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { from, json, capture, icrc, ...chosen } = options;
  return session.run(async () => {
    await using adapter =
      from === undefined
        ? await openTowards(host, (address) => session.open(address))
        : await session.open(preferIpv4Loopback(from));
    const { signal } = session;
    printer.printFound(await adapter.lookup({ host, port, signal, ...chosen }));
    return 0;
  });
}
