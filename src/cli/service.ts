import { Command } from 'commander';
import type { AdminClient } from '../service/index.js';
import { administer, serviceOption } from './administer.js';
import { integer } from './arguments.js';
import { MS_MAX } from './ask-options.js';
import { columns } from './columns.js';
import { durationText } from './duration-text.js';

interface Options {
  readonly service?: string;
  readonly json?: boolean;
}

/** What a subcommand answers: for programs, for people, and whether all is well. */
interface Answer {
  readonly value: object;
  readonly lines: readonly string[];
  readonly isWrong?: boolean;
}

export function serviceCommand(): Command {
  const all = new Command();
  const add = <Rest extends unknown[]>(
    words: string,
    about: string,
    ask: (client: AdminClient, ...rest: Rest) => Promise<Answer>,
  ): Command => {
    const command = all.command(words).description(about).addOption(serviceOption());
    return command.option('--json', 'as a JSON object').action(async (...given: unknown[]) => {
      // commander gives the arguments, then the options, then the command.
      const options = given.at(-2) as Options;
      const rest = [...given.slice(0, -2), options] as unknown as Rest;
      const { value, lines, isWrong } = await administer(options.service, (client) => ask(client, ...rest));
      const shown = options.json === true ? [JSON.stringify(value)] : lines;
      process.stdout.write(shown.map((line) => `${line}\n`).join(''));
      if (isWrong === true) process.exitCode = 1;
    });
  };
  add('status', 'what runs there, since when, and what it owns', status);
  add('check', 'whether all is as it ought to be; status 1 if not', check);
  add('reload', 'read the configuration again, as SIGHUP does', reload);
  add('log-level <level>', 'change what is logged, until the next reload or restart', setLogLevel);
  add('metrics', "the metrics, in Prometheus's text form", metrics);
  add('drain', 'end the service when its clients have gone, as SIGTERM does', drain).option(
    '--timeout-ms <n>',
    'how long they may take (default: as configured)',
    integer('The time', 0, MS_MAX),
  );
  return all.addHelpText(
    'after',
    `
Examples:
  ibcm service status
  ibcm service log-level debug
  ibcm service drain --timeout-ms 60000 --service /run/ibcm/ibcm.sock`,
  );
}

async function status(client: AdminClient): Promise<Answer> {
  const value = await client.status();
  const { version, pid, uptimeS, state, addresses, logLevel, clients, connections } = value;
  const rows = [
    ['socket', client.socket],
    ['state', state],
    ['addresses', addresses.join(', ')],
    ['version', version],
    ['pid', String(pid)],
    ['up', durationText(uptimeS * 1_000)],
    ['log level', logLevel],
    ['clients', String(clients)],
    ['connections', String(connections)],
  ];
  return { value: { socket: client.socket, ...value }, lines: columns(rows) };
}

async function check(client: AdminClient): Promise<Answer> {
  const value = await client.check();
  const isWrong = value.violations.length > 0;
  return { value, isWrong, lines: isWrong ? value.violations : ['all is well'] };
}

async function reload(client: AdminClient): Promise<Answer> {
  const value = await client.reload();
  const { changed, needsRestart } = value;
  const lines = [changed.length === 0 ? 'nothing to change' : `changed: ${changed.join(', ')}`];
  if (needsRestart.length > 0) lines.push(`needs a restart: ${needsRestart.join(', ')}`);
  return { value, lines };
}

async function setLogLevel(client: AdminClient, level: string): Promise<Answer> {
  const value = await client.setLogLevel(level);
  return { value, lines: [`${value.before} → ${value.now}`] };
}

async function metrics(client: AdminClient): Promise<Answer> {
  const value = await client.metrics();
  return { value, lines: [value.text.trimEnd()] };
}

async function drain(client: AdminClient, { timeoutMs }: { readonly timeoutMs?: number }): Promise<Answer> {
  const value = await client.drain(timeoutMs === undefined ? {} : { timeoutMs });
  return { value, lines: [`draining: ${value.clients} clients have ${durationText(value.timeoutMs)}`] };
}
