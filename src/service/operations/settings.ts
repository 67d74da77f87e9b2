import { z } from 'zod';
import { MAX_CEPS } from '../../cep/index.js';

/** What the daemon can be told. The one table of it: names, types, bounds, words for people and for the errors. */

const INTEGER_TEXT = /^(0x[0-9a-f]+|\d+)$/i;
const PORT_MAX = 65_535;
const DAY_MS = 86_400_000;
const COUNT_MAX = 2 ** 31;
const QUEUE_PAIRS_MAX = 2 ** 24 - 3;
const LINE_CHARACTERS_MAX = 4_096;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** An address and a port of this machine, where something is served. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** One thing that the daemon can be told. */
export interface Setting<Value> {
  readonly schema: z.ZodType<Value>;
  /** What a value must be, for people. */
  readonly allowed: string;
  /** What it is about, for people. */
  readonly about: string;
  /** Turns the text of a flag or a variable into what the schema checks. */
  readonly fromText: (text: string) => unknown;
  /** Whether a reload brings a changed value into effect. */
  readonly reloadable: boolean;
}

type Described = Pick<Setting<unknown>, 'about' | 'reloadable'>;

const asText = (text: string): unknown => text;
const asInteger = (text: string): unknown => (INTEGER_TEXT.test(text) ? Number(text) : text);
const asList = (text: string): unknown => text.split(',').map((part) => part.trim());

const text = z.string().min(1).max(LINE_CHARACTERS_MAX);

function integer(minimum: number, maximum: number, described: Described): Setting<number> {
  const allowed = `a whole number from ${minimum} to ${maximum}`;
  return { schema: z.int().min(minimum).max(maximum), allowed, fromText: asInteger, ...described };
}

function choice<const Name extends string>(names: readonly Name[], described: Described): Setting<Name> {
  return { schema: z.enum(names), allowed: `one of ${names.join(', ')}`, fromText: asText, ...described };
}

function path(described: Described): Setting<string> {
  const schema = text.startsWith('/');
  return { schema, allowed: 'a path from the root, as /run/ibcm/ibcm.sock', fromText: asText, ...described };
}

/** `HOST:PORT`, or `[ADDRESS]:PORT`; port 0 takes any. */
const hostAndPort = text.transform((value, context): HostAndPort => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= PORT_MAX) return { host, port };
  context.addIssue({ code: 'custom', message: 'not HOST:PORT' });
  return z.NEVER;
});

function listener(described: Described): Setting<HostAndPort> {
  const allowed = 'HOST:PORT, as 127.0.0.1:9400 or [::1]:9400';
  return { schema: hostAndPort, allowed, fromText: asText, ...described };
}

const FIXED = { reloadable: false } as const;
const RELOADABLE = { reloadable: true } as const;

export const SETTINGS = {
  address: {
    schema: z.array(text).min(1),
    allowed: 'a list of addresses of this machine',
    about: 'addresses of this machine that the service owns, each a port of its adapter; RDMA peers see them',
    fromText: asList,
    ...FIXED,
  },
  socket: path({ about: 'Unix socket on which clients reach the service', ...FIXED }),
  group: {
    schema: text,
    allowed: 'the name or number of a group',
    about: 'group whose members may use the service; without it only its own user may',
    fromText: asText,
    ...RELOADABLE,
  } as Setting<string>,
  logLevel: choice(LOG_LEVELS, { about: 'what is logged', ...RELOADABLE }),
  metrics: listener({ about: 'where to serve /metrics, /healthz and /readyz over HTTP', ...RELOADABLE }),
  spans: {
    schema: text.refine((value) => /^https?:/.test(value) && URL.canParse(value)),
    allowed: 'an http or https URL, as http://127.0.0.1:4318/v1/traces',
    about: 'where to send a span of each establishment: an OpenTelemetry collector (OTLP over HTTP)',
    fromText: asText,
    ...RELOADABLE,
  } as Setting<string>,
  drainTimeoutMs: integer(0, DAY_MS, {
    about: 'how long connections may take to end by themselves when the service is to stop',
    ...RELOADABLE,
  }),
  icrc: choice(['verify', 'ignore'], { about: 'what to do about a wrong ICRC', ...FIXED }),
  maxConnections: integer(1, MAX_CEPS, {
    about: 'connections, listeners and requests at once, timewait included',
    ...FIXED,
  }),
  maxQueuePairs: integer(1, QUEUE_PAIRS_MAX, { about: 'queue pairs at once', ...FIXED }),
  maxRequestsPerSecond: integer(1, COUNT_MAX, {
    about: 'requests to connect that one peer may send a second',
    ...FIXED,
  }),
  maxClients: integer(1, COUNT_MAX, { about: 'clients at once', ...FIXED }),
  clientCeps: integer(1, MAX_CEPS, {
    about: 'connections, requests and look-ups of one client; as all limits of clients, for those who come from now on',
    ...RELOADABLE,
  }),
  clientListens: integer(0, MAX_CEPS, { about: 'listeners of one client', ...RELOADABLE }),
  clientMemoryBytes: integer(0, 2 ** 40, { about: 'memory that is held for one client', ...RELOADABLE }),
  clientCalls: integer(1, COUNT_MAX, { about: 'calls of one client that wait for their answers', ...RELOADABLE }),
  clientCallsPerSecond: integer(1, COUNT_MAX, { about: 'calls a second of one client', ...RELOADABLE }),
  clientWaiting: integer(1, COUNT_MAX, { about: 'messages that one client has not read', ...RELOADABLE }),
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type ValueOf<Name extends SettingName> = (typeof SETTINGS)[Name] extends Setting<infer Value> ? Value : never;
/** Those without which there is a default. */
type Optional = 'group' | 'metrics' | 'spans';

/** What the daemon goes by. */
export type Configuration = {
  readonly [Name in Exclude<SettingName, Optional>]: ValueOf<Name>;
} & { readonly [Name in Optional]: ValueOf<Name> | undefined };

const words = (name: SettingName): string[] =>
  name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(' ');

/** The flag of a setting: `--drain-timeout-ms`. */
export const flagOf = (name: SettingName): string => `--${words(name).join('-')}`;

/** The environment variable of a setting: `IBCM_DRAIN_TIMEOUT_MS`. */
export const variableOf = (name: SettingName): string => `IBCM_${words(name).join('_').toUpperCase()}`;
