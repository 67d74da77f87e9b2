import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { freshAddress, IBCM, listening, next, PORT, Program, run } from './program.js';

describe.concurrent('wrong usage ends with status 2 and one line that says what is wrong and where help is', () => {
  test.each([
    [['nonsense'], /unknown command 'nonsense' \(see "ibcm --help"\)/],
    [['listen'], /missing required argument 'address:port' \(see "ibcm listen --help"\)/],
    [['connect', 'host'], /It must be HOST:PORT; an IPv6 address stands in brackets/],
    [['connect', 'host:1', '--privat-data', 'x'], /unknown option '--privat-data' \(Did you mean --private-data\?\)/],
    [['connect', 'host:1', '--private-data', 'x'.repeat(57)], /It has 57 bytes; there is room for 56/],
    [['listen', '127.0.0.1:1', '--reject', '3', '--private-data', 'x'.repeat(149)], /149 bytes; there is room for 148/],
    [['listen', '127.0.0.1:1', '--reject', 'because'], /It must be a number or one of: noQp, .*consumerReject/],
  ])('%j', async (args, message) => {
    const { status, lines, stderr } = await run(...args);
    expect(stderr).toMatch(/^ibcm: [^\n]+ \(see "ibcm( \w+)? --help"\)\n$/);
    expect(stderr).toMatch(message);
    expect({ status, lines }).toEqual({ status: 2, lines: [] });
  });

  test('no command at all: the help', async () => {
    const { status, stderr } = await run();
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Usage: ibcm /);
  });
});

describe.concurrent('help', () => {
  test.each(['--help', 'demo --help', 'listen --help', 'connect --help'])('ibcm %s shows examples', async (line) => {
    const { status, lines, stderr } = await run(...line.split(' '));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(lines[0]).toMatch(/^Usage: ibcm/);
    expect(lines).toContain('Examples:');
    expect(lines.filter((text) => text.startsWith('  ibcm ')).length).toBeGreaterThanOrEqual(2);
    if (line !== '--help') return;
    for (const command of ['demo', 'listen', 'connect', 'decode']) {
      expect(lines.join('\n')).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    }
    expect(lines).toContain('Exit status: 0 done, 1 failed, 2 wrong usage, 128 + n ended by signal n.');
  });
});

describe.concurrent('what the machine does not allow ends with status 1 and one line', () => {
  test.each([
    [['listen', '203.0.113.7:1'], /^ibcm: this machine does not have the address 203\.0\.113\.7/],
    [
      ['connect', '127.0.0.1:1', '--from', '203.0.113.7'],
      /^ibcm: this machine does not have the address 203\.0\.113\.7/,
    ],
    [['connect', '255.255.255.255:1'], /^ibcm: no route to 255\.255\.255\.255/],
    [['connect', 'host.invalid:1'], /^ibcm: "host\.invalid" has no address/],
    [['connect', '127.0.0.1:1', '--capture', '/nowhere/file'], /^ibcm: cannot write the capture: ENOENT/],
  ])('%j', async (args, message) => {
    const { status, lines, stderr } = await run(...args);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toMatch(message);
    expect({ status, lines }).toEqual({ status: 1, lines: [] });
  });

  test('a second listener on the address, whatever its port', async () => {
    const address = freshAddress();
    await listening(address);
    const { status, stderr } = await run('listen', `${address}:${PORT + 1}`);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^ibcm: UDP port 4791 of ${address} is in use: [^\n]+\n$`));
  });

  test('a --from address that is taken', async () => {
    const address = freshAddress();
    await listening(address);
    const { status, stderr } = await run('connect', `${next(address)}:${PORT}`, '--from', address);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^ibcm: UDP port 4791 of ${address} is in use`));
  });
});

describe.concurrent('colours', () => {
  const ESCAPE = '\u001b[';

  test('are not for pipes', async () => {
    const { lines } = await run('connect', `${freshAddress()}:1`, '--timeout-ms', '1');
    expect(lines[0]).toContain('req_error');
    expect(lines[0]).not.toContain(ESCAPE);
  });

  const hasScript = ((): boolean => {
    try {
      execFileSync('script', ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  })();

  test.skipIf(!hasScript)('are for terminals, unless NO_COLOR is set (needs script from util-linux)', async () => {
    const command = `${process.execPath} ${IBCM} connect ${freshAddress()}:1 --timeout-ms 1`;
    const onTerminal = (environment: NodeJS.ProcessEnv): Program =>
      new Program('script', ['-qec', command, '/dev/null'], { TERM: 'xterm', ...environment });
    expect(await onTerminal({}).line(/req_error/)).toContain(ESCAPE);
    expect(await onTerminal({ NO_COLOR: '1' }).line(/req_error/)).not.toContain(ESCAPE);
  });
});
