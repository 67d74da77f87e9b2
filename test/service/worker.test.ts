import { describe, expect, test } from 'vitest';
import type { SocketOptions } from '../../src/io/index.js';
import { openWorkerService, type ServiceClient } from '../../src/service/index.js';
import { adapters, cleanUp, freshAddress, notLinux } from '../io/loopback.js';
import { failure, nextOf, PORT } from './setting.js';

/** The thread runs what was built. */
const PROGRAM = new URL('../../dist/service/thread/worker.js', import.meta.url);

const open = adapters();
const { later } = cleanUp();

async function worker(address = freshAddress(), options: SocketOptions = {}): Promise<ServiceClient> {
  const client = await openWorkerService({ address, ...options, program: PROGRAM, onWarning: () => undefined });
  later(() => client.close());
  return client;
}

/** Keeps this thread's event loop from everything else. */
function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe.skipIf(notLinux)('an adapter in a thread', () => {
  test('connects, moves data, and closes with its client', async () => {
    const client = await worker();
    const peer = await open();
    const listener = await peer.listen({ port: PORT });
    const connecting = client.connect({ host: peer.address, port: PORT });
    const [ours, theirs] = await Promise.all([connecting, (await nextOf(listener)).accept()]);
    await ours.send(Uint8Array.of(1));
    expect((await theirs.receive())?.data).toEqual(Uint8Array.of(1));
    await client.close();
    expect((await theirs.closed).cause).toBe('peer');
    expect((await client.closed).code).toBe('DISCONNECTED');
    expect(await failure(ours.send(Uint8Array.of(1)))).toMatchObject({ code: 'DISCONNECTED' });
  });

  test('answers while it looks for datagrams all the time, and ends', async () => {
    const client = await worker(freshAddress(), { busyPoll: true });
    const peer = await open();
    const listener = await client.listen({ port: PORT });
    const connecting = peer.connect({ host: client.address, port: PORT });
    const [theirs] = await Promise.all([connecting, nextOf(listener).then((request) => request.accept())]);
    expect(await theirs.disconnect()).toBe('disconnected');
  });

  test('keeps a peer connected that asks whether it is there, while this thread is busy', async () => {
    const [client, peer] = [await worker(), await worker()];
    const listener = await client.listen({ port: PORT });
    const connecting = peer.connect({ host: client.address, port: PORT, keepAliveMs: 20 });
    const [theirs] = await Promise.all([connecting, nextOf(listener).then((request) => request.accept())]);
    // A listener here would be silent for as long, and the peer's queue pair would give up.
    busy(2_500);
    expect((await theirs.query()).state).toBe('ESTABLISHED');
    expect(await theirs.disconnect()).toBe('disconnected');
  });

  test('answers a peer that asks while this thread is busy', async () => {
    const [client, peer] = [await worker(), await worker()];
    const refused = failure(peer.connect({ host: client.address, port: PORT, timeoutMs: 500, retries: 0 }));
    busy(1_000);
    expect(await refused).toMatchObject({ details: { reasonName: 'invalidServiceId' } });
  });

  test('that cannot be opened says why', async () => {
    const error = await failure(openWorkerService({ address: '192.0.2.1', program: PROGRAM }));
    expect(error).toMatchObject({ name: 'IoError', code: 'ADDRESS_NOT_LOCAL' });
  });
});
