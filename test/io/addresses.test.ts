import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { Adapter, Connection, Listener } from '../../src/endpoint/index.js';
import { type IoError, openAdapter } from '../../src/io/index.js';
import { resolveRoute } from '../../src/io/resolve.js';
import { adapters, freshAddress, noIpv6, notLinux } from './loopback.js';

/** Adapters with several addresses, and several adapters, on real sockets of one machine: all on UDP port 4791. */

const PORT = 7471;
const open = adapters();

const addresses = (count: number): string[] => Array.from({ length: count }, freshAddress);

async function join(
  from: Adapter,
  listener: Listener,
  options: { host: string; from?: string },
): Promise<{ ours: Connection; theirs: Connection }> {
  const connecting = from.connect({ port: PORT, ...options });
  const { value: request } = await listener[Symbol.asyncIterator]().next();
  if (request === undefined) throw new Error('the listener is closed');
  const [ours, theirs] = await Promise.all([connecting, request.accept()]);
  return { ours, theirs };
}

const ends = ({ local, remote }: Connection): string => `${local.address} - ${remote.address}`;

/** There is one ::1 only: whoever has it just now, has it. */
async function openDual(address: string): Promise<Adapter | undefined> {
  const adapter = await open({ address: [address, '::1'] }).catch((error: IoError) => error);
  if (!(adapter instanceof Error)) return adapter;
  expect(adapter.code).toBe('PORT_IN_USE');
  return undefined;
}

describe.skipIf(notLinux)('An adapter with several addresses', () => {
  it('connects from each of them to each of another’s, and the datagrams have those addresses', async () => {
    const [mine, others] = [addresses(2), addresses(2)];
    const [client, server] = await Promise.all([open({ address: mine }), open({ address: others })]);
    const listener = await server.listen({ port: PORT });
    for (const from of mine) {
      for (const host of others) {
        const { ours, theirs } = await join(client, listener, { host, from });
        expect([ends(ours), ends(theirs)]).toEqual([`${from} - ${host}`, `${host} - ${from}`]);
        expect(theirs.queuePair?.state).toBe('RTS');
        expect(await ours.disconnect()).toBe('disconnected');
      }
    }
  });

  it('connects from the one that the system itself would send from, else from the first that has a route', async () => {
    const [first, second, host] = addresses(3) as [string, string, string];
    const way = async (...from: string[]): Promise<number> =>
      (
        await resolveRoute(
          host,
          from.map((address) => parseGid(address)),
        )
      ).port;
    // To all of 127/8 the system sends from 127.0.0.1.
    expect(await way(first, second, '127.0.0.1')).toBe(3);
    expect(await way(first, second)).toBe(1);
    // From addresses that this machine does not have, and of the other family, there is no route.
    expect(await way('192.0.2.1', 'fd00::1', second)).toBe(3);
    await expect(way('192.0.2.1', 'fd00::1')).rejects.toMatchObject({ code: 'SOCKET' });
    await expect(way('fd00::1', '192.0.2.1')).rejects.toMatchObject({ code: 'SOCKET' });
    await expect(way('fd00::1', 'fd00::2')).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
    const client = await open({ address: [first, second] });
    const listener = await client.listen({ port: PORT });
    expect(ends((await join(client, listener, { host: second })).ours)).toBe(`${first} - ${second}`);
  });

  it('listens on one of them only, if it is told to', async () => {
    const [client, server] = await Promise.all([open(), open({ address: addresses(2) })]);
    const [first, second] = server.addresses as [string, string];
    const listener = await server.listen({ port: PORT, address: second });
    const refusal = await client.connect({ host: first, port: PORT }).catch((error: Error) => error.message);
    expect(refusal).toContain('nothing listens on that port there');
    expect((await join(client, listener, { host: second })).theirs.local.address).toBe(second);
  });

  it('gives all ports back when it is closed, and when one of them cannot be had', async () => {
    const [first, second] = addresses(2) as [string, string];
    await open({ address: second });
    const taken = await openAdapter({ address: [first, second] }).catch((error: IoError) => error);
    expect(taken).toMatchObject({ code: 'PORT_IN_USE', details: { address: second } });
    const adapter = await open({ address: first });
    await adapter.close();
    await (await open({ address: [first, freshAddress()] })).close();
    await open({ address: first });
  });

  it.each([
    ['none', [], 'address is empty; an adapter has at least one'],
    [
      'one twice',
      ['127.0.0.1', '::ffff:127.0.0.1'],
      'address has 127.0.0.1 twice; each port has an address of its own',
    ],
  ])('is refused with %s', async (_, address, message) => {
    const error = await openAdapter({ address }).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ name: 'EndpointError', code: 'INVALID_ARGUMENT', message });
  });

  it.skipIf(noIpv6)('of both families is reached over both, and reaches itself over both', async () => {
    const adapter = await openDual(freshAddress());
    if (adapter === undefined) return;
    const listener = await adapter.listen({ port: PORT });
    const [v4] = adapter.addresses as [string];
    const other = await open();
    expect(ends((await join(other, listener, { host: v4 })).ours)).toBe(`${other.address} - ${v4}`);
    const own = await join(adapter, listener, { host: v4 });
    expect(ends(own.ours)).toBe(`${v4} - ${v4}`);
    const v6 = await join(adapter, listener, { host: '::1' });
    expect(ends(v6.ours)).toBe('::1 - ::1');
    expect([v6.ours, v6.theirs].map(({ queuePair }) => queuePair?.query().port)).toEqual([2, 2]);
    expect(await v6.theirs.disconnect()).toBe('disconnected');
    const wrong = await adapter.connect({ host: '::1', port: PORT, from: v4 }).catch((error: IoError) => error);
    expect(wrong).toMatchObject({ code: 'NAME_NOT_FOUND' });
  });
});

describe.skipIf(notLinux)('Several adapters of one process', () => {
  it('connect with each other and with themselves, each on its own address', async () => {
    const all = await Promise.all([open(), open(), open()]);
    const listeners = await Promise.all(all.map((adapter) => adapter.listen({ port: PORT })));
    for (const from of all) {
      for (const [index, to] of all.entries()) {
        const { ours, theirs } = await join(from, listeners[index] as Listener, { host: to.address });
        expect([ends(ours), ours.queuePair?.state]).toEqual([`${from.address} - ${to.address}`, 'RTS']);
        expect(theirs.remote).toEqual(ours.local);
      }
    }
    await Promise.all(all.map((adapter) => adapter.close()));
    expect(all.map(({ usage }) => [usage.queuePairs, usage.references])).toEqual(Array(3).fill([0, 0]));
  });
});
