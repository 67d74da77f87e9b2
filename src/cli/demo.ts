import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { EventLine } from './event-printer.js';
import { Ladder } from './ladder.js';
import { styleFor } from './style.js';

interface Options {
  readonly server: string;
  readonly client: string;
  readonly capture?: string;
}

const PORT = 7471;
const HOLD_MS = 250;
const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));

export function demoCommand(): Command {
  return new Command('demo')
    .description('two processes connect and disconnect over UDP port 4791; shows the ladder as it happens')
    .option('--capture <file>', 'write the packets to a pcapng file, for Wireshark')
    .option('--server <address>', 'address of the listening process', '127.0.0.1')
    .option('--client <address>', 'address of the connecting process', '127.0.0.2')
    .addHelpText(
      'after',
      `
Examples:
  ibcm demo
  ibcm demo --capture demo.pcapng
  ibcm demo --server 127.0.1.1 --client 127.0.1.2`,
    )
    .action(async (options: Options) => {
      process.exitCode = await demo(options);
    });
}

async function demo({ server, client, capture }: Options): Promise<number> {
  const style = styleFor(process.stdout);
  const ladder = new Ladder(`client ${client}`, `server ${server}`, style);
  const show = (line: string): void => void process.stdout.write(`${line}\n`);
  // Where IPv4's identification cannot be fixed the ICRC is wrong; the two of us need not mind.
  const icrc = process.platform === 'linux' ? [] : ['--icrc', 'ignore'];
  show(`Two processes, one connection: REQ, REP and RTU make it, DREQ and DREP end it.\n\n${ladder.header()}`);

  const right = start(['listen', `${server}:${PORT}`, '--count', '1', '--private-data', 'welcome', ...icrc]);
  let left: Child | undefined;
  const stop = (): void => {
    // Each child closes its connections by itself, and ends.
    right.process.kill('SIGINT');
    left?.process.kill('SIGINT');
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  right.onEvent = (event) => {
    if (event.event === 'listening') {
      left = start([
        'connect',
        `${server}:${PORT}`,
        '--from',
        client,
        '--private-data',
        'hello',
        '--hold-ms',
        `${HOLD_MS}`,
        ...icrc,
        ...(capture === undefined ? [] : ['--capture', capture]),
      ]);
      left.onEvent = (seen) => showLine(ladder.line('left', seen));
      // Without a client the server would wait for ever.
      void left.ended.then((status) => status !== 0 && right.process.kill('SIGINT'));
    }
    showLine(ladder.line('right', event));
  };
  const showLine = (line: string | undefined): void => {
    if (line !== undefined) show(line);
  };

  const serverStatus = await right.ended;
  const clientStatus = await (left as Child | undefined)?.ended;
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
  const failed = serverStatus !== 0 ? serverStatus : (clientStatus ?? 1);
  if (failed !== 0) {
    process.stderr.write('ibcm: the demo failed; the reason stands above\n');
    return failed;
  }
  show(
    `\nBoth processes ended with status 0.${capture === undefined ? '' : ` The packets are in ${capture}: open it with Wireshark.`}`,
  );
  return 0;
}

interface Child {
  readonly process: ChildProcess;
  /** Resolves with the exit status when the process has ended and all its events were seen. */
  readonly ended: Promise<number>;
  onEvent: (event: EventLine) => void;
}

/** Starts this program again with other arguments. Its errors go to our standard error. */
function start(args: readonly string[]): Child {
  const child = spawn(process.execPath, [PROGRAM, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const started: Child = { process: child, ended: finish(), onEvent: () => undefined };
  lines.on('line', (line) => started.onEvent(JSON.parse(line) as EventLine));
  return started;

  async function finish(): Promise<number> {
    const [[code]] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, once(lines, 'close')]);
    return code ?? 1;
  }
}
