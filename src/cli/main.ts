import { Command, CommanderError } from 'commander';
import { benchCommand } from './bench.js';
import { connectCommand } from './connect.js';
import { decodeCommand } from './decode.js';
import { demoCommand } from './demo.js';
import { doctorCommand } from './doctor.js';
import { exploreCommand } from './explore.js';
import { lazyCommand } from './lazy-command.js';
import { listenCommand } from './listen.js';
import { lookupCommand } from './lookup.js';
import { endWhenOutputFails, STATUS_FAILED } from './output-failure.js';
import { perfCommand } from './perf.js';
import { pingCommand } from './ping.js';
import { serveLookupCommand } from './serve-lookup.js';
import { servePerfCommand } from './serve-perf.js';
import { servePingCommand } from './serve-ping.js';
import { simCommand } from './sim.js';
import { version } from './version.js';

const STATUS_USAGE = 2;

function program(): Command {
  const all = new Command('ibcm')
    .description('InfiniBand Connection Manager over RoCEv2, in user space')
    .version(version())
    .addHelpText(
      'after',
      `
Examples:
  ibcm demo                                   two processes connect, as a ladder
  ibcm doctor                                 whether this machine lets it work, and how fast
  ibcm listen 127.0.0.1:7471                  in one terminal
  ibcm connect 127.0.0.1:7471 --hold-ms 5000  in another
  ibcm serve-lookup 127.0.0.1:7472            datagrams: tell who looks the service up
  ibcm lookup 127.0.0.1:7472                  which queue pair serves
  ibcm serve-ping 127.0.0.1                   echo what clients send, write and read
  ibcm ping 127.0.0.1                         move data there and back, and check it
  ibcm perf write 127.0.0.1                   how fast, with an ibcm serve-perf there
  ibcm bench connect                          how long connections take
  ibcm serve --address 10.0.0.5               a service that owns an address, for many programs
  ibcm ps                                     what it holds; also ibcm stats, ibcm trace
  ibcm decode capture.pcapng                  what a capture holds
  ibcm sim --seeds 1..1000                    many runs in a simulated network with faults
  ibcm explore                                every order of events in small scripts

Exit status: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.`,
    );
  all.exitOverride();
  complainOnOneLine(all, 'ibcm');
  const prepare = (command: Command, name: string): Command => {
    command.copyInheritedSettings(all);
    complainOnOneLine(command, name);
    for (const each of command.commands) prepare(each as Command, `${name} ${each.name()}`);
    return command;
  };
  const prepared = (command: Command): Command => prepare(command, `ibcm ${command.name()}`);
  const lazy = (name: string, about: string, load: () => Promise<Command>): Command =>
    lazyCommand(name, about, async () => prepare(await load(), `ibcm ${name}`));
  const commands = [
    ...[demoCommand(), doctorCommand(), listenCommand(), connectCommand(), serveLookupCommand(), lookupCommand()].map(
      prepared,
    ),
    ...[servePingCommand(), pingCommand(), servePerfCommand(), perfCommand(), benchCommand()].map(prepared),
    lazy('serve', 'own addresses of this machine for the programs on it: the daemon', async () =>
      (await import('./serve.js')).serveCommand(),
    ),
    lazy('ps', "list a running service's connections: both ends, state, age, owner", async () =>
      (await import('./ps.js')).psCommand(),
    ),
    lazy('stats', 'show what a running service has counted: messages, drops, rejects, times, clients', async () =>
      (await import('./stats.js')).statsCommand(),
    ),
    lazy('trace', 'follow the CM messages of a running service as they pass', async () =>
      (await import('./trace.js')).traceCommand(),
    ),
    lazy('service', 'look after a running service: status, check, reload, drain, log level, metrics', async () =>
      (await import('./service.js')).serviceCommand(),
    ),
    ...[decodeCommand(), simCommand(), exploreCommand()].map(prepared),
  ];
  for (const command of commands) all.addCommand(command);
  return all;
}

/** commander's complaint about wrong usage, and its proposal if it has one, as one line that says where to find help. */
function complainOnOneLine(command: Command, name: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      write(`ibcm: ${onOneLine(text.replace(/^error: /, ''))} (see "${name} --help")\n`);
    },
  });
}

const onOneLine = (text: string): string => text.trim().replaceAll(/\s*\n\s*/g, ' ');

endWhenOutputFails();

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed the help, the version, or what was wrong.
    process.exitCode = error.exitCode === 0 ? 0 : STATUS_USAGE;
  } else {
    process.stderr.write(`ibcm: ${onOneLine(error instanceof Error ? error.message : String(error))}\n`);
    process.exitCode = STATUS_FAILED;
  }
}
