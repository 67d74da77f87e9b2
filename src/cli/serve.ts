import { Command } from 'commander';
import { ServiceError } from '../service/index.js';
import {
  type Configured,
  Daemon,
  flagOf,
  type Logger,
  loadConfiguration,
  openLog,
  SETTING_NAMES,
  SETTINGS,
  ServiceManager,
  type SettingName,
  variableOf,
} from '../service/operations/index.js';
import { columns } from './columns.js';
import { STATUS_FAILED } from './output-failure.js';
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
  const rows = SETTING_NAMES.map((name) => ({
    name,
    value: given.get(name) ?? null,
    where: origins.get(name)?.where ?? 'default',
  }));
  const lines = json
    ? rows.map((row) => JSON.stringify(row))
    : columns(rows.map(({ name, value, where }) => [name, value === null ? 'none' : JSON.stringify(value), where]));
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** What is meant for us, and not for programs that we may start. */
const OURS = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'];

/** @returns the status to exit with. */
async function serve({ configuration }: Configured, configure: () => Configured): Promise<number> {
  const log = openLog(configuration.logLevel);
  const environment = { ...process.env };
  for (const name of OURS) delete process.env[name];
  const manager = new ServiceManager(environment, (message) => log.warn(message));
  // Before anybody is told that the service is there, and may send one.
  const signals = new ServiceSignals(log);
  const daemon = await Daemon.start({ configure, environment, log, manager, version: version() });
  signals.attach(daemon);
  await daemon.ended;
  return 0;
}

/** Brings signals to a daemon. */
class ServiceSignals {
  readonly #log: Logger;
  #daemon: Daemon | undefined;
  /** What came before there was a daemon. */
  #wantsReload = false;
  #isStopping = false;

  constructor(log: Logger) {
    this.#log = log;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#stop(signal));
    process.on('SIGHUP', () => this.#reload());
    for (const fault of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(fault, (error: unknown) => this.#die(error));
    }
  }

  attach(daemon: Daemon): void {
    this.#daemon = daemon;
    if (this.#wantsReload) this.#reload();
    if (this.#isStopping) daemon.drain();
  }

  #reload(): void {
    this.#wantsReload = this.#daemon === undefined;
    // What goes wrong with it is in the log.
    this.#daemon?.reload().catch(() => undefined);
  }

  #stop(signal: NodeJS.Signals): void {
    this.#log.info({ signal }, 'told to stop');
    if (this.#isStopping) this.#exit(endsBySignal(signal));
    this.#isStopping = true;
    this.#daemon?.drain();
  }

  #die(error: unknown): void {
    this.#log.fatal({ err: error }, 'a fault of ours');
    this.#exit(STATUS_FAILED);
  }

  #exit(status: number): never {
    this.#daemon?.abort();
    process.exit(status);
  }
}
