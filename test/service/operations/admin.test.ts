import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ServiceError } from '../../../src/service/error.js';
import { AdminClient } from '../../../src/service/operations/admin-client.js';
import { established, fixture } from '../../endpoint/fixture.js';
import { administering, FakeHost, served } from './fixture.js';

/** The administration by way of gRPC, of an adapter in virtual time and a service that only says who owns what. */
const made = fixture({ server: { limits: { maxCeps: 4_096 } } });

describe('the administration', () => {
  test('tells its status', async () => {
    const host = new FakeHost(made.server);
    expect(await (await administering(host)).status()).toEqual(host.status());
  });

  test('lists connections and listeners with both ends, state, age and owner', async () => {
    const host = new FakeHost(made.server);
    const { ours: connection, theirs: accepted } = await established(made);
    made.net.now = (made.net.now + 1_500_000) as typeof made.net.now;
    host.service.owners.set(accepted.cid, host.service.add('storage'));
    const list = await (await administering(host)).connections();
    expect(list.map(({ state }) => state).sort()).toEqual(['ESTABLISHED', 'LISTEN']);
    const shown = list.find(({ state }) => state === 'ESTABLISHED');
    expect(shown).toMatchObject({
      cid: accepted.cid,
      role: 'passive',
      unbound: false,
      localAddress: accepted.local.address,
      remoteAddress: connection.local.address,
      localQpn: accepted.local.qpn,
      remoteQpn: connection.local.qpn,
      owner: { id: 1, name: 'storage', pid: 4_001 },
    });
    expect(shown?.ageMs).toBe(1_500);
    expect(list.find(({ state }) => state === 'LISTEN')).toMatchObject({
      role: 'listener',
      localAddress: '',
      serviceId: '0x0000000001061d2f',
    });
  });

  test('lists many connections, page by page', async () => {
    const host = new FakeHost(made.server);
    const count = 3_000;
    const listeners = [];
    for (let port = 1; port <= count; port += 1) listeners.push(await made.server.endpoint.listen({ port }));
    const list = await (await administering(host)).connections();
    expect(new Set(list.map(({ cid }) => cid)).size).toBe(count);
    for (const listener of listeners) listener.close();
  });

  test('tells what has been counted, as numbers and as text for Prometheus', async () => {
    const host = new FakeHost(made.server);
    host.service.add('storage "a"', { used: { ceps: 2, listens: 0, memoryBytes: 0 }, waiting: 5 });
    await established(made);
    const client = await administering(host);
    const statistics = await client.statistics();
    expect(statistics).toEqual(host.statistics());
    expect(statistics.messages.find(({ message }) => message === 'REQ')).toMatchObject({ received: 1, sent: 0 });
    expect(statistics.states).toEqual({ LISTEN: 1, ESTABLISHED: 1 });
    const { contentType, text } = await client.metrics();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = text.split('\n');
    expect(lines).toContain('ibcm_connections{state="ESTABLISHED"} 1');
    expect(lines).toContain('ibcm_messages_received_total{message="REQ"} 1');
    expect(lines).toContain('ibcm_messages_sent_total{message="REP"} 1');
    expect(lines).toContain('ibcm_rejects_sent_total{reason="noResources"} 0');
    expect(lines).toContain('ibcm_drops_total{layer="packet",reason="icrc"} 0');
    expect(lines).toContain('ibcm_establishing_seconds_bucket{le="+Inf"} 1');
    expect(lines).toContain('ibcm_establishing_seconds_count 1');
    expect(lines).toContain('ibcm_client_used{client="1",name="storage \\"a\\"",what="ceps"} 2');
    expect(lines).toContain('ibcm_client_waiting_messages{client="1",name="storage \\"a\\""} 5');
    expect(lines.some((line) => line.startsWith('process_cpu_seconds_total '))).toBe(true);
  });

  test('counts up between two readings, and forgets clients that have gone', async () => {
    const host = new FakeHost(made.server);
    host.service.add('gone', { calls: 1 });
    const before = await host.metrics.text();
    expect(before).toContain('ibcm_messages_received_total{message="REQ"} 0');
    expect(before).toContain('name="gone"');
    host.service.clients.length = 0;
    await established(made);
    const after = await host.metrics.text();
    expect(after).toContain('ibcm_messages_received_total{message="REQ"} 1');
    expect(after).not.toContain('name="gone"');
    expect(after).toContain('ibcm_clients 0');
  });

  test('tells what is not as it ought to be', async () => {
    const host = new FakeHost(made.server);
    const client = await administering(host);
    expect(await client.check()).toEqual({ violations: [] });
    host.service.violations = ['nobody owns 7'];
    expect(await client.check()).toEqual({ violations: ['nobody owns 7'] });
  });

  test('reloads, drains and changes the log level, or says why not', async () => {
    const host = new FakeHost(made.server);
    const client = await administering(host);
    expect(await client.reload()).toEqual({ changed: ['logLevel'], needsRestart: ['icrc'] });
    expect(await client.drain({})).toEqual({ clients: 2, timeoutMs: 10_000 });
    expect(await client.drain({ timeoutMs: 0 })).toEqual({ clients: 2, timeoutMs: 0 });
    expect(await client.setLogLevel('debug')).toEqual({ before: 'info', now: 'debug' });
    expect(host.calls).toEqual([{ drain: undefined }, { drain: 0 }, { level: 'debug' }]);
    await expect(client.setLogLevel('loud')).rejects.toThrow(/^"loud" is no log level; there are trace, /);
    host.failure = new ServiceError('CONFIGURATION', 'x.json: icrc is 7', {});
    await expect(client.reload()).rejects.toMatchObject({ code: 'CONFIGURATION', message: 'x.json: icrc is 7' });
  });
});

describe('who asks', () => {
  test('is told when nobody answers', async () => {
    using client = new AdminClient('/nowhere/ibcm.sock');
    await expect(client.status()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(client.connections()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('is told when it is something else that answers', async () => {
    using client = new AdminClient(await served(() => undefined));
    await expect(client.status()).rejects.toMatchObject({ code: 'PROTOCOL' });
    await turn();
  });
});
