import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/index.js';
import type { Connection, TransferError } from '../../src/endpoint/index.js';
import { established, fixture, requested } from './fixture.js';

/** Data over connections: messages, remote memory, and what becomes of both when a connection ends. */

const made = fixture();
const bytes = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => from + 7 * index);
const connected = (ours = {}, theirs = {}): Promise<{ ours: Connection; theirs: Connection }> =>
  established(made, ours, theirs);
const value = <T>(promise: Promise<T>): Promise<T> => made.net.value(promise);
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  (await made.net.error<TransferError>(promise)).code;

describe('Messages', () => {
  it.each([0, 1, 64, 65, 1_024, 1_025, 4_096])('arrive as they were sent: %i bytes', async (length) => {
    const { ours, theirs } = await connected();
    const sent = ours.send(bytes(length));
    expect(await value(theirs.receive())).toEqual({ data: bytes(length), immediate: undefined });
    await value(sent);
  });

  it('come in order, both ways at once, with what was sent beside them', async () => {
    const { ours, theirs } = await connected();
    const all = [0, 1, 2, 3, 4].flatMap((n) => [
      ours.send(bytes(2_000, n), { immediate: n }),
      theirs.send(bytes(100, n)),
    ]);
    for (const n of [0, 1, 2, 3, 4]) {
      expect(await value(theirs.receive())).toEqual({ data: bytes(2_000, n), immediate: n });
      expect((await value(ours.receive()))?.data).toEqual(bytes(100, n));
    }
    await value(Promise.all(all));
  });

  it('wait at the sender while the receiver takes none', async () => {
    const { ours, theirs } = await connected({}, { receives: 2 });
    let done = 0;
    const all = [0, 1, 2, 3].map((n) => ours.send(bytes(10, n)).then(() => (done += 1)));
    await made.net.elapse(500);
    expect(done).toBe(2);
    for (const n of [0, 1, 2, 3]) expect((await value(theirs.receive()))?.data).toEqual(bytes(10, n));
    await value(Promise.all(all));
  });

  it('are more than the queue pair works on at once', async () => {
    const { ours, theirs } = await connected({ sends: 1 });
    const all = Array.from({ length: 20 }, (_, n) => ours.send(bytes(300, n)));
    for (let n = 0; n < 20; n += 1) expect((await value(theirs.receive()))?.data).toEqual(bytes(300, n));
    await value(Promise.all(all));
  });

  it('need data, and nothing is sent without', async () => {
    const { ours, theirs } = await connected();
    const region = theirs.register(bytes(8), { remoteRead: true, remoteWrite: true });
    const nothing = undefined as unknown as Uint8Array;
    for (const wrong of [nothing, 'text' as unknown as Uint8Array]) {
      expect(await codeOf(ours.send(wrong))).toBe('INVALID_REQUEST');
      expect(await codeOf(ours.write(region, wrong))).toBe('INVALID_REQUEST');
      expect(await codeOf(ours.read(region, wrong))).toBe('INVALID_REQUEST');
    }
    const sent = ours.send(bytes(3));
    expect((await value(theirs.receive()))?.data).toEqual(bytes(3));
    await value(sent);
  });

  it('that wait for their turn fail when their data is detached meanwhile, and the others go on', async () => {
    const { ours, theirs } = await connected({ sends: 1 });
    const memory = new ArrayBuffer(100);
    const [first, second, third] = [ours.send(bytes(1)), ours.send(new Uint8Array(memory)), ours.send(bytes(2))];
    structuredClone(memory, { transfer: [memory] });
    const failed = second.catch((error: TransferError) => error.code);
    for (const length of [1, 2]) expect((await value(theirs.receive()))?.data).toEqual(bytes(length));
    expect(await failed).toBe('INVALID_REQUEST');
    await value(Promise.all([first, third]));
  });

  it.each([1, 64])('that wait behind %i, however many, are told when the connection ends', async (sends) => {
    const { ours } = await connected({ sends });
    const all = Array.from({ length: 1_000 }, () => ours.send(bytes(100)).catch(({ code }: TransferError) => code));
    await value(ours.disconnect());
    const ends = await value(Promise.all(all));
    expect(new Set(ends.filter((end) => end !== undefined))).toEqual(new Set(['FLUSHED']));
    expect(ends.filter((end) => end === 'FLUSHED').length).toBeGreaterThan(900);
  });

  it.each([1, 64])('that wait behind %i, however many, are told when the connection breaks', async (sends) => {
    const { ours } = await connected({ sends });
    const wrong = codeOf(ours.write({ address: 0, rkey: 1 }, bytes(100)));
    const all = Array.from({ length: 1_000 }, () =>
      ours.write({ address: 0, rkey: 1 }, bytes(100)).catch(({ code }: TransferError) => code),
    );
    expect(await wrong).toBe('REMOTE_ACCESS_ERROR');
    expect(new Set(await value(Promise.all(all)))).toEqual(new Set(['FLUSHED']));
  });

  it('and other transfers take no memory region', async () => {
    const { ours, theirs } = await connected();
    const region = theirs.register(bytes(8_000), { remoteRead: true, remoteWrite: true });
    const before = made.client.endpoint.usage.memoryRegions;
    const all = [ours.send(bytes(2_000)), ours.write(region, bytes(8_000)), ours.read(region, bytes(8_000))];
    expect(made.client.endpoint.usage.memoryRegions).toBe(before);
    await value(theirs.receive());
    await value(Promise.all(all));
  });

  it('are received though packets are lost and doubled', async () => {
    const random = new SeededRandom(7);
    made.net.dataFate = () => (['lose', 'duplicate'] as const)[random.uint32() % 10] ?? 'deliver';
    const { ours, theirs } = await connected();
    const all = Array.from({ length: 30 }, (_, n) => ours.send(bytes(3_000, n)));
    for (let n = 0; n < 30; n += 1) expect((await value(theirs.receive()))?.data).toEqual(bytes(3_000, n));
    await value(Promise.all(all));
    made.net.dataFate = () => 'deliver';
  });

  it('that are too long for the receiver break the connection, on both sides', async () => {
    const { ours, theirs } = await connected({}, { receiveBytes: 100 });
    expect(await codeOf(ours.send(bytes(101)))).toBe('REMOTE_INVALID_REQUEST');
    expect(await value(theirs.receive())).toBeUndefined();
    expect((await value(ours.closed)).cause).toBe('broken');
    expect(['broken', 'peer']).toContain((await value(theirs.closed)).cause);
  });

  it('that have come are received after the end, and then there is nothing any more', async () => {
    const { ours, theirs } = await connected();
    for (const length of [5, 0, 700]) await value(ours.send(bytes(length), { immediate: length }));
    expect((await value(theirs.receive()))?.data).toEqual(bytes(5));
    await value(ours.disconnect());
    expect(await value(theirs.receive())).toMatchObject({ data: bytes(0), immediate: 0 });
    expect(await value(theirs.receive())).toMatchObject({ data: bytes(700), immediate: 700 });
    expect(await value(theirs.receive())).toBeUndefined();
    expect(await codeOf(ours.send(bytes(5)))).toBe('FLUSHED');
  });

  it('are not lost when whoever waits for one gives up', async () => {
    const { ours, theirs } = await connected();
    const patience = new AbortController();
    const first = theirs.receive({ signal: patience.signal });
    const second = theirs.receive();
    patience.abort(new Error('enough'));
    expect((await made.net.error(first)).message).toBe('enough');
    await value(ours.send(bytes(9)));
    expect((await value(second))?.data).toEqual(bytes(9));
  });

  it('make an acceptance complete whose RTU is lost', async () => {
    const { request, connecting } = await requested(made);
    made.net.fate = ({ mad }) => (mad.message === 'RTU' ? 'lose' : 'deliver');
    const accepting = request.accept();
    const ours = await value(connecting);
    const sent = ours.send(bytes(3));
    const theirs = await value(accepting);
    expect((await value(theirs.receive()))?.data).toEqual(bytes(3));
    await value(sent);
  });
});

