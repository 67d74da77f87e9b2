import { open } from 'node:fs/promises';
import { Command } from 'commander';
import { parseGid } from '../base/index.js';
import { CaptureFile } from '../io/index.js';
import type { AdminClient, TracedPacket, TraceRequest } from '../service/index.js';
import { administer, serviceOption } from './administer.js';
import { integer } from './arguments.js';
import { styleFor } from './style.js';
import { TraceLines } from './trace-lines.js';
import { untilInterrupted } from './until-interrupted.js';

interface Options {
  readonly service?: string;
  readonly peer?: string;
  readonly message?: readonly string[];
  readonly cid?: number;
  readonly count?: number;
  readonly capture?: string;
  readonly json?: boolean;
}

export function traceCommand(): Command {
  return new Command()
    .option('--peer <address>', 'only messages from or to this address')
    .option('--message <names...>', 'only these messages, such as REQ REJ')
    .option(
      '--cid <n>',
      'only messages of one connection, as ibcm ps shows it',
      integer('A CID', 0, Number.MAX_SAFE_INTEGER),
    )
    .option('--count <n>', 'end after so many messages', integer('The count', 1, 2 ** 31))
    .option('--capture <file>', 'write them to a pcapng file, too, for Wireshark')
    .addOption(serviceOption())
    .option('--json', 'one JSON object a line, with every field')
    .addHelpText(
      'after',
      `
It sees what passes the service's addresses, whoever owns the connection. If it cannot keep up, messages are left out and a line says how many; the service is not slowed down.

Examples:
  ibcm trace
  ibcm trace --message REQ REJ --peer 10.0.0.7
  ibcm trace --cid 1048580 --json
  ibcm trace --capture trace.pcapng --count 1000`,
    )
    .action(async (options: Options) => {
      process.exitCode = await administer(options.service, (client) => trace(client, options));
    });
}

async function trace(client: AdminClient, options: Options): Promise<number> {
  const { peer, message, cid, count = Number.POSITIVE_INFINITY, json } = options;
  const request: TraceRequest = {
    ...(peer !== undefined && { peer }),
    ...(message && { messages: message }),
    ...(cid !== undefined && { cid }),
  };
  const capture = await openCapture(options.capture);
  const lines = new TraceLines(json === true, styleFor(process.stdout));
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const done = new AbortController();
  try {
    return await untilInterrupted(async (interrupted) => {
      const signal = AbortSignal.any([interrupted, done.signal]);
      let left = count;
      for await (const { messages, lost } of client.trace(request, signal, () => print(lines.begun(client.socket)))) {
        if (lost > 0) print(lines.lost(lost));
        for (const each of messages.slice(0, left)) {
          print(lines.message(each));
          if (capture !== undefined) record(capture, each);
        }
        left -= messages.length;
        if (left <= 0) done.abort();
      }
    });
  } finally {
    await capture?.close();
  }
}

/** Whether the file can be written should show now, and not when all is over. */
async function openCapture(path: string | undefined): Promise<CaptureFile | undefined> {
  if (path === undefined) return undefined;
  try {
    await (await open(path, 'w')).close();
  } catch (error) {
    throw new Error(`cannot write the capture: ${(error as Error).message}`, { cause: error });
  }
  return new CaptureFile(path);
}

function record(file: CaptureFile, traced: TracedPacket): void {
  const { sent, localAddress, remoteAddress, sourcePort, trafficClass, packet, timeUs } = traced;
  const [local, remote] = [parseGid(localAddress), parseGid(remoteAddress)];
  file.write(sent ? local : remote, sent ? remote : local, sourcePort, trafficClass, packet, timeUs / 1_000);
}
