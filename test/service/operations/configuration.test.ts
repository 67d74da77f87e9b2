import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServiceError } from '../../../src/service/error.js';
import {
  type ConfigurationSources,
  type Configured,
  changeBetween,
  loadConfiguration,
} from '../../../src/service/operations/configuration.js';
import { flagOf, SETTING_NAMES, variableOf } from '../../../src/service/operations/settings.js';
import { defaultSocket, socketsToTry } from '../../../src/service/operations/socket-path.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ibcm-configuration-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const MINIMAL = { address: '127.0.0.1' };
let files = 0;

function fileWith(content: unknown): { path: string; required: boolean } {
  files += 1;
  const path = join(folder, `${files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return { path, required: true };
}

const load = (sources: Partial<ConfigurationSources> = {}): Configured =>
  loadConfiguration({ environment: {}, flags: MINIMAL, ...sources });

function problemsOf(sources: Partial<ConfigurationSources>): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'CONFIGURATION' });
    return (error as ServiceError & { details: { problems: string[] } }).details.problems;
  }
  throw new Error('nothing was wrong');
}

describe('a configuration', () => {
  test('has defaults for all but the address', () => {
    const { configuration, origins } = load();
    expect(configuration).toMatchObject({ address: ['127.0.0.1'], logLevel: 'info', drainTimeoutMs: 10_000 });
    expect(configuration.metrics).toBeUndefined();
    expect(origins.get('logLevel')).toEqual({ source: 'default', where: 'default' });
    expect(problemsOf({ flags: {} })).toEqual([
      'no address: name one with --address, IBCM_ADDRESS, or "address" in the file',
    ]);
  });

  test('takes flags before the environment, that before the file, and that before defaults', () => {
    const file = fileWith({ address: ['10.0.0.1'], logLevel: 'debug', drainTimeoutMs: 1, icrc: 'ignore' });
    const environment = { IBCM_LOG_LEVEL: 'warn', IBCM_DRAIN_TIMEOUT_MS: '2', IBCM_GROUP: '' };
    const { configuration, origins } = load({ file, environment, flags: { drainTimeoutMs: '3' } });
    expect(configuration).toMatchObject({
      address: ['10.0.0.1'],
      icrc: 'ignore',
      logLevel: 'warn',
      drainTimeoutMs: 3,
    });
    expect(configuration.group).toBeUndefined();
    expect(Object.fromEntries(origins)).toMatchObject({
      icrc: { source: 'file', where: `${file.path}: icrc` },
      logLevel: { source: 'environment', where: 'IBCM_LOG_LEVEL' },
      drainTimeoutMs: { source: 'flag', where: '--drain-timeout-ms' },
    });
  });

  test('reads lists, numbers and listeners out of texts', () => {
    const flags = { address: '10.0.0.1, fd00::1', metrics: '[::1]:0', maxConnections: '0x10' };
    const { configuration } = load({ flags });
    expect(configuration).toMatchObject({
      address: ['10.0.0.1', 'fd00::1'],
      metrics: { host: '::1', port: 0 },
      maxConnections: 16,
    });
  });

  test('names everything that is wrong: where, what, and what is allowed', () => {
    const file = fileWith({ adress: ['10.0.0.1'], logLevel: 3, socket: 'here' });
    const environment = { IBCM_METRICS: 'localhost', IBCM_MAX_CONNECTIONS: '1e3' };
    const problems = problemsOf({ file, environment, flags: { ...MINIMAL, drainTimeoutMs: 'soon', spans: 'ftp://x' } });
    expect(problems).toHaveLength(7);
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining(`${file.path}: adress is not a setting; there are address, socket, `),
        `${file.path}: socket is "here"; it must be a path from the root, as /run/ibcm/ibcm.sock`,
        `${file.path}: logLevel is 3; it must be one of trace, debug, info, warn, error, fatal, silent`,
        '--drain-timeout-ms is "soon"; it must be a whole number from 0 to 86400000',
        'IBCM_MAX_CONNECTIONS is "1e3"; it must be a whole number from 1 to 1048575',
        'IBCM_METRICS is "localhost"; it must be HOST:PORT, as 127.0.0.1:9400 or [::1]:9400',
        '--spans is "ftp://x"; it must be an http or https URL, as http://127.0.0.1:4318/v1/traces',
      ]),
    );
  });

  test.each([
    ['maxConnections', '0'],
    ['maxConnections', '1048576'],
    ['metrics', '127.0.0.1:65536'],
    ['metrics', ':80'],
    ['address', ''],
    ['icrc', 'VERIFY'],
    ['socket', ''],
  ] as const)('refuses %s %j', (name, text) => {
    expect(problemsOf({ flags: { ...MINIMAL, [name]: text } })).toEqual([
      expect.stringMatching(new RegExp(`^${flagOf(name)} is .*; it must be `)),
    ]);
  });

  test('proposes the setting that a wrong name means', () => {
    const file = fileWith({ 'log-level': 'info' });
    expect(problemsOf({ file })).toEqual([`${file.path}: log-level is not a setting; did you mean logLevel?`]);
  });

  test.each([
    ['{', /cannot be read: /],
    ['[]', /must hold one JSON object/],
    ['null', /must hold one JSON object/],
  ])('refuses a file that holds %s', (content, complaint) => {
    expect(problemsOf({ file: fileWith(content) })).toEqual([expect.stringMatching(complaint)]);
  });

  test('may do without the file that nobody named', () => {
    const path = join(folder, 'missing.json');
    expect(load({ file: { path, required: false } }).configuration.logLevel).toBe('info');
    expect(problemsOf({ file: { path, required: true } })).toEqual([`${path} does not exist`]);
  });
});

test('each setting has a flag and a variable of its own', () => {
  expect(new Set(SETTING_NAMES.map(flagOf)).size).toBe(SETTING_NAMES.length);
  expect(new Set(SETTING_NAMES.map(variableOf)).size).toBe(SETTING_NAMES.length);
  expect([flagOf('drainTimeoutMs'), variableOf('drainTimeoutMs')]).toEqual([
    '--drain-timeout-ms',
    'IBCM_DRAIN_TIMEOUT_MS',
  ]);
});

test('a change is told apart by what a reload can bring into effect', () => {
  const before = load();
  const after = load({ flags: { address: '127.0.0.2', logLevel: 'debug', metrics: '127.0.0.1:1', icrc: 'verify' } });
  expect(changeBetween(before, after)).toEqual({ reloadable: ['logLevel', 'metrics'], fixed: ['address'] });
  expect(changeBetween(after, after)).toEqual({ reloadable: [], fixed: [] });
});

describe('the socket', () => {
  test("is in systemd's folder if there is one", () => {
    expect(defaultSocket({ RUNTIME_DIRECTORY: '/run/ibcm-a:/run/b' })).toBe('/run/ibcm-a/ibcm.sock');
  });

  test('is looked for where it is named, and nowhere else', () => {
    expect(socketsToTry({ IBCM_SOCKET: '/x.sock', XDG_RUNTIME_DIR: '/run/user/7' })).toEqual(['/x.sock']);
  });

  test("is looked for at the user's own service before the machine's", () => {
    const tried = socketsToTry({ XDG_RUNTIME_DIR: '/run/user/7' });
    expect(tried).toContain('/run/user/7/ibcm.sock');
    expect(tried).toContain('/run/ibcm/ibcm.sock');
    expect(new Set(tried).size).toBe(tried.length);
  });
});
