import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ConnectionInfo, ServiceStatus, Statistics } from '../../src/service/index.js';
import { eventsOf, freshAddress, IBCM, ibcm, next, PORT, Program, run } from './program.js';
import { freshFolder, ServiceProcess } from './service-process.js';

/** `ibcm serve` and those who use it: real processes over loopback. */
const SLOW = { timeout: 60_000 };

describe.concurrent('a service', SLOW, () => {
  test('is used by commands, which connect, look up and move data through it', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const listener = service.start('listen', `${address}:${PORT}`, '--count', '1', '--json');
    await listener.event('listening');
    const server = service.start('serve-ping', `${next(next(address))}:7174`, '--count', '1', '--json');
    await server.event('listening');
    const client = await service.run('connect', `${address}:${PORT}`, '--from', next(address), '--json');
    expect(client).toMatchObject({ status: 0, stderr: '' });
    const { lines } = await listener.ended;
    const events = eventsOf(lines);
    expect(events.map(({ event }) => event)).toEqual(['service', 'listening', 'established', 'closed']);
    expect(events[0]).toMatchObject({ socket: service.socket });
    expect(events[2]).toMatchObject({ localAddress: address, remoteAddress: next(address) });
    expect(events[3]).toMatchObject({ cause: 'peer' });
    const ping = ['ping', `${next(next(address))}:7174`, '--from', address, '--count', '3', '--json'];
    const pinged = await service.run(...ping);
    expect(pinged).toMatchObject({ status: 0, stderr: '' });
    const [using, ...rest] = eventsOf(pinged.lines);
    expect(using).toMatchObject({ event: 'service', socket: service.socket });
    expect(rest.filter(({ event }) => event === 'reply')).toHaveLength(3);
    expect((await server.ended).status).toBe(0);
    expect((await service.stop()).status).toBe(0);
  });

  test('is named with --service, and refused with --no-service', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', `${address},${next(address)}`]);
    const answering = ibcm(
      'serve-lookup',
      `${next(address)}:${PORT}`,
      '--service',
      service.socket,
      '--count',
      '1',
      '--qpn',
      '0x77',
    );
    await answering.line(/ listening /);
    const found = await run(
      'lookup',
      `${next(address)}:${PORT}`,
      '--service',
      service.socket,
      '--from',
      address,
      '--json',
    );
    expect(eventsOf(found.lines).at(-1)).toMatchObject({ event: 'found', qpn: 0x77 });
    expect((await answering.ended).status).toBe(0);
    const refused = await service.run('listen', `${address}:${PORT}`, '--no-service');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/UDP port 4791 .* is in use/) });
    const captured = await service.run('listen', `${address}:${PORT}`, '--capture', join(freshFolder(), 'x.pcapng'));
    expect(captured).toMatchObject({ status: 1, stderr: expect.stringMatching(/see "ibcm trace --capture"/) });
    const nobody = await run('connect', `${address}:${PORT}`, '--service', '/nowhere/ibcm.sock');
    expect(nobody).toMatchObject({ status: 1, stderr: expect.stringMatching(/nobody answers at unix:\/nowhere/) });
    await service.stop();
  });

  test('shows what it holds: both ends, state, age and owner, as a table and as JSON', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const listener = service.start('listen', `${address}:${PORT}`, '--json');
    await listener.event('listening');
    const peer = ibcm('connect', `${address}:${PORT}`, '--from', next(address), '--hold-ms', '60000', '--json');
    const established = await peer.event('established');
    await listener.event('established');
    const connections = await service.ask<ConnectionInfo>('ps');
    expect(connections.map(({ state }) => state).sort()).toEqual(['ESTABLISHED', 'LISTEN']);
    const connection = connections.find(({ state }) => state === 'ESTABLISHED');
    expect(connection).toMatchObject({
      role: 'passive',
      localAddress: address,
      remoteAddress: next(address),
      localQpn: established['remoteQpn'],
      remoteQpn: established['localQpn'],
      owner: { name: 'ibcm', pid: listener.child.pid },
    });
    const table = await service.run('ps', '--state', 'established');
    expect(table.lines[0]).toMatch(/^CID +STATE +ROLE +SERVICE +LOCAL +QPN +REMOTE +QPN +AGE +RETRIES +OWNER$/);
    expect(table.lines).toHaveLength(2);
    expect(table.lines[1]).toMatch(
      new RegExp(` ESTABLISHED +passive +tcp:7471 +${address} .* ibcm \\(${listener.child.pid}\\)$`),
    );
    const [statistics] = await service.ask<Statistics>('stats');
    expect(statistics?.states).toEqual({ LISTEN: 1, ESTABLISHED: 1 });
    expect(statistics?.messages.find(({ message }) => message === 'REQ')).toMatchObject({ received: 1 });
    expect(statistics?.clients).toMatchObject([{ name: 'ibcm', pid: listener.child.pid, used: { listens: 1 } }]);
    const text = (await service.run('stats')).lines.join('\n');
    expect(text).toMatch(/^Messages\n +sent +retries +received +duplicates\n +REQ +0 +0 +1 +0$/m);
    peer.kill('SIGINT');
    await peer.ended;
    listener.kill('SIGINT');
    expect((await listener.ended).status).toBe(130);
    await service.stop();
  });

  test('is followed by watchers until they are interrupted', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const watching = service.start('ps', '--watch', '--interval-ms', '20');
    await watching.line(/^CID/);
    const listener = service.start('listen', `${address}:${PORT}`);
    await watching.line(/ LISTEN /);
    listener.kill('SIGINT');
    await listener.ended;
    watching.kill('SIGINT');
    expect((await watching.ended).status).toBe(130);
    await service.stop();
  });

  test('shows messages as they pass, and writes them for Wireshark', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const file = join(freshFolder(), 'trace.pcapng');
    const all = service.start('trace', '--count', '5', '--json', '--capture', file);
    await all.event('tracing');
    const requests = service.start('trace', '--message', 'req', 'REP', '--peer', next(address), '--count', '2');
    await requests.line(/^tracing /);
    const listener = service.start('listen', `${address}:${PORT}`, '--count', '1');
    await listener.line(/ listening /);
    await run('connect', `${address}:${PORT}`, '--from', next(address), '--private-data', 'hello');
    const traced = eventsOf((await all.ended).lines);
    expect(traced.slice(1).map(({ direction, message }) => `${direction} ${message}`)).toEqual([
      'received REQ',
      'sent REP',
      'received RTU',
      'received DREQ',
      'sent DREP',
    ]);
    expect(traced[1]).toMatchObject({ localAddress: address, remoteAddress: next(address) });
    const { lines, status } = await requests.ended;
    expect(status).toBe(0);
    expect(lines.slice(1).map((line) => line.match(/(←|→) \S+ +(REQ|REP) /)?.slice(1))).toEqual([
      ['←', 'REQ'],
      ['→', 'REP'],
    ]);
    const decoded = await run('decode', file, '--json');
    expect(eventsOf(decoded.lines).map(({ message, icrc }) => [message, icrc])).toEqual(
      ['REQ', 'REP', 'RTU', 'DREQ', 'DREP'].map((message) => [message, 'ok']),
    );
    await listener.ended;
    await service.stop();
  });

  test('R21: ends what a client owned when its process is killed', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const listener = service.start('listen', `${address}:${PORT}`, '--json');
    await listener.event('listening');
    const peer = ibcm('connect', `${address}:${PORT}`, '--from', next(address), '--hold-ms', '60000', '--json');
    await peer.event('established');
    await listener.event('established');
    listener.kill('SIGKILL');
    expect((await peer.event('closed'))['cause']).toBe('peer');
    await expect
      .poll(async () => (await service.ask<ServiceStatus>('service', 'status'))[0], { timeout: 20_000 })
      .toMatchObject({ clients: 0, connections: 0 });
    expect(await service.run('service', 'check')).toMatchObject({ status: 0, lines: ['all is well'] });
    expect((await peer.ended).status).toBe(0);
    await service.stop();
  });

  test('is one for its user only, and leaves nothing behind', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    expect(statSync(service.socket).mode & 0o777).toBe(0o600);
    const second = new Program(process.execPath, [
      IBCM,
      'serve',
      '--address',
      next(address),
      '--socket',
      service.socket,
    ]);
    expect(await second.ended).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/a service listens on .* already/),
    });
    await service.stop();
    expect(existsSync(service.socket)).toBe(false);
  });

  test('takes the place of one that was killed', async () => {
    const address = freshAddress();
    const killed = await ServiceProcess.start(['--address', address]);
    killed.program.kill('SIGKILL');
    await killed.program.ended;
    expect(existsSync(killed.socket)).toBe(true);
    const service = await ServiceProcess.start(['--address', address], {}, killed.socket);
    const [status] = await service.ask<ServiceStatus>('service', 'status');
    expect(status).toMatchObject({ addresses: [address], state: 'serving', pid: service.program.child.pid });
    await service.stop();
  });
});
