import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ConnectionInfo, ServiceStatus, Statistics } from '../../src/service/index.js';
import { eventsOf, freshAddress, IBCM, ibcm, next, PORT, Program, run } from './program.js';
import { freshFolder, ServiceProcess } from './service-process.js';

/** `ibcm serve` and those who use it: real processes over loopback. */
const SLOW = { timeout: 120_000 };

describe('a service', SLOW, () => {
  test('is used by commands: they listen through it, and it shows both ends, messages and counts, and what is left when they are killed (R21)', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const listener = service.start('listen', `${address}:${PORT}`, '--json');
    expect(await listener.event('service')).toMatchObject({ socket: service.socket });
    await listener.event('listening');
    const file = join(freshFolder(), 'trace.pcapng');
    const trace = service.start('trace', '--count', '3', '--json', '--capture', file);
    await trace.event('tracing');
    const peer = ibcm('connect', `${address}:${PORT}`, '--from', next(address), '--hold-ms', '110000', '--json');
    const established = await peer.event('established');
    await listener.event('established');

    const connections = await service.ask<ConnectionInfo>('ps');
    expect(connections.map(({ state }) => state).sort()).toEqual(['ESTABLISHED', 'LISTEN']);
    expect(connections.find(({ state }) => state === 'ESTABLISHED')).toMatchObject({
      role: 'passive',
      localAddress: address,
      remoteAddress: next(address),
      localQpn: established['remoteQpn'],
      remoteQpn: established['localQpn'],
      owner: { name: 'ibcm', pid: listener.child.pid },
    });
    const [statistics] = await service.ask<Statistics>('stats');
    expect(statistics?.states).toEqual({ LISTEN: 1, ESTABLISHED: 1 });
    expect(statistics?.clients).toMatchObject([{ name: 'ibcm', pid: listener.child.pid, used: { listens: 1 } }]);

    const traced = eventsOf((await trace.ended).lines).slice(1);
    expect(traced.map(({ direction, message }) => `${direction} ${message}`)).toEqual([
      'received REQ',
      'sent REP',
      'received RTU',
    ]);
    expect(traced[0]).toMatchObject({ localAddress: address, remoteAddress: next(address) });
    const decoded = eventsOf((await run('decode', file, '--json')).lines);
    expect(decoded.map(({ message, icrc }) => [message, icrc])).toEqual([
      ['REQ', 'ok'],
      ['REP', 'ok'],
      ['RTU', 'ok'],
    ]);

    listener.kill('SIGKILL');
    expect((await peer.event('closed'))['cause']).toBe('peer');
    expect((await peer.ended).status).toBe(0);
    await expect
      .poll(async () => (await service.ask<ServiceStatus>('service', 'status'))[0], { timeout: 60_000 })
      .toMatchObject({ clients: 0, connections: 0 });
    expect(await service.run('service', 'check')).toMatchObject({ status: 0, lines: ['all is well'] });
    expect((await service.stop()).status).toBe(0);
  });

  test('moves data for those who use it, at either end', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', address]);
    const ours = ibcm('serve-ping', `${next(address)}:7174`, '--json');
    await ours.event('listening');
    const ping = await service.run('ping', `${next(address)}:7174`, '--from', address, '--count', '3', '--json');
    expect(ping).toMatchObject({ status: 0, stderr: '' });
    expect(eventsOf(ping.lines).filter(({ event }) => event === 'service' || event === 'reply')).toHaveLength(4);
    ours.kill('SIGINT');
    const theirs = service.start('serve-ping', `${address}:7174`, '--count', '1', '--json');
    await theirs.event('listening');
    const back = await run('ping', `${address}:7174`, '--from', next(next(address)), '--count', '2', '--json');
    expect(back).toMatchObject({ status: 0, stderr: '' });
    expect(await theirs.event('served')).toMatchObject({ rounds: 2 });
    expect((await theirs.ended).status).toBe(0);
    await service.stop();
  });

  test('is named with --service, and refused with --no-service', async () => {
    const address = freshAddress();
    const service = await ServiceProcess.start(['--address', `${address},${next(address)}`]);
    const answering = ibcm(
      ...['serve-lookup', `${next(address)}:${PORT}`, '--service', service.socket, '--count', '1', '--qpn', '0x77'],
    );
    await answering.line(/ listening /);
    const asking = ['lookup', `${next(address)}:${PORT}`, '--service', service.socket, '--from', address, '--json'];
    expect(eventsOf((await run(...asking)).lines).at(-1)).toMatchObject({ event: 'found', qpn: 0x77 });
    expect((await answering.ended).status).toBe(0);
    const refused = await service.run('listen', `${address}:${PORT}`, '--no-service');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/UDP port 4791 .* is in use/) });
    const capture = join(freshFolder(), 'x.pcapng');
    writeFileSync(capture, 'of before');
    const captured = await service.run('listen', `${address}:${PORT}`, '--capture', capture);
    expect(captured).toMatchObject({ status: 1, stderr: expect.stringMatching(/see "ibcm trace --capture"/) });
    expect(readFileSync(capture, 'utf8')).toBe('of before');
    const nobody = await run('connect', `${address}:${PORT}`, '--service', '/nowhere/ibcm.sock');
    expect(nobody).toMatchObject({ status: 1, stderr: expect.stringMatching(/nobody answers at unix:\/nowhere/) });
    await service.stop();
  });

  test('is one for its user only, takes the place of one that was killed, and leaves nothing behind', async () => {
    const address = freshAddress();
    const killed = await ServiceProcess.start(['--address', address]);
    expect(statSync(killed.socket).mode & 0o777).toBe(0o600);
    const flags = ['--address', next(address), '--socket', killed.socket];
    const second = await new Program(process.execPath, [IBCM, 'serve', ...flags]).ended;
    expect(second).toMatchObject({ status: 1, stderr: expect.stringMatching(/a service listens on .* already/) });
    killed.program.kill('SIGKILL');
    await killed.program.ended;
    expect(existsSync(killed.socket)).toBe(true);
    const service = await ServiceProcess.start(['--address', address], {}, killed.socket);
    const [status] = await service.ask<ServiceStatus>('service', 'status');
    expect(status).toMatchObject({ addresses: [address], state: 'serving', pid: service.program.child.pid });
    await service.stop();
    expect(existsSync(service.socket)).toBe(false);
  });
});
