import { once } from 'node:events';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import type { Connection, ConnectOptions } from '../../src/endpoint/index.js';
import { streamOf } from '../../src/io/index.js';
import { adapters, freshAddress, notLinux } from './loopback.js';

const PORT = 7471;
const open = adapters();

async function connected(options: Partial<ConnectOptions> = {}): Promise<{ ours: Connection; theirs: Connection }> {
  const [client, server] = await Promise.all([open({ address: freshAddress() }), open({ address: freshAddress() })]);
  const listener = await server.listen({ port: PORT });
  const connecting = client.connect({ host: server.address, port: PORT, ...options });
  const { value: request } = await listener[Symbol.asyncIterator]().next();
  if (request === undefined) throw new Error('the listener is closed');
  const [ours, theirs] = await Promise.all([connecting, request.accept()]);
  return { ours, theirs };
}

/** All that comes out of it. (Its iterator would destroy it in the end, and what is still to be written.) */
async function all(stream: Duplex): Promise<Buffer> {
  const parts: Buffer[] = [];
  stream.on('data', (part: Buffer) => parts.push(part));
  await once(stream, 'end');
  return Buffer.concat(parts);
}

const bytes = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31) >> 3));

describe.skipIf(notLinux)('A stream over a connection', () => {
  it('brings bytes both ways, in order, to their ends; then the connection is disconnected', async () => {
    const { ours, theirs } = await connected();
    const [mine, others] = [streamOf(ours), streamOf(theirs)];
    const data = bytes(300_000);
    const received = all(others);
    const answered = all(mine);
    await pipeline(Readable.from([data.subarray(0, 10), data.subarray(10, 200_000), data.subarray(200_000)]), mine, {
      end: true,
    });
    expect((await received).equals(data)).toBe(true);
    others.end('done');
    expect((await answered).toString()).toBe('done');
    expect(['disconnected', 'peer']).toContain((await ours.closed).cause);
    expect(['disconnected', 'peer']).toContain((await theirs.closed).cause);
  });

  it('echoes through itself', async () => {
    const { ours, theirs } = await connected();
    const [mine, others] = [streamOf(ours), streamOf(theirs)];
    const echoing = pipeline(others, others);
    const data = bytes(50_000);
    const answered = all(mine);
    mine.end(data);
    expect((await answered).equals(data)).toBe(true);
    await echoing;
  });

  it('that nobody reads lets its writer wait', async () => {
    const { ours, theirs } = await connected();
    const [mine, others] = [streamOf(ours, { highWaterMark: 1 }), streamOf(theirs, { highWaterMark: 1 })];
    const room = mine.write(bytes(200_000));
    expect(room).toBe(false);
    let drained = false;
    mine.once('drain', () => {
      drained = true;
    });
    // What the peer's buffers hold has arrived; the rest has not.
    await once(others, 'readable');
    expect(drained).toBe(false);
    others.resume();
    await once(mine, 'drain');
    mine.end();
    others.end();
    await ours.closed;
  });

  it('ends with an error when the connection breaks', async () => {
    const { ours, theirs } = await connected();
    const stream = streamOf(theirs);
    const failed = once(stream, 'error');
    stream.resume();
    await ours.write({ address: 1, rkey: 1 }, bytes(10)).catch(() => undefined);
    expect(await failed).toMatchObject([{ code: 'CLOSED' }]);
  });

  it('that is destroyed disconnects', async () => {
    const { ours, theirs } = await connected();
    const others = streamOf(theirs);
    others.resume();
    streamOf(ours).destroy();
    await once(others, 'end');
    expect((await theirs.closed).cause).toBe('peer');
  });

  it('needs a queue pair of ours', async () => {
    const { ours } = await connected({ qpn: 0x99 });
    expect(() => streamOf(ours)).toThrow(expect.objectContaining({ code: 'NO_QUEUE_PAIR' }));
    expect(() => streamOf(ours, { messageBytes: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
