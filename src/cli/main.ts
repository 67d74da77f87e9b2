import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { connectCommand } from './connect.js';
import { decodeCommand } from './decode.js';
import { demoCommand } from './demo.js';
import { listenCommand } from './listen.js';

const STATUS_FAILED = 1;
const STATUS_USAGE = 2;

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const all = new Command('ibcm')
    .description('InfiniBand Connection Manager over RoCEv2, in user space')
    .version(version)
    .showHelpAfterError('(add --help for usage)')
    .addHelpText(
      'after',
      `
Examples:
  ibcm demo                                   two processes connect, as a ladder
  ibcm listen 127.0.0.1:7471                  in one terminal
  ibcm connect 127.0.0.1:7471 --hold-ms 5000  in another
  ibcm decode capture.pcapng                  what a capture holds

Exit status: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.`,
    );
  for (const command of [demoCommand(), listenCommand(), connectCommand(), decodeCommand()]) all.addCommand(command);
  all.exitOverride();
  for (const command of all.commands) command.copyInheritedSettings(all);
  return all;
}

// Whoever reads our output may stop reading (as `head` does): that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed the help, the version, or what was wrong.
    process.exitCode = error.exitCode === 0 ? 0 : STATUS_USAGE;
  } else {
    process.stderr.write(`ibcm: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = STATUS_FAILED;
  }
}
