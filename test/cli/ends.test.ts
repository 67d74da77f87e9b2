import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  eventsOf,
  freshAddress,
  IBCM,
  ibcm,
  listening,
  next,
  PORT,
  Program,
  type Result,
  run,
  SHORT,
  scriptedPeer,
} from './program.js';

/** What a process may take to start and to end besides what it waits for, on a busy machine. */
const STARTING_MS = 8_000;

function expectOneLineOfError({ status, stderr }: Result, pattern: RegExp): void {
  expect(stderr).toMatch(/^ibcm: [^\n]+\n$/);
  expect(stderr).toMatch(pattern);
  expect(status).toBe(1);
}

describe.concurrent('an absent peer', () => {
  test('is given up within --timeout-ms, and the error says who was asked, how often and how long', async () => {
    const address = freshAddress();
    const result = await run(
      'connect',
      `${address}:${PORT}`,
      '--timeout-ms',
      '500',
      '--response-timeout-ms',
      '200',
      '--json',
    );
    expectOneLineOfError(result, new RegExp(`${address}:${PORT} did not answer: asked \\d times in [\\d.]+ m?s\\.`));
    expect(eventsOf(result.lines)).toMatchObject([
      { event: 'req_error', cause: 'deadline', transmissions: expect.any(Number) },
    ]);
    expect(result.milliseconds).toBeGreaterThanOrEqual(500);
    expect(result.milliseconds).toBeLessThan(500 + STARTING_MS);
  });

  test('is given up after the retries', async () => {
    const address = freshAddress();
    const result = await run('connect', `${address}:${PORT}`, '--retries', '1', '--response-timeout-ms', '100');
    expectOneLineOfError(result, /asked 2 times|asked twice/);
    expect(result.lines[0]).toMatch(/req_error {6}cid=\d+ {2}cause=retriesExhausted {2}transmissions=2$/);
  });
});

describe.concurrent('a server that is killed', () => {
  test.each([
    ['when it sees the request', 'req_received', /did not answer/],
    ['when the connection is established', 'rtu_received', /did not acknowledge the disconnect/],
    ['when it sees the disconnect', 'dreq_received', /did not acknowledge the disconnect/],
  ])('%s leaves its client with a definite end; a restarted one is reached', async (_, event, message) => {
    const address = freshAddress();
    const server = scriptedPeer('accept', address, event);
    await server.line(/listening/);
    const client = await run('connect', `${address}:${PORT}`, '--hold-ms', '100', ...SHORT);
    expect((await server.ended).status).toBe('SIGKILL');
    expectOneLineOfError(client, message);
    expect(client.milliseconds).toBeLessThan(2 * 500 + 100 + STARTING_MS);

    const restarted = await listening(address, '--count', '1');
    expect((await run('connect', `${address}:${PORT}`)).status).toBe(0);
    expect((await restarted.ended).status).toBe(0);
  });

  test('and restarted has forgotten the connection, which the client can end all the same', async () => {
    const address = freshAddress();
    const server = await listening(address);
    const client = ibcm('connect', `${address}:${PORT}`, '--json', '--hold-ms', '60000');
    await client.event('established');
    server.kill('SIGKILL');
    await server.ended;
    await listening(address);
    client.kill('SIGINT');
    expect((await client.ended).status).toBe(130);
    expect((await client.event('closed'))['cause']).toBe('disconnected');
  });
});

describe.concurrent('a client that is killed', () => {
  test('when it sees the reply leaves the server with a definite end, and may connect again', async () => {
    const address = freshAddress();
    const server = await listening(address, '--json', ...SHORT.slice(0, 2));
    const client = scriptedPeer('connect', next(address), address, 'rep_received');
    expect((await client.ended).status).toBe('SIGKILL');
    const again = await run('connect', `${address}:${PORT}`, '--from', next(address));
    expect(again.status).toBe(0);
    const error = await server.event('error');
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/did not confirm/) });
    const established = await server.event('established');
    server.kill('SIGINT');
    expect((await server.ended).status).toBe(130);
    expect(established['remoteAddress']).toBe(next(address));
  });

  test('when established leaves a server that stops in bounded time, and may connect again', async () => {
    const address = freshAddress();
    const server = await listening(address, '--json');
    const client = scriptedPeer('connect', next(address), address, 'established');
    expect((await client.ended).status).toBe('SIGKILL');
    expect((await run('connect', `${address}:${PORT}`, '--from', next(address))).status).toBe(0);
    const stoppedAt = performance.now();
    server.kill('SIGTERM');
    const { status, lines, stderr } = await server.ended;
    expect(performance.now() - stoppedAt).toBeLessThan(2_000 + STARTING_MS);
    expect({ status, stderr }).toEqual({ status: 143, stderr: '' });
    const causes = eventsOf(lines).flatMap(({ event, cause }) => (event === 'closed' ? [cause] : []));
    expect(causes).toEqual(['peer', 'unacknowledged']);
  });

  test('and comes back with the same queue pair is told that its connection is stale; the server can stop then', async () => {
    const address = freshAddress();
    const server = await listening(address, '--json');
    const args = ['connect', `${address}:${PORT}`, '--from', next(address), '--qpn', '4711', '--json'];
    const client = ibcm(...args, '--hold-ms', '60000');
    await server.event('established');
    client.kill('SIGKILL');
    await client.ended;
    const again = await run(...args);
    expectOneLineOfError(again, /staleConnection \(10\)/);
    const stoppedAt = performance.now();
    server.kill('SIGINT');
    const { status, stderr } = await server.ended;
    expect({ status, stderr }).toEqual({ status: 130, stderr: '' });
    expect(performance.now() - stoppedAt).toBeLessThan(2_000 + STARTING_MS);
  });

  test('when it sees the end of the connection is no concern of the server', async () => {
    const address = freshAddress();
    const server = await listening(address, '--count', '1', '--json');
    const client = scriptedPeer('connect', next(address), address, 'drep_received');
    expect((await client.ended).status).toBe('SIGKILL');
    const { status, lines } = await server.ended;
    expect(status).toBe(0);
    expect(eventsOf(lines).at(-1)).toMatchObject({ event: 'closed', cause: 'peer' });
  });
});

