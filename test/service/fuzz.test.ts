import { type ClientDuplexStream, credentials, Client as GrpcClient } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { randomBits, SeededRandom, uniform } from '../../src/base/index.js';
import { CLIENT_MESSAGE } from '../../src/service/grpc/codec.js';
import { Service, type ServiceClient } from '../../src/service/index.js';
import type { ClientMessage, ServerMessage } from '../../src/service/messages.js';
import { VirtualNetwork } from '../endpoint/virtual-network.js';
import { adapters, notLinux } from '../io/loopback.js';
import { type Listening, listenAt } from './carriers.js';
import { CALL_FIELDS, type Given, RandomMessages } from './random-message.js';
import { PORT, until } from './setting.js';

const RUNS = Number(process.env['IBCM_SERVICE_RUNS'] ?? 4);
const MESSAGES = 1_500;

/** What says that something of ours went wrong, and not something of the client's. */
const isOurFault = ({ answer }: ServerMessage): boolean =>
  answer?.error !== undefined &&
  (answer.error.name === 'AssertionError' || /^the (call could not be made|service failed)/.test(answer.error.message));

describe('calls at random, with values that are right, nearly right, and wrong', () => {
  test.each(Array.from({ length: RUNS }, (_, seed) => seed))(
    'seed %i: end with an answer or a typed error',
    async (seed) => {
      const random = new SeededRandom(seed);
      const net = new VirtualNetwork();
      const { client, server } = net.pair();
      const peer = await server.endpoint.listen({ port: PORT });
      void (async () => {
        for await (const request of peer) request.accept().catch(() => undefined);
      })();
      const service = new Service(client.endpoint, {
        limits: { callsPerSecond: 1e9, ceps: 64 },
        now: () => net.now,
        schedule: (delayMs, call) => client.schedule((delayMs * 1_000) as never, call),
      });
      const handles: Given[] = [];
      const faults: ServerMessage[] = [];
      const answered = new Set<string>();
      const session = service.open({
        send: (message) => {
          if (isOurFault(message)) faults.push(message);
          const { result } = message.answer ?? {};
          if (result !== undefined) answered.add(result);
          for (const handle of handlesIn(message)) handles.push({ handle, by: result ?? '' });
          return true;
        },
        pause: () => undefined,
        resume: () => undefined,
        close: () => undefined,
      });
      session.receive({ callId: 0, body: 'hello', hello: { name: 'fuzz' } });
      const messages = new RandomMessages(random, handles);
      for (let callId = 1; callId <= MESSAGES; callId += 1) {
        session.receive(messages.next(callId));
        const choice = uniform(random, 20);
        if (choice === 0) session.receive({ callId: uniform(random, callId), body: 'cancel', cancel: {} });
        if (choice === 1) {
          const target = { host: '10.0.0.1', port: PORT, timeoutMs: 1_000 };
          server.endpoint.connect(target).catch(() => undefined);
          server.endpoint.lookup(target).catch(() => undefined);
        }
        if (choice < 4) await net.settle();
        if (choice === 4) await net.elapse(uniform(random, 500));
        expect(faults).toEqual([]);
        if (callId % 100 === 0) expect(service.check()).toEqual([]);
      }
      // It was not only refused.
      expect(answered.size, [...answered].join(' ')).toBeGreaterThan(CALL_FIELDS.length / 3);
      session.end();
      await net.settle();
      expect(service.check()).toEqual([]);
      const closing = service.close();
      await net.settle();
      await closing;
      expect(client.endpoint.usage).toMatchObject({ queuePairs: 0, references: 0, memoryRegions: 0, listens: 0 });
      expect(await net.leftovers()).toEqual([]);
    },
  );
});

/** The handles that a message gives to its client. */
function handlesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, each]) => (name === 'handle' ? [each as number] : handlesIn(each)));
}

