import { Command } from 'commander';
import type { SidrStatus } from '../wire/index.js';
import { preferIpv4Loopback } from './addresses.js';
import { type HostAndPort, integer, parseHostAndPort, parseStatus, privateData } from './arguments.js';
import { EventPrinter } from './event-printer.js';
import { captureOption, icrcOption } from './listen.js';
import type { CommandLookupRequest } from './opened.js';
import { addServiceChoice } from './service-choice.js';
import { Session, type SessionOptions } from './session.js';
import { styleFor } from './style.js';

interface Options extends SessionOptions {
  readonly qpn?: number;
  readonly qKey?: number;
  readonly reject?: Exclude<SidrStatus, 'valid'> | number;
  readonly privateData?: Uint8Array;
  readonly count?: number;
  readonly backlog?: number;
  readonly json?: boolean;
}

/** What a SIDR_REP holds. */
const PRIVATE_DATA_MAX = 136;

export function serveLookupCommand(): Command {
  return addServiceChoice(new Command('serve-lookup'))
    .description('tell those who look a datagram service up (SIDR) which queue pair serves, until Ctrl-C or --count')
    .argument(
      '<address:port>',
      'address of this machine, and a port in the UDP port space of rdma_cm',
      parseHostAndPort,
    )
    .option(
      '--qpn <n>',
      'queue pair that serves (default: a fresh number)',
      integer('A queue pair number', 2, 0xff_ffff),
    )
    .option(
      '--q-key <n>',
      "Q_Key of the datagrams to it (default: rdma_cm's, 0x01234567)",
      integer('A Q_Key', 0, 0xffff_ffff),
    )
    .option('--reject <status>', 'reject every request with this status, by name or number', parseStatus)
    .option(
      '--private-data <data>',
      `private data of the answer: text, or bytes as 0xHEX; at most ${PRIVATE_DATA_MAX} bytes`,
      privateData(PRIVATE_DATA_MAX),
    )
    .option('--count <n>', 'end after so many requests', integer('The count', 1, 2 ** 31))
    .option('--backlog <n>', 'requests that may wait to be answered', integer('The backlog', 1, 65_535))
    .addOption(captureOption())
    .addOption(icrcOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm serve-lookup 127.0.0.1:7472 --qpn 0x1234
  ibcm serve-lookup 10.0.0.5:7174 --reject noQp --count 3 --json`,
    )
    .action(async (where: HostAndPort, options: Options) => {
      process.exitCode = await serveLookups(where, options);
    });
}

async function serveLookups({ host, port }: HostAndPort, options: Options): Promise<number> {
  const printer = new EventPrinter(process.stdout, options.json === true, styleFor(process.stdout));
  const session = new Session(printer, options);
  const { backlog, count = Number.POSITIVE_INFINITY } = options;
  return session.run(async () => {
    await using opened = await session.open(preferIpv4Loopback(host));
    const listener = await opened.adapter.listenDatagram({
      port,
      ...opened.at,
      ...(backlog !== undefined && { backlog }),
    });
    printer.print('listening', { address: listener.address, port });
    session.signal.addEventListener('abort', () => listener.close(), { once: true });
    let left = count;
    for await (const request of listener) {
      await answer(request, options);
      left -= 1;
      if (left <= 0) break;
    }
    return 0;
  });
}

async function answer(request: CommandLookupRequest, { reject, qpn, qKey, privateData: data }: Options): Promise<void> {
  const told = data && { privateData: data };
  if (reject !== undefined) await request.reject({ status: reject, ...told });
  else await request.accept({ ...(qpn !== undefined && { qpn }), ...(qKey !== undefined && { qKey }), ...told });
}
