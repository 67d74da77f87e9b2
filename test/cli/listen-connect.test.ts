import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { digits, eventsOf, freshAddress, ibcm, type Line, listening, next, PORT, run } from './program.js';

const directory = mkdtempSync(join(tmpdir(), 'ibcm-listen-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A line of text: local time, event, fields. */
const LINE = /^\d\d:\d\d:\d\d\.\d{3} {2}\w+( {2,}\S.*)?$/;

describe.concurrent('listen and connect', () => {
  test('print a line for each event, in order, and end with status 0', async () => {
    const address = freshAddress();
    const listener = await listening(address, '--count', '1', '--private-data', 'welcome');
    const client = await run('connect', `${address}:${PORT}`, '--private-data', 'hello');
    const server = await listener.ended;
    expect(client).toMatchObject({ status: 0, stderr: '' });
    expect(server).toMatchObject({ status: 0, stderr: '' });
    for (const line of [...client.lines, ...server.lines]) expect(line).toMatch(LINE);
    const names = (lines: readonly string[]): unknown[] => lines.map((line) => line.split(/ +/)[1]);
    expect(names(client.lines)).toEqual(['rep_received', 'established', 'drep_received', 'closed']);
    expect(names(server.lines)).toEqual([
      'listening',
      'req_received',
      'rtu_received',
      'established',
      'dreq_received',
      'closed',
    ]);
    expect(server.lines[0]).toContain(`address=${address}:${PORT}`);
    expect(client.lines[1]).toMatch(
      new RegExp(
        ` local=${next(address)}:\\d+ {2}localQpn=0x\\w{6} {2}remote=${address}:${PORT} {2}remoteQpn=0x\\w{6} {2}privateData="welcome"$`,
      ),
    );
    expect(server.lines[3]).toMatch(/ privateData="hello"$/);
    expect(client.lines[3]).toMatch(/ cause=disconnected$/);
    expect(server.lines[5]).toMatch(/ cause=peer$/);
  });

  test('print JSON with --json, with what both ends agree on', async () => {
    const address = freshAddress();
    const startedAt = Date.now() / 1_000;
    const listener = await listening(address, '--count', '1', '--json');
    const client = await run('connect', `${address}:${PORT}`, '--json', '--qpn', '0x123456', '--hold-ms', '1');
    const server = await listener.ended;
    const [rep, established, drep, closed] = eventsOf(client.lines) as [Line, Line, Line, Line];
    const [listens, req, rtu, accepted, dreq, ended] = eventsOf(server.lines) as [Line, Line, Line, Line, Line, Line];
    expect(listens).toMatchObject({ event: 'listening', address, port: PORT });
    const local = { address: established['localAddress'], port: established['localPort'] };
    expect(local.address).toBe(next(address));
    const privateData = expect.stringMatching(/^0+$/);
    expect(req).toMatchObject({
      event: 'req_received',
      cid: expect.any(Number),
      remoteAddress: local.address,
      remotePort: local.port,
      remoteQpn: 0x123456,
      startingPsn: expect.any(Number),
      serviceId: '0x0000000001061d2f',
      privateData,
    });
    expect(rtu).toMatchObject({ event: 'rtu_received', cid: req['cid'] });
    expect(accepted).toMatchObject({
      event: 'established',
      localAddress: address,
      localPort: PORT,
      localQpn: rep['remoteQpn'],
      remoteAddress: local.address,
      remotePort: local.port,
      remoteQpn: 0x123456,
      privateData,
    });
    expect(rep).toMatchObject({ event: 'rep_received', cid: expect.any(Number), privateData });
    expect(established).toMatchObject({
      event: 'established',
      localQpn: 0x123456,
      remoteAddress: address,
      remotePort: PORT,
      remoteQpn: accepted['localQpn'],
    });
    expect(dreq).toMatchObject({ event: 'dreq_received', cid: req['cid'], privateData });
    expect(drep).toMatchObject({ event: 'drep_received', cid: rep['cid'], privateData });
    expect(ended).toMatchObject({ event: 'closed', remoteAddress: local.address, cause: 'peer' });
    expect(closed).toMatchObject({ event: 'closed', remoteAddress: address, remotePort: PORT, cause: 'disconnected' });
    for (const lines of [client.lines, server.lines]) {
      const times = eventsOf(lines).map(({ time }) => time);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      for (const time of times) {
        expect(time).toBeGreaterThan(startedAt - 1);
        expect(time).toBeLessThan(Date.now() / 1_000 + 1);
      }
    }
  });

  test('carry private data both ways, as text and as bytes', async () => {
    const address = freshAddress();
    const answer = 'a'.repeat(196);
    const listener = await listening(address, '--count', '1', '--json', '--private-data', answer);
    const request = `0x00ff${'5a'.repeat(54)}`;
    const client = ibcm('connect', `${address}:${PORT}`, '--json', '--private-data', request);
    expect((await listener.event('req_received'))['privateData']).toBe(request.slice(2));
    expect((await listener.event('established'))['privateData']).toBe(request.slice(2));
    expect((await client.event('rep_received'))['privateData']).toBe(digits(answer));
    expect((await client.event('established'))['privateData']).toBe(digits(answer));
    expect((await client.ended).status).toBe(0);
    expect((await listener.ended).status).toBe(0);
  });

  test('reject by name, with private data, which the peer shows with the reason', async () => {
    const address = freshAddress();
    const args = ['--count', '2', '--reject', 'no-resources', '--private-data', 'go away'];
    const listener = await listening(address, ...args);
    const client = await run('connect', `${address}:${PORT}`);
    expect(client.status).toBe(1);
    expect(client.lines).toHaveLength(1);
    expect(client.lines[0]).toMatch(
      / reason=3 {2}reasonName=noResources {2}messageRejected=REQ {2}privateData="go away"$/,
    );
    expect(client.stderr).toMatch(
      new RegExp(`^ibcm: rejected by the CM at ${address}:${PORT}: noResources \\(3\\): .+\n$`),
    );
    const again = await run('connect', `${address}:${PORT}`, '--json');
    expect(again.status).toBe(1);
    expect(eventsOf(again.lines)).toMatchObject([
      { event: 'rej_received', reason: 3, reasonName: 'noResources', messageRejected: 'REQ' },
    ]);
    expect(await listener.ended).toMatchObject({ status: 0, stderr: '' });
  });

  test('reject by a number without a name', async () => {
    const address = freshAddress();
    const listener = await listening(address, '--count', '1', '--reject', '4242');
    const client = await run('connect', `${address}:${PORT}`);
    expect(client.lines[0]).toMatch(/ reason=4242 {2}reasonName=unknown /);
    expect(client.stderr).toMatch(/^ibcm: rejected by .* unknown reason \(4242\)\n$/);
    expect((await listener.ended).status).toBe(0);
  });

  test('serve connections at once up to the count, refuse one more, and end with the last', async () => {
    const address = freshAddress();
    const listener = await listening(address, '--count', '2', '--json');
    const clients = [0, 1].map(() => ibcm('connect', `${address}:${PORT}`, '--json', '--hold-ms', '60000'));
    const ends = await Promise.all(clients.map((client) => client.event('established')));
    expect(new Set(ends.map((end) => end['localAddress'])).size).toBe(2);
    const third = await run('connect', `${address}:${PORT}`);
    expect(third.status).toBe(1);
    expect(third.stderr).toContain('invalidServiceId (8): nothing listens on that port there');
    for (const client of clients) client.kill('SIGINT');
    for (const client of clients) expect((await client.ended).status).toBe(130);
    const { status, lines } = await listener.ended;
    expect(status).toBe(0);
    expect(eventsOf(lines).filter(({ event }) => event === 'closed')).toHaveLength(2);
  });

  test('take localhost for an address on which both ends have room', async () => {
    const client = await run('connect', `localhost:${PORT + 1}`, '--timeout-ms', '4000');
    expect(client.status).toBe(1);
    expect(client.stderr).toMatch(/^ibcm: .*127\.0\.0\.1:7472/);
  });

  test('write captures that ibcm decode reads', async () => {
    const address = freshAddress();
    const file = join(directory, 'listener.pcapng');
    const listener = await listening(address, '--count', '1', '--capture', file);
    await run('connect', `${address}:${PORT}`);
    expect((await listener.ended).status).toBe(0);
    const { lines } = await run('decode', '--json', file);
    const messages = lines.map((line) => JSON.parse(line) as { message: string; icrc: string });
    expect(messages.map(({ message }) => message)).toEqual(['REQ', 'REP', 'RTU', 'DREQ', 'DREP']);
    expect(messages.every(({ icrc }) => icrc === 'ok')).toBe(true);
  });
});
