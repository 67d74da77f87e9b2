import { Command } from 'commander';
import { type HostAndPort, integer, parseHostAndOptionalPort } from './arguments.js';
import { busyPollOption, captureOption, icrcOption } from './listen.js';
import type { CommandRequest } from './opened.js';
import { encodeMemory, PERF_BYTES_MAX, PERF_DEPTH_MAX, PERF_PORT, PERF_SEND_BYTES_MAX } from './perf-protocol.js';
import { type ServeOptions, type Serving, serveConnections } from './serve-connections.js';
import { addServiceChoice } from './service-choice.js';
import { STOP_TIMEOUT_MS } from './session.js';

export function servePerfCommand(): Command {
  return addServiceChoice(new Command('serve-perf'))
    .description(
      'be the other end of ibcm perf: take messages, and let memory be written, read and added to; until Ctrl-C or --count',
    )
    .argument(
      '<address[:port]>',
      `address of this machine; port ${PERF_PORT} if none is given`,
      parseHostAndOptionalPort(PERF_PORT),
    )
    .option('--count <n>', 'end after so many clients', integer('The count', 1, 2 ** 31))
    .addOption(captureOption())
    .addOption(icrcOption())
    .addOption(busyPollOption())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  ibcm serve-perf 127.0.0.1
  ibcm serve-perf '[fd00::5]:${PERF_PORT}' --count 1`,
    )
    .action(async (where: HostAndPort, options: ServeOptions) => {
      process.exitCode = await serveConnections(where, options, take);
    });
}

/** Takes all that one client sends, until it disconnects or the user stops. */
async function take(request: CommandRequest, { printer, session }: Serving): Promise<void> {
  const { signal } = session;
  const connection = await request.accept({ signal, receives: PERF_DEPTH_MAX, receiveBytes: PERF_SEND_BYTES_MAX });
  printer.printEstablished(connection);
  const closed = session.untilClosed(connection);
  let messages = 0;
  try {
    const region = await connection.register(new Uint8Array(PERF_BYTES_MAX), {
      remoteRead: true,
      remoteWrite: true,
      remoteAtomic: true,
    });
    await connection.send(encodeMemory(region.address, region.rkey));
    while ((await connection.receive({ signal })) !== undefined) messages += 1;
  } finally {
    printer.print('served', { messages });
    await connection.disconnect({ timeoutMs: STOP_TIMEOUT_MS });
    await closed;
  }
}