describe('Remote memory', () => {
  it('is written, read, and changed in one step', async () => {
    const { ours, theirs } = await connected();
    const memory = bytes(5_000);
    const region = theirs.register(memory, { remoteRead: true, remoteWrite: true, remoteAtomic: true });
    const { address, rkey } = region;
    await value(ours.write({ address: address + 1_000, rkey }, bytes(3_000, 99)));
    expect(memory.subarray(1_000, 4_000)).toEqual(bytes(3_000, 99));
    const copy = new Uint8Array(5_000);
    await value(ours.read(region, copy));
    expect(copy).toEqual(memory);
    new DataView(memory.buffer).setBigUint64(8, 40n, true);
    const word = { address: address + 8, rkey };
    expect(await value(ours.fetchAdd(word, 2n))).toBe(40n);
    expect(await value(ours.compareSwap(word, 41n, 1n))).toBe(42n);
    expect(await value(ours.compareSwap(word, 42n, 7n))).toBe(42n);
    expect(new DataView(memory.buffer).getBigUint64(8, true)).toBe(7n);
  });

  it('says that it was written when the writer says so', async () => {
    const { ours, theirs } = await connected();
    const memory = new Uint8Array(100);
    const written = ours.write(theirs.register(memory, { remoteWrite: true }), bytes(100), { immediate: 5 });
    expect(await value(theirs.receive())).toEqual({ data: new Uint8Array(0), immediate: 5 });
    await value(written);
    expect(memory).toEqual(bytes(100));
  });

  it.each([
    ['without the right to write', {}, 0, 8],
    ['beyond its end', { remoteWrite: true }, 93, 8],
    ['before its beginning', { remoteWrite: true }, -1, 8],
  ])('%s is not touched, and the connection breaks', async (_, rights, offset, length) => {
    const { ours, theirs } = await connected();
    const memory = new Uint8Array(100);
    const { address, rkey } = theirs.register(memory, rights);
    expect(await codeOf(ours.write({ address: address + offset, rkey }, bytes(length, 1)))).toBe('REMOTE_ACCESS_ERROR');
    expect(memory).toEqual(new Uint8Array(100));
    expect((await value(ours.closed)).cause).toBe('broken');
    expect(['broken', 'peer']).toContain((await value(theirs.closed)).cause);
  });

  it('of another connection has keys of its own', async () => {
    const { ours, theirs } = await connected();
    const others = await connected({ port: 7_472 }, {}).catch(() => undefined);
    expect(others).toBeUndefined();
    const region = ours.register(new Uint8Array(10), { remoteRead: true });
    expect(await codeOf(ours.read(region, new Uint8Array(10)))).toBe('REMOTE_ACCESS_ERROR');
    await value(theirs.closed);
  });

  it('is given back when the connection ends', async () => {
    const { ours, theirs } = await connected();
    const region = theirs.register(new Uint8Array(10), { remoteRead: true });
    await value(ours.disconnect());
    await value(theirs.closed);
    expect(region.registered).toBe(false);
    expect(() => theirs.register(new Uint8Array(10))).toThrow(expect.objectContaining({ code: 'FLUSHED' }));
  });
});

