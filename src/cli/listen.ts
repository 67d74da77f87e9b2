import { Command, Option } from 'commander';
import type { RejectReason } from '../wire/index.js';
import { type HostAndPort, integer, parseHostAndPort, parseReason, privateData, tooLong } from './arguments.js';
import type { CommandRequest } from './opened.js';
import { type ServeOptions, type Serving, serveConnections } from './serve-connections.js';
import { addServiceChoice } from './service-choice.js';
import { STOP_TIMEOUT_MS } from './session.js';

interface Options extends ServeOptions {
  readonly reject?: RejectReason | number;
  readonly privateData?: Uint8Array;
  readonly timeoutMs?: number;
  readonly backlog?: number;
}

/** What the fields of a REP and a REJ hold. */
const REP_PRIVATE_DATA_MAX = 196;
const REJ_PRIVATE_DATA_MAX = 148;

export const captureOption = (): Option =>
  new Option('--capture <file>', 'write what passes to a pcapng file, for Wireshark');
export const icrcOption = (): Option =>
  new Option('--icrc <how>', 'what to do about a wrong ICRC').choices(['verify', 'ignore']).default('verify');

export const busyPollOption = (): Option =>
  new Option('--busy-poll', 'look for datagrams all the time: the lowest latency, for a processor’s whole time');

export function listenCommand(): Command {
  return addServiceChoice(new Command('listen'))
    .description('accept (or reject) connections and show every event, until Ctrl-C or --count')
    .argument(
      '<address:port>',
      'address of this machine, and a port in the TCP port space of rdma_cm',
      parseHostAndPort,
    )
    .option('--reject <reason>', 'reject every request with this reason, by name or number', parseReason)
    .option(
      '--private-data <data>',
      `private data of the answer: text, or bytes as 0xHEX; at most ${REP_PRIVATE_DATA_MAX} bytes, or ${REJ_PRIVATE_DATA_MAX} to reject`,
      privateData(REP_PRIVATE_DATA_MAX),
    )
    .option(
      '--count <n>',
      'end after so many requests, when their connections have ended',
      integer('The count', 1, 2 ** 31),
    )
    .option('--timeout-ms <n>', 'how long a peer may take to confirm', integer('The time', 1, 86_400_000))
    .option('--backlog <n>', 'requests that may wait to be answered', integer('The backlog', 1, 65_535))
    .addOption(captureOption())
    .addOption(icrcOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm listen 127.0.0.1:7471
  ibcm listen 10.0.0.5:7471 --private-data hello --json
  ibcm listen '[fd00::5]:7471' --reject noResources --count 3`,
    )
    .action(async (where: HostAndPort, options: Options, command: Command) => {
      const { reject, privateData: data } = options;
      if (reject !== undefined && data !== undefined && data.length > REJ_PRIVATE_DATA_MAX) {
        command.error(`error: option '--private-data <data>' with '--reject': ${tooLong(data, REJ_PRIVATE_DATA_MAX)}`);
      }
      process.exitCode = await serveConnections(where, options, (request, serving) =>
        answer(request, options, serving),
      );
    });
}

/** Answers one request, and stays until its connection has ended or the user stops. */
async function answer(request: CommandRequest, options: Options, { printer, session }: Serving): Promise<void> {
  const { signal } = session;
  const { privateData, timeoutMs, reject } = options;
  if (reject !== undefined) {
    await request.reject({ reason: reject, ...(privateData && { privateData }) });
    return;
  }
  const connection = await request.accept({
    signal,
    ...(privateData && { privateData }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  printer.printEstablished(connection);
  const stop = (): void => {
    connection.disconnect({ timeoutMs: STOP_TIMEOUT_MS }).catch((error: unknown) => printer.printError(error));
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  await session.untilClosed(connection);
  signal.removeEventListener('abort', stop);
}
