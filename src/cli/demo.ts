import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { formatHostAndPort } from './arguments.js';
import type { EventLine } from './event-printer.js';
import { Ladder } from './ladder.js';
import { interruptedStatus } from './session.js';
import { styleFor } from './style.js';
import { TimeOrder } from './time-order.js';

interface Options {
  readonly server: string;
  readonly client: string;
  readonly capture?: string;
}

const PORT = 7471;
const HOLD_MS = 250;
/** How late a line of a child may come. */
const LATE_MS = 50;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const;
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
  const show = (line: string): void => void process.stdout.write(`${line}\n`);
  const ladder = new Ladder(`client ${client}`, `server ${server}`, style);
  const events = new TimeOrder<EventLine & { side: 'left' | 'right' }>(LATE_MS, ({ side, ...event }) => {
    const line = ladder.line(side, event);
    if (line !== undefined) show(line);
  });
  let right: Child | undefined;
  let left: Child | undefined;
  let interrupt: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    interrupt = signal;
    // Each child closes its connections by itself, and ends. The client first: the server then sees it go, and not the reverse.
    (left ?? right)?.process.kill('SIGINT');
  };
  for (const signal of SIGNALS) process.once(signal, stop);
  show(`Two processes, one connection: REQ, REP and RTU make it, DREQ and DREP end it.\n\n${ladder.header()}`);

  // Where IPv4's identification cannot be fixed the ICRC is wrong; the two of us need not mind.
  const icrc = process.platform === 'linux' ? [] : ['--icrc', 'ignore'];
  const captured = capture === undefined ? [] : ['--capture', capture];
  const greeting = ['--private-data', 'hello', '--hold-ms', `${HOLD_MS}`];
  const where = formatHostAndPort(server, PORT);
  const listening = start(['listen', where, '--count', '1', '--private-data', 'welcome', ...icrc]);
  right = listening;
  listening.onEvent = (event) => {
    if (event.event === 'listening' && interrupt === undefined) {
      left = start(['connect', where, '--from', client, ...greeting, ...icrc, ...captured]);
      left.onEvent = (seen) => events.add({ ...seen, side: 'left' });
      // Without a client the server would wait for ever.
      void left.ended.then((status) => (status !== 0 || interrupt !== undefined) && listening.process.kill('SIGINT'));
    }
    events.add({ ...event, side: 'right' });
  };

  const serverStatus = await listening.ended;
  const clientStatus = await left?.ended;
  for (const signal of SIGNALS) process.off(signal, stop);
  events.flush();

  if (interrupt !== undefined) return interruptedStatus(interrupt);
  // A child that failed has said why.
  if (clientStatus !== 0 || serverStatus !== 0) return 1;
  const packets = capture === undefined ? '' : ` The packets are in ${capture}: open it with Wireshark.`;
  show(`\nBoth processes ended with status 0.${packets}`);
  return 0;
}

interface Child {
  readonly process: ChildProcess;
  /** Resolves with the exit status when the process has ended and all its events were seen. */
  readonly ended: Promise<number>;
  onEvent: (event: EventLine) => void;
}

/**
 * Starts this program again with other arguments. Its errors go to our standard error. It has a process group of its own, or
 * a terminal's Ctrl-C would reach it twice: directly and through us.
 */
function start(args: readonly string[]): Child {
  const child = spawn(process.execPath, [PROGRAM, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const lines = createInterface({ input: child.stdout });
  const started: Child = { process: child, ended: finish(), onEvent: () => undefined };
  lines.on('line', (line) => started.onEvent(JSON.parse(line) as EventLine));
  return started;

  async function finish(): Promise<number> {
    const [[code]] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, once(lines, 'close')]);
    return code ?? 1;
  }
}
