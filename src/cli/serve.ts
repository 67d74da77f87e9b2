import { Command } from 'commander';
import { ServiceError } from '../service/index.js';
import {
  type Configured,
  Daemon,
  flagOf,
  loadConfiguration,
  openLog,
  SETTING_NAMES,
  SETTINGS,
  ServiceManager,
  type SettingName,
  variableOf,
} from '../service/operations/index.js';
import { columns } from './columns.js';
import { endsBySignal } from './session.js';
import { version } from './version.js';

interface Options extends Partial<Readonly<Record<SettingName, string>>> {
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

/** What is read if nothing else is named, and if it is there. */
const DEFAULT_FILE = '/etc/ibcm/ibcm.json';

export function serveCommand(): Command {
  const command = new Command()
    .option(
      '--config <file>',
      `JSON file with settings by name, such as logLevel (default: IBCM_CONFIG, or ${DEFAULT_FILE} if it is there)`,
    )
    .option('--print-config', 'print the settings, and where each comes from, and end')
    .option('--json', 'with --print-config: one JSON object a line');
  for (const name of SETTING_NAMES) {
    const { about, allowed } = SETTINGS[name];
    command.option(`${flagOf(name)} <value>`, `${about}: ${allowed}`);
  }
  return command
    .addHelpText(
      'after',
      `
Every setting is also a variable, as ${variableOf('logLevel')}, and a key of the file, as logLevel; flags win over variables, variables over the file.
SIGTERM and SIGINT drain and end it, a second one ends it at once; SIGHUP reads the configuration again.

Examples:
  ibcm serve --address 10.0.0.5
  ibcm serve --config /etc/ibcm/ibcm.json --print-config
  ibcm serve --address 127.0.0.1,::1 --socket /tmp/ibcm.sock --metrics 127.0.0.1:9400 --log-level debug`,
    )
    .action(async ({ config, printConfig, json, ...flags }: Options) => {
      const environment = process.env;
      const named = config ?? (environment['IBCM_CONFIG'] || undefined);
      const file = { path: named ?? DEFAULT_FILE, required: named !== undefined };
      const configure = (): Configured => loadConfiguration({ file, environment, flags });
      const configured = orWrongUsage(command, configure);
      if (printConfig === true) printConfiguration(configured, json === true);
      else process.exitCode = await serve(configured, configure);
    });
}

/** A wrong configuration is wrong usage. */
function orWrongUsage(command: Command, configure: () => Configured): Configured {
  try {
    return configure();
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'CONFIGURATION') command.error(error.message);
    throw error;
  }
}

function printConfiguration({ given, origins }: Configured, json: boolean): void {
  const known = SETTING_NAMES.filter((name) => given.has(name));
  const rows = known.map((name) => ({ name, value: given.get(name), where: origins.get(name)?.where ?? '' }));
  const lines = json
    ? rows.map((row) => JSON.stringify(row))
    : columns(rows.map(({ name, value, where }) => [name, JSON.stringify(value), where]));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** @returns the status to exit with. */
async function serve({ configuration }: Configured, configure: () => Configured): Promise<number> {
  const log = openLog(configuration.logLevel);
  const manager = new ServiceManager(process.env, (message) => log.warn(message));
  const daemon = await Daemon.start({ configure, environment: process.env, log, manager, version: version() });
  // Programs that are started from here are not those that systemd talks to.
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) {
    delete process.env[name];
  }
  const die = (error: unknown): void => {
    log.fatal({ err: error }, 'a fault of ours');
    daemon.abort();
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, 'told to stop');
      if (stopping) {
        daemon.abort();
        process.exit(endsBySignal(signal));
      }
      stopping = true;
      daemon.drain();
    });
  }
  // What goes wrong with it is in the log.
  process.on('SIGHUP', () => void daemon.reload().catch(() => undefined));
  await daemon.ended;
  return 0;
}
