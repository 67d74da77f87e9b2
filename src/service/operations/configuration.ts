import { readFileSync } from 'node:fs';
import { ServiceError } from '../error.js';
import { DEFAULT_CLIENT_LIMITS } from '../session/limits.js';
import { type Configuration, flagOf, SETTING_NAMES, SETTINGS, type SettingName, variableOf } from './settings.js';
import { defaultSocket } from './socket-path.js';

/** Where a value comes from, the strongest last. */
export type Source = 'default' | 'file' | 'environment' | 'flag';

/** A value, and where it comes from in words: `default`, a file, a variable or a flag. */
export interface Origin {
  readonly source: Source;
  readonly where: string;
}

/** A configuration with its origins. */
export interface Configured {
  readonly configuration: Configuration;
  readonly origins: ReadonlyMap<SettingName, Origin>;
  /** As they were given, to be printed. */
  readonly given: ReadonlyMap<SettingName, unknown>;
}

export interface ConfigurationSources {
  /** A JSON file. It need not exist if it is the default one. */
  readonly file?: { readonly path: string; readonly required: boolean };
  readonly environment: NodeJS.ProcessEnv;
  /** The texts of the flags that were given, by setting. */
  readonly flags: Partial<Readonly<Record<SettingName, string>>>;
}

/** A value as it was given, before it is checked. */
interface Given extends Origin {
  readonly value: unknown;
}

const DEFAULTS: Partial<Readonly<Record<SettingName, unknown>>> = {
  logLevel: 'info',
  drainTimeoutMs: 10_000,
  icrc: 'verify',
  maxConnections: 65_535,
  maxQueuePairs: 65_535,
  maxRequestsPerSecond: 50_000,
  maxClients: 1_024,
  clientCeps: DEFAULT_CLIENT_LIMITS.ceps,
  clientListens: DEFAULT_CLIENT_LIMITS.listens,
  clientMemoryBytes: DEFAULT_CLIENT_LIMITS.memoryBytes,
  clientCalls: DEFAULT_CLIENT_LIMITS.calls,
  clientCallsPerSecond: DEFAULT_CLIENT_LIMITS.callsPerSecond,
  clientWaiting: DEFAULT_CLIENT_LIMITS.waiting,
};

/**
 * Reads the configuration: flags before environment before file before defaults.
 * @throws ServiceError `CONFIGURATION`, which names every wrong value: where it stands, what it is, and what is allowed.
 */
export function loadConfiguration(sources: ConfigurationSources): Configured {
  const problems: string[] = [];
  const given = new Map<SettingName, Given>();
  for (const [name, value] of Object.entries({ ...DEFAULTS, socket: defaultSocket(sources.environment) })) {
    given.set(name as SettingName, { source: 'default', where: 'default', value });
  }
  addFile(given, sources.file, problems);
  for (const name of SETTING_NAMES) {
    const { fromText } = SETTINGS[name];
    const variable = variableOf(name);
    const text = sources.environment[variable];
    // An empty variable is as good as none: environment files cannot unset one.
    if (text !== undefined && text !== '') {
      given.set(name, { source: 'environment', where: variable, value: fromText(text) });
    }
    const flag = sources.flags[name];
    if (flag !== undefined) given.set(name, { source: 'flag', where: flagOf(name), value: fromText(flag) });
  }
  const configuration = checked(given, problems);
  if (problems.length > 0) {
    const message = problems.length === 1 ? `${problems[0]}` : `the configuration is wrong: ${problems.join('; ')}`;
    throw new ServiceError('CONFIGURATION', message, { problems });
  }
  return {
    configuration,
    origins: new Map([...given].map(([name, { source, where }]) => [name, { source, where }])),
    given: new Map([...given].map(([name, { value }]) => [name, value])),
  };
}

/** What changed from one configuration to the next, of what a reload brings into effect and of what it does not. */
export interface ConfigurationChange {
  readonly reloadable: readonly SettingName[];
  readonly fixed: readonly SettingName[];
}

export function changeBetween(before: Configured, after: Configured): ConfigurationChange {
  const changed = SETTING_NAMES.filter(
    (name) => JSON.stringify(before.given.get(name)) !== JSON.stringify(after.given.get(name)),
  );
  return {
    reloadable: changed.filter((name) => SETTINGS[name].reloadable),
    fixed: changed.filter((name) => !SETTINGS[name].reloadable),
  };
}

function addFile(given: Map<SettingName, Given>, file: ConfigurationSources['file'], problems: string[]): void {
  if (file === undefined) return;
  const { path, required } = file;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing && !required) return;
    problems.push(isMissing ? `${path} does not exist` : `${path} cannot be read: ${(error as Error).message}`);
    return;
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${path} must hold one JSON object, with settings by name`);
    return;
  }
  for (const [key, value] of Object.entries(content)) {
    if (isSetting(key)) given.set(key, { source: 'file', where: `${path}: ${key}`, value });
    else problems.push(`${path}: ${key} is not a setting${proposal(key)}`);
  }
}

const isSetting = (key: string): key is SettingName => Object.hasOwn(SETTINGS, key);

function proposal(key: string): string {
  const plain = key.replaceAll(/[-_]/g, '').toLowerCase();
  const near = SETTING_NAMES.find((name) => name.toLowerCase() === plain || name.toLowerCase().startsWith(plain));
  return near === undefined ? `; there are ${SETTING_NAMES.join(', ')}` : `; did you mean ${near}?`;
}

function checked(given: ReadonlyMap<SettingName, Given>, problems: string[]): Configuration {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const [name, { where, value }] of given) {
    const { schema, allowed } = SETTINGS[name];
    const result = schema.safeParse(value);
    if (result.success) values[name] = result.data;
    else problems.push(`${where} is ${JSON.stringify(value)}; it must be ${allowed}`);
  }
  if (!given.has('address')) {
    problems.push(`no address: name one with ${flagOf('address')}, ${variableOf('address')}, or "address" in the file`);
  }
  // Every value stands in the table's type: its schema has just said so.
  return values as Configuration;
}
