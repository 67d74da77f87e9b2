import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AdminClient, connectService } from '../../src/service/index.js';
import { freshAddress, IBCM, next, run } from './program.js';
import { freshFolder, ServiceProcess } from './service-process.js';

/** What a service does when it is told to stop or to read its configuration again, and what it takes from a service manager. */
const SLOW = { timeout: 120_000 };

describe('a signal', SLOW, () => {
  test('SIGTERM: the service waits for its clients, and ends when they have gone', async () => {
    const service = await ServiceProcess.start(['--address', freshAddress(), '--drain-timeout-ms', '100000']);
    const client = await connectService({ address: `unix:${service.socket}`, name: 'staying' });
    service.program.kill('SIGTERM');
    expect(await service.logged('draining')).toMatchObject({ clients: 1, timeoutMs: 100_000 });
    using admin = new AdminClient(service.socket);
    expect(await admin.status()).toMatchObject({ state: 'draining', clients: 1 });
    await client.close();
    expect((await service.program.ended).status).toBe(0);
    expect(service.log.at(-1)?.msg).toBe('ended');
  });

  test('SIGTERM: clients that stay too long are sent away', async () => {
    const service = await ServiceProcess.start(['--address', freshAddress(), '--drain-timeout-ms', '50']);
    const client = await connectService({ address: `unix:${service.socket}` });
    service.program.kill('SIGTERM');
    expect(await client.closed).toMatchObject({ code: 'UNAVAILABLE' });
    expect((await service.program.ended).status).toBe(0);
  });

  test('a second one ends it at once', async () => {
    const service = await ServiceProcess.start(['--address', freshAddress()]);
    const client = await connectService({ address: `unix:${service.socket}` });
    onTestFinished(() => client.close());
    service.program.kill('SIGTERM');
    await service.logged('draining');
    service.program.kill('SIGINT');
    expect((await service.program.ended).status).toBe(130);
    expect(await client.closed).toMatchObject({ code: 'DISCONNECTED' });
  });

  test('SIGKILL: who follows it is told that it has gone', async () => {
    const service = await ServiceProcess.start(['--address', freshAddress()]);
    const trace = service.start('trace', '--json');
    await trace.event('tracing');
    service.program.kill('SIGKILL');
    expect(await trace.ended).toMatchObject({
      status: 1,
      stderr: `ibcm: the service on ${service.socket} has gone\n`,
    });
  });

  test('SIGHUP: the configuration is read again', async () => {
    const file = join(freshFolder(), 'ibcm.json');
    const address = freshAddress();
    writeFileSync(file, JSON.stringify({ address: [address] }));
    const service = await ServiceProcess.start(['--config', file]);
    writeFileSync(file, JSON.stringify({ address: [address, next(address)], logLevel: 'debug', clientCeps: 9 }));
    service.program.kill('SIGHUP');
    expect(await service.logged('reloaded')).toMatchObject({
      changed: ['logLevel', 'clientCeps'],
      needsRestart: ['address'],
    });
    writeFileSync(file, '{');
    service.program.kill('SIGHUP');
    await service.logged('the configuration cannot be reloaded; the one before stays');
    const client = await connectService({ address: `unix:${service.socket}` });
    expect(client.limits.ceps).toBe(9);
    await client.close();
    await service.stop();
  });
});

/** A listening Unix socket whose clients wait: as systemd has it, and Node does not. */
function listeningDescriptor(path: string): number {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const libc = koffi.load(null);
  const call = (prototype: string): ((...args: unknown[]) => number) => libc.func(prototype) as never;
  const AF_UNIX = 1;
  const SOCK_STREAM = 1;
  const descriptor = call('int socket(int family, int type, int protocol)')(AF_UNIX, SOCK_STREAM, 0);
  const address = Uint8Array.from([AF_UNIX, 0, ...Buffer.from(path), 0]);
  expect(call('int bind(int fd, const uint8_t *address, uint32_t length)')(descriptor, address, address.length)).toBe(
    0,
  );
  expect(call('int listen(int fd, int backlog)')(descriptor, 8)).toBe(0);
  onTestFinished(() => void call('int close(int fd)')(descriptor));
  return descriptor;
}

describe.skipIf(process.platform !== 'linux')('a service manager', SLOW, () => {
  test('may hand over a listening socket, on which clients wait until the service is there, and after it', async () => {
    const socket = join(freshFolder(), 'activated.sock');
    const descriptor = listeningDescriptor(socket);
    const address = freshAddress();
    const waiting = connectService({ address: `unix:${socket}`, timeoutMs: 100_000 });
    // Only the process itself knows its number.
    const script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"';
    const args = ['-c', script, process.execPath, IBCM, 'serve', '--address', address];
    const child = spawn('/bin/sh', args, { stdio: ['ignore', 'inherit', 'ignore', descriptor] });
    onTestFinished(() => void child.kill('SIGKILL'));
    const client = await waiting;
    expect(client.addresses).toEqual([address]);
    await client.close();
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    expect(existsSync(socket)).toBe(true);
  });
});

describe('a client that calls itself something that is more than a part of a line', SLOW, () => {
  test('does not speak to the terminal of whoever looks', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const client = await connectService({ address: `unix:${service.socket}`, name: 'a\u001b[2J\nb' });
    onTestFinished(() => client.close());
    await client.listen({ port: 7471 });
    for (const command of ['ps', 'stats']) {
      const { lines, stderr } = await service.run(command);
      expect(stderr).toBe('');
      expect(lines.join('\n')).not.toContain('\u001b[2J');
      expect(lines.filter((line) => line.includes('a�[2J�b'))).toHaveLength(1);
    }
  });
});

describe('a configuration', SLOW, () => {
  test('is printed with where each value comes from', async () => {
    const flags = ['--address', '127.0.0.1', '--drain-timeout-ms', '7', '--socket', '/run/x.sock'];
    const { lines, status } = await run('serve', '--print-config', '--json', ...flags);
    expect(status).toBe(0);
    const shown = lines.map((line) => JSON.parse(line) as { name: string; value: unknown; where: string });
    expect(shown).toContainEqual({ name: 'address', value: '127.0.0.1'.split(','), where: '--address' });
    expect(shown).toContainEqual({ name: 'drainTimeoutMs', value: 7, where: '--drain-timeout-ms' });
    expect(shown).toContainEqual({ name: 'logLevel', value: 'info', where: 'default' });
    expect(shown).toContainEqual({ name: 'metrics', value: null, where: 'default' });
  });

  test('that is wrong is wrong usage', async () => {
    const { stderr, status } = await run('serve', '--address', '127.0.0.1', '--log-level', 'loud');
    expect(status).toBe(2);
    expect(stderr).toBe(
      'ibcm: --log-level is "loud"; it must be one of trace, debug, info, warn, error, fatal, silent (see "ibcm serve --help")\n',
    );
  });

  test('is not asked for connections in a state that there is not', async () => {
    const { stderr, status } = await run('ps', '--state', 'open');
    expect(status).toBe(2);
    expect(stderr).toMatch(/'open' is invalid\. There are IDLE, .*LISTEN, .*ESTABLISHED/);
  });

  test.each([[['ps']], [['stats']], [['trace']], [['service', 'status']]])(
    '%j says that no service answers',
    async (words) => {
      const { stderr, status } = await run(...words, '--service', '/nowhere/ibcm.sock');
      expect(status).toBe(1);
      expect(stderr).toMatch(/^ibcm: no service answers on \/nowhere\/ibcm\.sock: start one with "ibcm serve", /);
    },
  );
});