describe('A connection that is kept alive', () => {
  it('asks the peer when nothing happens, and not otherwise', async () => {
    const { ours, theirs } = await connected({ keepAliveMs: 1_000 });
    const before = made.net.dataSent;
    await made.net.elapse(900);
    await value(ours.send(bytes(1)));
    await made.net.elapse(900);
    expect(made.net.dataSent - before).toBe(2);
    await made.net.elapse(5_000);
    // A question and its answer each second.
    expect(made.net.dataSent - before).toBeGreaterThanOrEqual(2 + 2 * 4);
    expect(ours.closeCause).toBeUndefined();
    await value(theirs.receive());
    await value(ours.disconnect());
    const after = made.net.dataSent;
    await made.net.elapse(5_000);
    expect(made.net.dataSent).toBe(after);
  });

  it('breaks when the peer has vanished', async () => {
    const { ours } = await connected({ keepAliveMs: 1_000, retryCount: 2 });
    made.server.kill();
    expect((await value(ours.closed)).cause).toBe('broken');
  });

  it('is otherwise not noticed to be dead', async () => {
    const { ours } = await connected({ retryCount: 2 });
    made.server.kill();
    await made.net.elapse(60_000);
    expect(ours.closeCause).toBeUndefined();
  });
});

describe('The end of a connection', () => {
  it('comes when the peer is silent, and everybody who waits is told', async () => {
    const { ours } = await connected({ retryCount: 2 });
    made.server.kill();
    const memory = { address: 1, rkey: 1 };
    const all = [ours.send(bytes(1)), ours.write(memory, bytes(1)), ours.read(memory, new Uint8Array(1))];
    const codes = await Promise.all(all.map((each) => each.catch((error: TransferError) => error.code)).map(value1));
    expect(codes).toEqual(['RETRY_EXCEEDED', 'FLUSHED', 'FLUSHED']);
    expect((await value(ours.closed)).cause).toBe('broken');
  });

  it('of our own making leaves nobody waiting', async () => {
    const { ours, theirs } = await connected({}, { receives: 1 });
    const all = [ours.send(bytes(1)), ours.send(bytes(2)), ours.receive(), theirs.receive(), theirs.receive()];
    ours.close();
    const outcomes = await value(Promise.allSettled(all));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });
});

it('A connection whose queue pair is elsewhere moves no data, and says so', async () => {
  const { ours, theirs } = await connected({ qpn: 0x123 });
  expect(await made.net.error(ours.send(bytes(1)))).toMatchObject({ code: 'NO_QUEUE_PAIR' });
  expect(() => ours.register(bytes(1))).toThrow(expect.objectContaining({ code: 'NO_QUEUE_PAIR' }));
  await value(theirs.disconnect());
});

it('What may not be is refused before anything is sent', async () => {
  for (const wrong of [
    { receives: -1 },
    { receives: 4_097 },
    { receiveBytes: 0 },
    { sends: 0 },
    { sends: 1.5 },
    { keepAliveMs: 0 },
  ]) {
    expect(await made.net.error(made.client.endpoint.connect({ host: '10.0.0.2', port: 1, ...wrong }))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  }
});

/** In a list of promises that are waited for at once, the clock moves for the first only. */
const value1 = async <T>(promise: Promise<T>, index: number): Promise<T> => (index === 0 ? value(promise) : promise);
