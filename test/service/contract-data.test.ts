import { describe, expect, test } from 'vitest';
import { TransferError } from '../../src/endpoint/index.js';
import { notLinux } from '../io/loopback.js';
import { CARRIERS } from './carriers.js';
import { accepted, connected, failure, setting, until } from './setting.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

describe.skipIf(notLinux).each(Object.keys(CARRIERS))('data %s', (carrier) => {
  const made = setting(carrier);

  test('is sent and received in order, with its companion', async () => {
    const { ours, theirs } = await connected(made);
    await Promise.all([ours.send(bytes(1)), ours.send(bytes(2), { immediate: 0xdead_beef })]);
    expect((await theirs.receive())?.data).toEqual(bytes(1));
    expect(await theirs.receive()).toMatchObject({ data: bytes(2), immediate: 0xdead_beef });
    await theirs.send(bytes(3), { immediate: 0 });
    await theirs.send(new Uint8Array(0));
    expect(await ours.receive()).toEqual({ data: bytes(3), immediate: 0 });
    expect(await ours.receive()).toEqual({ data: bytes(), immediate: undefined });
  });

  test('is received by who asked first, and by nobody who has given up', async () => {
    const { ours, theirs } = await accepted(made);
    const abort = new AbortController();
    const given = ours.receive({ signal: abort.signal });
    const kept = ours.receive();
    abort.abort(new Error('no time'));
    expect((await failure(given)).message).toBe('no time');
    await theirs.send(bytes(1));
    expect((await kept)?.data).toEqual(bytes(1));
  });

  test('that came before the end is received after it, and then nothing', async () => {
    const { ours, theirs } = await connected(made);
    await theirs.send(bytes(1));
    await theirs.send(bytes(2));
    await theirs.disconnect();
    await ours.closed;
    expect((await ours.receive())?.data).toEqual(bytes(1));
    expect((await ours.receive())?.data).toEqual(bytes(2));
    expect(await ours.receive()).toBeUndefined();
    expect(await ours.receive()).toBeUndefined();
  });

  test('is written to and read from memory of the peer', async () => {
    const { ours, theirs } = await connected(made);
    const memory = new Uint8Array(5_000);
    const region = theirs.register(memory, { remoteRead: true, remoteWrite: true });
    const data = Uint8Array.from({ length: 3_000 }, (_, index) => index % 251);
    await ours.write({ address: region.address + 1_000, rkey: region.rkey }, data);
    expect(memory.subarray(1_000, 4_000)).toEqual(data);
    const into = new Uint8Array(3_000);
    await ours.read({ address: BigInt(region.address + 1_000), rkey: region.rkey }, into);
    expect(into).toEqual(data);
  });

  test('of 64 bits is changed by atomic operations', async () => {
    const { ours, theirs } = await connected(made);
    const region = theirs.register(new Uint8Array(8), { remoteAtomic: true });
    const { address, rkey } = region;
    const all = 2n ** 64n - 1n;
    expect(await ours.fetchAdd({ address, rkey }, all)).toBe(0n);
    expect(await ours.compareSwap({ address, rkey }, all, 5n)).toBe(all);
    expect(await ours.compareSwap({ address, rkey }, 6n, 7n)).toBe(5n);
    expect(new DataView(region.bytes.buffer).getBigUint64(0, true)).toBe(5n);
  });

  test('in memory of ours is the peer’s to work on, as far as we let it', async () => {
    const { ours, theirs } = await connected(made);
    const region = await ours.register(bytes(1, 2, 3, 4), { remoteRead: true, remoteWrite: true });
    await theirs.write({ address: region.address + 1, rkey: region.rkey }, bytes(9, 9));
    expect(await region.read()).toEqual(bytes(1, 9, 9, 4));
    await region.write(3, bytes(7));
    const into = new Uint8Array(4);
    await theirs.read(region, into);
    expect(into).toEqual(bytes(1, 9, 9, 7));
    expect(await failure(region.read(2, 3))).toMatchObject({ name: 'TransportError', code: 'INVALID_ARGUMENT' });
    expect(await failure(region.write(4, bytes(1)))).toMatchObject({ name: 'TransportError' });
    await region.deregister();
    const error = await failure(theirs.write(region, bytes(1)));
    expect(error).toMatchObject({ code: 'REMOTE_ACCESS_ERROR' });
    expect(['broken', 'peer']).toContain((await ours.closed).cause);
  });

  test('that the peer does not allow breaks the connection, with the error that there is in process', async () => {
    const { ours, theirs } = await connected(made);
    const region = theirs.register(new Uint8Array(8));
    const error = await failure(ours.write(region, bytes(1)));
    expect(error).toBeInstanceOf(TransferError);
    expect(error).toMatchObject({ code: 'REMOTE_ACCESS_ERROR', details: { operation: 'write' } });
    // The peer's queue pair is broken, too: either may be the first to disconnect.
    expect(['broken', 'peer']).toContain((await ours.closed).cause);
    expect(await failure(ours.send(bytes(1)))).toMatchObject({ code: 'FLUSHED' });
  });

  test('goes through datagram sockets, both ways', async () => {
    const ours = await made.client.openDatagramSocket({ qKey: 7 });
    const theirs = await made.peer.openDatagramSocket();
    await ours.send(bytes(1, 2), theirs, { immediate: 3 });
    const datagram = await theirs.receive();
    expect(datagram).toMatchObject({ data: bytes(1, 2), immediate: 3, from: { address: ours.address, qpn: ours.qpn } });
    await theirs.send(bytes(4), ours);
    const from = { address: theirs.address, qpn: theirs.qpn };
    expect(await ours.receive()).toEqual({ data: bytes(4), immediate: undefined, from });
    const error = await failure(ours.send(bytes(1), { address: 'nowhere', qpn: 5, qKey: 1 }));
    expect(error).toMatchObject({ code: 'ADDRESS_SYNTAX' });
    ours.close();
    ours.close();
    expect(await ours.receive()).toBeUndefined();
  });

  test('R21: a connection that is over costs its client nothing, once its messages are received', async () => {
    const { ours, theirs } = await connected(made);
    await theirs.send(bytes(1));
    await theirs.disconnect();
    await ours.closed;
    await ours.receive();
    expect(await ours.receive()).toBeUndefined();
    await new Promise<void>((resolve) => ours.addEventListener('timewaitexit', () => resolve()));
    await until(() => [...made.service.clients].every(({ owns }) => owns.connection === undefined));
    const [client] = made.service.clients;
    expect(client?.used).toEqual({ ceps: 0, listens: 0, memoryBytes: 0 });
    expect((await ours.query()).closeCause).toBe('peer');
    expect(await ours.receive()).toBeUndefined();
  });
});