describe.skipIf(notLinux)('a hostile client harms only itself', () => {
  const open = adapters();
  let service: Service;
  let listening: Listening;
  let honest: ServiceClient;
  const hostile: { client: GrpcClient; stream: ClientDuplexStream<Buffer, Buffer> }[] = [];

  beforeEach(async () => {
    service = new Service(await open(), { limits: { calls: 64, callsPerSecond: 5_000 } });
    listening = await listenAt(service);
    honest = await listening.connect('honest');
  });

  afterEach(async () => {
    // Whoever means well is served all the while.
    const listener = await honest.listen({ port: PORT });
    listener.close();
    expect(service.check()).toEqual([]);
    for (const { client, stream } of hostile.splice(0)) {
      stream.cancel();
      client.close();
    }
    await honest.close();
    await until(() => [...service.clients].length === 0);
    expect(service.check()).toEqual([]);
    await service.close();
    await listening.close();
  });

  interface Raw {
    readonly stream: ClientDuplexStream<Buffer, Buffer>;
    readonly received: Buffer[];
    readonly ended: Promise<unknown>;
  }

  /** A stream of bytes. */
  function raw(path = '/ibcm.v1.Ibcm/Session'): Raw {
    const client = new GrpcClient(listening.address, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    const stream = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same);
    hostile.push({ client, stream });
    const received: Buffer[] = [];
    stream.on('data', (bytes: Buffer) => received.push(bytes));
    const ended = new Promise((resolve) => {
      stream.on('error', resolve);
      stream.on('end', () => resolve(undefined));
    });
    return { stream, received, ended };
  }

  const message = (each: ClientMessage): Buffer => CLIENT_MESSAGE.encode(each);
  const hello = message({ callId: 0, body: 'hello', hello: { name: 'hostile' } });

  test('with bytes that are no messages', async () => {
    const random = new SeededRandom(7);
    for (let i = 0; i < 20; i += 1) {
      const { stream, ended } = raw();
      stream.write(hello);
      const length = uniform(random, 200);
      stream.write(Buffer.from(Uint8Array.from({ length }, () => randomBits(random, 8))));
      stream.end();
      await ended;
    }
  });

  test('with messages whose bits are turned', async () => {
    const random = new SeededRandom(8);
    const connect = message({ callId: 1, body: 'connect', connect: { host: '127.0.0.9', port: 5, timeoutMs: 10 } });
    for (let i = 0; i < 30; i += 1) {
      const { stream, ended } = raw();
      const turned = Buffer.from(connect);
      const at = uniform(random, turned.length);
      turned[at] = (turned[at] as number) ^ (1 << uniform(random, 8));
      stream.write(hello);
      stream.write(turned);
      stream.end();
      await ended;
    }
  });

  test('with a message that is too large', async () => {
    const { stream, ended } = raw();
    stream.write(hello);
    stream.write(message({ callId: 1, body: 'send', send: { handle: 1, data: new Uint8Array(8 * 2 ** 20) } }));
    expect(await ended).toMatchObject({ code: 8 });
  });

  test('with more memory than it may have', async () => {
    const { stream, received } = raw();
    stream.write(hello);
    for (let callId = 1; callId <= 50; callId += 1) {
      const listen = { port: callId, backlog: 0xffff_ffff };
      stream.write(message({ callId, body: 'listen', listen }));
      const openSocket = { receives: 4_096, receiveBytes: 2 ** 30 };
      stream.write(message({ callId: callId + 100, body: 'openSocket', openSocket }));
    }
    await until(() => received.length >= 101);
    expect([...service.clients].find(({ name }) => name === 'hostile')?.used.memoryBytes).toBe(0);
  });

  test('with calls before hello, and streams that say nothing', async () => {
    const silent = raw();
    const rude = raw();
    rude.stream.write(message({ callId: 1, body: 'listen', listen: { port: PORT } }));
    await rude.ended;
    expect(rude.received.length).toBe(1);
    silent.stream.cancel();
    await silent.ended;
  });

  test('with a flood of calls whose answers it does not read', async () => {
    const { stream } = raw();
    stream.pause();
    stream.write(hello);
    let written = 0;
    for (let callId = 1; callId <= 20_000; callId += 1) {
      stream.write(message({ callId, body: 'close', close: { handle: callId } }));
      written += 1;
    }
    expect(written).toBe(20_000);
    // Meanwhile others are served.
    for (let port = 1; port <= 20; port += 1) (await honest.listen({ port })).close();
    const view = [...service.clients].find(({ name }) => name === 'hostile');
    expect(view === undefined || view.waiting <= view.limits.waiting).toBe(true);
    stream.cancel();
  });

  test('with other methods, and streams that come and go', async () => {
    const { stream, ended } = raw('/ibcm.v1.Ibcm/Other');
    stream.write(hello);
    expect(await ended).toMatchObject({ code: 12 });
    const many = Array.from({ length: 50 }, () => raw());
    for (const each of many) each.stream.write(hello);
    for (const each of many) each.stream.cancel();
    await Promise.all(many.map((each) => each.ended));
  });
});