describe.concurrent('a signal', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('%s to the server disconnects its client, which ends at once', async (signal, expected) => {
    const address = freshAddress();
    const server = await listening(address);
    const client = ibcm('connect', `${address}:${PORT}`, '--hold-ms', '60000');
    await server.line(/established/);
    server.kill(signal);
    expect(await server.ended).toMatchObject({ status: expected, stderr: '' });
    expect(server.lines.at(-1)).toMatch(/closed .* cause=disconnected$/);
    expect(await client.ended).toMatchObject({ status: 0, stderr: '' });
    expect(client.lines.at(-1)).toMatch(/closed .* cause=peer$/);
  });

  test('to the client disconnects it', async () => {
    const address = freshAddress();
    const server = await listening(address, '--count', '1');
    const client = ibcm('connect', `${address}:${PORT}`, '--hold-ms', '60000');
    await client.line(/established/);
    client.kill('SIGINT');
    expect(await client.ended).toMatchObject({ status: 130, stderr: '' });
    expect((await server.ended).status).toBe(0);
    expect(server.lines.at(-1)).toMatch(/closed .* cause=peer$/);
  });

  test('while connecting takes the request back', async () => {
    const address = freshAddress();
    const server = scriptedPeer('mute', address);
    await server.line(/listening/);
    const client = ibcm('connect', `${address}:${PORT}`);
    await server.line(/req_received/);
    client.kill('SIGINT');
    expect(await client.ended).toMatchObject({ status: 130, lines: [], stderr: '' });
    await server.line(/rej_received/);
  });

  test('to a listener without connections ends it', async () => {
    const server = await listening(freshAddress());
    server.kill('SIGINT');
    expect(await server.ended).toMatchObject({ status: 130, stderr: '' });
  });

  test('while accepting gives up', async () => {
    const address = freshAddress();
    const server = await listening(address);
    const client = scriptedPeer('connect', next(address), address, 'rep_received');
    await client.ended;
    server.kill('SIGINT');
    const { status, stderr, lines } = await server.ended;
    expect({ status, stderr }).toEqual({ status: 130, stderr: '' });
    expect(lines.filter((line) => / error/.test(line))).toEqual([]);
  });
});

describe.concurrent('whoever stops reading the output', () => {
  test('ends a client, which disconnects first', async () => {
    const address = freshAddress();
    const server = await listening(address, '--count', '1');
    const client = ibcm('connect', `${address}:${PORT}`, '--hold-ms', '300');
    await client.line(/rep_received/);
    client.child.stdout?.destroy();
    expect(await client.ended).toMatchObject({ status: 0, stderr: '' });
    expect((await server.ended).status).toBe(0);
    expect(server.lines.at(-1)).toMatch(/closed .* cause=peer$/);
  });

  test('ends a server at its next event, and its clients are disconnected', async () => {
    const address = freshAddress();
    const server = await listening(address);
    server.child.stdout?.destroy();
    const client = await run('connect', `${address}:${PORT}`, '--hold-ms', '60000', ...SHORT);
    // The request itself is the event: the answer may be a reject, or a connection and its end.
    expect([0, 1]).toContain(client.status);
    expect(client.milliseconds).toBeLessThan(2 * STARTING_MS);
    expect((await server.ended).status).toBe(0);
  });
});

describe.skipIf(!existsSync('/dev/full')).concurrent('output that cannot be written', () => {
  const toFull = (...args: readonly string[]): Program =>
    new Program('sh', ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, IBCM, ...args]);
  const said = { status: 1, stderr: expect.stringMatching(/^ibcm: cannot write to standard output: ENOSPC[^\n]*\n$/) };

  test.each([
    ['--help'],
    ['listen', '--help'],
    ['listen', `${freshAddress()}:${PORT}`],
    ['explore', '--script', 'sidr'],
    ['sim', '--seeds', '1..2'],
    ['decode', fileURLToPath(new URL('../wire/capture/files/linux/sidr-reject.pcap', import.meta.url))],
  ])('is one line of complaint and status 1: %s %s', async (...args) => {
    expect(await toFull(...args).ended).toMatchObject(said);
  });

  test('ends a client, whose server is told', async () => {
    const address = freshAddress();
    const server = await listening(address, '--count', '1', ...SHORT.slice(0, 2));
    const client = await toFull('connect', `${address}:${PORT}`, '--hold-ms', '60000').ended;
    expect(client).toMatchObject(said);
    expect((await server.ended).status).toBe(0);
    // Whether it was connected already is a matter of time.
    expect(server.lines.at(-1)).toMatch(/rej_received|closed .* cause=peer$|error .*(refused|took|withd)/);
  });
});

test.skipIf(!existsSync('/dev/full'))('a complaint that cannot be written does not change the status', async () => {
  const program = new Program('sh', ['-c', 'exec "$@" 2> /dev/full', 'sh', process.execPath, IBCM, 'no-such-command']);
  expect((await program.ended).status).toBe(2);
});
