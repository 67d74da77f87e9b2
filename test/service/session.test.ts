import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Instant } from '../../src/base/index.js';
import { CepError } from '../../src/cep/index.js';
import { type Adapter, ConnectionRequest } from '../../src/endpoint/index.js';
import { type Carrier, type ClientSession, Service, type ServiceOptions } from '../../src/service/index.js';
import type { ClientMessage, ServerMessage } from '../../src/service/messages.js';
import { serviceIdOfPort } from '../../src/wire/index.js';
import { VirtualNetwork } from '../endpoint/virtual-network.js';

const PORT = 7_471;
const LIMITS = { ceps: 4, listens: 2, memoryBytes: 100_000, calls: 3, callsPerSecond: 10, waiting: 5 };

/** A client that a test is: what it was sent, and whether it reads. */
class Client implements Carrier {
  readonly sent: ServerMessage[] = [];
  readonly session: ClientSession;
  reads = true;
  isPaused = false;
  isClosed = false;
  #last = 0;

  constructor(service: Service, hello = true) {
    this.session = service.open(this);
    if (hello) this.call('hello', { name: 'test', pid: 1 });
  }

  send(message: ServerMessage): boolean {
    this.sent.push(message);
    return this.reads;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(): void {
    this.isClosed = true;
  }

  call(body: NonNullable<ClientMessage['body']>, request: object, rest: Partial<ClientMessage> = {}): number {
    this.#last += 1;
    this.session.receive({ callId: this.#last, body, [body]: request, ...rest });
    return this.#last;
  }

  /** The answer to a call, if it has come. */
  answer(callId: number): Record<string, { handle: number; code: string }> {
    const found = this.sent.find(({ answer }) => answer?.callId === callId)?.answer;
    return (found ?? {}) as never;
  }

  /** The code that a call has failed with. */
  failure(callId: number): string | undefined {
    return this.answer(callId)['error']?.code;
  }

  get farewell(): string | undefined {
    return this.sent.find(({ body }) => body === 'farewell')?.farewell?.code;
  }
}

interface Fixture {
  net: VirtualNetwork;
  adapter: Adapter;
  peer: Adapter;
  service: Service;
}
const made = {} as Fixture;
/** What is to be called back, and when. */
let appointments: { at: number; call: () => void }[] = [];

function serviceOf(adapter: Adapter, options: ServiceOptions = {}): Service {
  return new Service(adapter, {
    limits: LIMITS,
    now: () => made.net.now,
    schedule: (delayMs, call) => {
      const appointment = { at: made.net.now + delayMs * 1_000, call };
      appointments.push(appointment);
      return () => {
        appointments = appointments.filter((other) => other !== appointment);
      };
    },
    ...options,
  });
}

/** Lets time pass, for the network and for the service. */
async function elapse(ms: number): Promise<void> {
  const end = made.net.now + ms * 1_000;
  for (;;) {
    const next = appointments.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
    if (next === undefined) break;
    await made.net.elapse(Math.max(0, (next.at - made.net.now) / 1_000));
    appointments = appointments.filter((other) => other !== next);
    next.call();
    await made.net.settle();
  }
  await made.net.elapse((end - made.net.now) / 1_000);
}

beforeEach(() => {
  appointments = [];
  const net = new VirtualNetwork();
  const { client, server } = net.pair();
  Object.assign(made, { net, adapter: client.endpoint, peer: server.endpoint });
  made.service = serviceOf(client.endpoint);
});

afterEach(async () => {
  expect(made.service.check()).toEqual([]);
  const closing = made.service.close();
  await made.net.settle();
  await closing;
  expect(made.service.check()).toEqual([]);
  expect(appointments).toEqual([]);
  expect(await made.net.leftovers()).toEqual([]);
});

describe('what a client is', () => {
  test('is shown, with what it owns, what it has of its limits, and what it calls itself', async () => {
    const client = new Client(made.service);
    client.call('listen', { port: PORT });
    client.call('cmCreateId', {});
    await made.net.settle();
    const [view] = made.service.clients;
    expect(view).toMatchObject({ id: 1, name: 'test', pid: 1, since: made.net.now as Instant, calls: 0, waiting: 0 });
    expect(view?.owns).toEqual({ listener: 1, ID: 1 });
    expect(view?.used).toEqual({ ceps: 1, listens: 1, memoryBytes: 0 });
    expect(view?.limits).toEqual(LIMITS);
  });

  test('is called by a short name that a terminal can show', () => {
    const client = new Client(made.service, false);
    client.call('hello', { name: `a\x1b[2J\x07\x9bb\n${'c'.repeat(1_000)}` });
    expect(client.session.name).toBe(`a�[2J��b�${'c'.repeat(55)}`);
  });

  test('owns the CIDs of what it owns, and no others', async () => {
    const [client, other] = [new Client(made.service), new Client(made.service)];
    const created = client.answer(client.call('cmCreateId', {}));
    const { cid } = created['cmCreateId'] as unknown as { cid: never };
    expect(made.service.ownerOf(cid)?.id).toBe(client.session.id);
    client.session.end();
    expect(made.service.ownerOf(cid)).toBeUndefined();
    expect([...made.service.clients].map(({ id }) => id)).toEqual([other.session.id]);
  });
});

describe('a client that sends what makes no sense is sent away, and nobody else', () => {
  test.each<[string, boolean, (client: Client) => void]>([
    ['no call', true, ({ session }) => session.receive({ callId: 9 })],
    ['a call that there is not', true, ({ session }) => session.receive({ callId: 9, body: 'toString' as 'hello' })],
    ['a call before hello', false, (client) => void client.call('listen', { port: PORT })],
    [
      'the number of a call that no answer can have',
      true,
      ({ session }) => session.receive({ callId: 2 ** 53, body: 'close', close: { handle: 1 } }),
    ],
    ['hello twice', true, (client) => void client.call('hello', { name: 'again' })],
    [
      'the number of a call that waits',
      true,
      (client) => {
        for (let i = 0; i < 2; i += 1) {
          client.session.receive({ callId: 77, body: 'connect', connect: { host: '10.0.0.2', port: PORT } });
        }
      },
    ],
  ])('%s', async (_, hello, send) => {
    const [client, other] = [new Client(made.service, hello), new Client(made.service)];
    send(client);
    await made.net.settle();
    expect(client.farewell).toBe('PROTOCOL');
    expect(client.isClosed).toBe(true);
    expect(other.farewell).toBeUndefined();
    expect([...made.service.clients]).toEqual([other.session]);
    const { sent } = client;
    const before = sent.length;
    client.call('listen', { port: PORT });
    expect(sent.length).toBe(before);
  });
});

describe('a call', () => {
  test('R13: that waits too long fails with TIMEOUT, and what it was about is undone', async () => {
    const client = new Client(made.service);
    const call = client.call('connect', { host: '10.0.0.9', port: PORT }, { deadlineMs: 100 });
    await elapse(99);
    expect(client.failure(call)).toBeUndefined();
    await elapse(1);
    expect(client.failure(call)).toBe('TIMEOUT');
    expect(made.adapter.usage.queuePairs).toBe(0);
    expect(client.session.used.ceps).toBe(0);
  });

  test.each(['connect', 'lookup'] as const)(
    '%s to a name that is too long for one is refused, and nobody reads it',
    async (name) => {
      const client = new Client(made.service);
      const asked = vi.spyOn(made.adapter, name);
      const call = client.call(name, { host: 'x'.repeat(254), port: PORT });
      await made.net.settle();
      expect(client.failure(call)).toBe('INVALID_ARGUMENT');
      expect(asked).not.toHaveBeenCalled();
      expect(client.session.used.ceps).toBe(0);
    },
  );

  test('R13: that is taken back fails with CANCELLED; taking back what is done, or nothing, is harmless', async () => {
    const client = new Client(made.service);
    const call = client.call('connect', { host: '10.0.0.9', port: PORT });
    await made.net.settle();
    client.session.receive({ callId: call, body: 'cancel', cancel: {} });
    await made.net.settle();
    expect(client.failure(call)).toBe('CANCELLED');
    client.session.receive({ callId: call, body: 'cancel', cancel: {} });
    client.session.receive({ callId: 999, body: 'cancel', cancel: {} });
    expect(client.farewell).toBeUndefined();
    expect(made.adapter.usage.queuePairs).toBe(0);
  });

  test('waits as long as it may, even if that is longer than a timer can', async () => {
    const service = new Service(made.adapter, { limits: LIMITS, now: () => made.net.now });
    const client = new Client(service);
    const call = client.call('connect', { host: '10.0.0.9', port: PORT }, { deadlineMs: 2 ** 32 - 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await made.net.settle();
    expect(client.failure(call)).toBeUndefined();
    client.session.end();
    await made.net.settle();
    expect(service.check()).toEqual([]);
  });

  test('R21: whose client goes when no message can be sent leaves nothing behind', async () => {
    const client = new Client(made.service);
    const handle = await requested(client);
    const asked = vi.spyOn(ConnectionRequest.prototype, 'reject').mockImplementation(() => {
      throw new CepError('LIMIT_REACHED', 'all message buffers are in use', {});
    });
    expect(client.failure(client.call('reject', { handle }))).toBe('LIMIT_REACHED');
    client.session.end();
    asked.mockRestore();
    await made.net.settle();
    expect(client.session.used).toEqual({ ceps: 0, listens: 0, memoryBytes: 0 });
    expect(made.adapter.usage).toMatchObject({ queuePairs: 0, references: 0, listens: 0 });
    expect(made.service.check()).toEqual([]);
  });

  test('R13: R21: whose client goes is ended, wherever it is', async () => {
    const client = new Client(made.service);
    client.call('connect', { host: '10.0.0.2', port: PORT });
    await made.peer.listen({ port: PORT });
    client.session.end();
    await made.net.settle();
    expect(made.adapter.usage).toMatchObject({ queuePairs: 0, references: 0 });
    expect(made.service.check()).toEqual([]);
    expect([...made.service.clients]).toEqual([]);
  });
});

describe('R19: a client', () => {
  test('cannot name what another owns: its handles are as invalid as invented ones', async () => {
    const [client, other] = [new Client(made.service), new Client(made.service)];
    const call = client.call('listen', { port: PORT });
    await made.net.settle();
    const { handle } = client.answer(call)['listen'] as { handle: number };
    for (const name of ['close', 'nextRequest', 'queryConnection', 'cmDestroyId', 'qpDestroy'] as const) {
      for (const each of [handle, 0, 2 ** 53 - 1]) {
        expect(other.failure(other.call(name, { handle: each, wait: false }))).toBe('UNKNOWN_HANDLE');
        await elapse(1_000);
      }
    }
    expect(client.session.owns).toEqual({ listener: 1 });
  });

  test('uses no handle for what it does not name', async () => {
    const client = new Client(made.service);
    const call = client.call('listen', { port: PORT });
    await made.net.settle();
    const { handle } = client.answer(call)['listen'] as { handle: number };
    expect(client.failure(client.call('queryConnection', { handle }))).toBe('UNKNOWN_HANDLE');
    expect(client.answer(client.call('close', { handle }))['close']).toBeDefined();
    expect(client.failure(client.call('close', { handle }))).toBe('UNKNOWN_HANDLE');
  });

  test.each<[string, object]>([
    ['all', {}],
    ['one of the ports', { port: 1 }],
    ['certain private data', { compare: { offset: 0, data: Uint8Array.of(0) } }],
  ])('is not given the requests for which another listens: on %s', async (_, narrower) => {
    const [client, other] = [new Client(made.service), new Client(made.service)];
    const listening = client.call('listen', { port: PORT });
    await made.net.settle();
    const { handle } = other.answer(other.call('cmCreateId', {}))['cmCreateId'] as { handle: number };
    const parameters = { handle, serviceId: serviceIdOfPort('tcp', PORT), backlog: 8, ...narrower };
    expect(other.failure(other.call('cmListen', parameters))).toBe('LISTEN_CONFLICT');
    const again = other.call('listen', { port: PORT, address: made.adapter.address });
    await made.net.settle();
    expect(other.failure(again)).toBe('PORT_IN_USE');
    client.call('close', client.answer(listening)['listen'] as object);
    // Now nobody does.
    const free = other.call('cmListen', parameters);
    expect(other.answer(free)['cmListen']).toBeDefined();
    const taken = client.call('listen', { port: PORT, address: made.adapter.address });
    other.call('cmCancelListen', { handle });
    const late = client.call('listen', { port: PORT });
    await made.net.settle();
    expect(client.failure(taken)).toBe('PORT_IN_USE');
    expect(client.failure(late)).toBeUndefined();
    client.session.end();
    expect(other.answer(other.call('cmListen', parameters))['cmListen']).toBeDefined();
  });

  test('is never given a handle again', async () => {
    const client = new Client(made.service);
    const handles = new Set<number>();
    for (let i = 0; i < 20; i += 1) {
      const { handle } = client.answer(client.call('cmCreateId', {}))['cmCreateId'] as { handle: number };
      expect(handles.has(handle)).toBe(false);
      handles.add(handle);
      client.call('cmDestroyId', { handle, wait: false });
      await elapse(1_000);
    }
  });
});

/** A request to connect that a client was given. */
async function requested(client: Client): Promise<number> {
  const listening = client.call('listen', { port: PORT });
  await made.net.settle();
  const { handle } = client.answer(listening)['listen'] as { handle: number };
  made.peer.connect({ host: '10.0.0.1', port: PORT }).catch(() => undefined);
  const call = client.call('nextRequest', { handle });
  await made.net.settle();
  const { request } = client.answer(call)['nextRequest'] as unknown as { request: { handle: number } };
  return request.handle;
}

describe('a client’s limits', () => {
  test.each(['accept', 'reject', 'close'] as const)(
    'count a connection whose request is dealt with again meanwhile: %s',
    async (name) => {
      const client = new Client(made.service);
      const handle = await requested(client);
      const accepting = client.call('accept', { handle });
      const other = client.call(name, { handle });
      await made.net.settle();
      expect(client.failure(accepting)).toBeUndefined();
      expect(client.failure(other)).toBe(name === 'close' ? undefined : 'CLOSED');
      expect(client.session.owns).toEqual({ listener: 1, connection: 1 });
      expect(client.session.used.ceps).toBe(1);
    },
  );

  test('are as before when an acceptance was taken back', async () => {
    const client = new Client(made.service);
    const handle = await requested(client);
    const wrong = client.call('accept', { handle, qpn: 0 });
    await made.net.settle();
    expect(client.failure(wrong)).toBe('INVALID_ARGUMENT');
    expect(client.session.used.ceps).toBe(1);
    const accepting = client.call('accept', { handle });
    client.session.receive({ callId: accepting, body: 'cancel', cancel: {} });
    await made.net.settle();
    expect(client.failure(accepting)).toBe('CANCELLED');
    expect(client.session.used).toEqual({ ceps: 0, listens: 1, memoryBytes: 0 });
    expect(client.session.owns).toEqual({ listener: 1 });
  });

  test('of CEPs and listens end with LIMIT_REACHED, and giving up makes room', async () => {
    const client = new Client(made.service);
    const created = Array.from({ length: 4 }, () => client.call('cmCreateId', {}));
    const beyond = client.call('cmCreateId', {});
    expect(client.failure(beyond)).toBe('LIMIT_REACHED');
    const { handle } = client.answer(created[0] as number)['cmCreateId'] as { handle: number };
    client.call('cmDestroyId', { handle, wait: false });
    expect(client.answer(client.call('cmCreateId', {}))['cmCreateId']).toBeDefined();
    await elapse(2_000);
    const listens = [1, 2, 3].map((port) => client.call('listen', { port }));
    await made.net.settle();
    expect(listens.map((call) => client.failure(call))).toEqual([undefined, undefined, 'LIMIT_REACHED']);
  });

  test('of memory count receive buffers and registered regions', async () => {
    const client = new Client(made.service);
    const host = '10.0.0.2';
    const tooMuch = client.call('connect', { host, port: PORT, receives: 100, receiveBytes: 1_001 });
    await made.net.settle();
    expect(client.failure(tooMuch)).toBe('LIMIT_REACHED');
    const listener = await made.peer.listen({ port: PORT });
    const call = client.call('connect', { host, port: PORT, receives: 1, receiveBytes: 50_000 });
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    void request?.accept();
    await made.net.settle();
    const { handle } = client.answer(call)['connect'] as { handle: number };
    const register = (length: number): number => client.call('register', { handle, length, data: new Uint8Array(0) });
    const regions = [register(50_000), register(1)];
    expect(regions.map((each) => client.failure(each))).toEqual([undefined, 'LIMIT_REACHED']);
    const region = client.answer(regions[0] as number)['register'] as { handle: number };
    client.call('close', { handle: region.handle });
    expect(client.session.used.memoryBytes).toBe(50_000);
  });

  test('of CEPs count slots and sockets, which are not endless either', async () => {
    for (const name of ['cmCreateSlot', 'openSocket'] as const) {
      const client = new Client(made.service);
      const calls: number[] = [];
      for (let i = 0; i < 5; i += 1) {
        calls.push(client.call(name, { receives: 0 }));
        await made.net.settle();
      }
      const failures = calls.map((call) => client.failure(call));
      expect(failures, name).toEqual([undefined, undefined, undefined, undefined, 'LIMIT_REACHED']);
      client.session.end();
    }
  });

  test('of memory count what has next to no bytes', async () => {
    const service = serviceOf(made.adapter, { limits: { ...LIMITS, callsPerSecond: 1_000 } });
    const client = new Client(service);
    const host = '10.0.0.2';
    const tooMany = client.call('connect', { host, port: PORT, receives: 400, receiveBytes: 1 });
    await made.net.settle();
    expect(client.failure(tooMany)).toBe('LIMIT_REACHED');
    const listener = await made.peer.listen({ port: PORT });
    const connecting = client.call('connect', { host, port: PORT, receives: 1 });
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    // Takes no message.
    void request?.accept({ receives: 0 });
    await made.net.settle();
    const { handle } = client.answer(connecting)['connect'] as { handle: number };
    const before = client.session.used.memoryBytes;
    const region = client.call('register', { handle, length: 1, data: new Uint8Array(0) });
    expect(client.session.used.memoryBytes - before).toBe(16_384);
    client.call('close', client.answer(region)['register'] as object);
    const data = new Uint8Array(0);
    const at = { address: 0n, rkey: 0 };
    // What is taken back goes on.
    for (const [name, given] of Object.entries({
      send: { data },
      fetchAdd: { at, add: 1n },
      read: { from: at, length: 0 },
    })) {
      const call = client.call(name as 'send', { handle, ...given });
      await made.net.settle();
      client.session.receive({ callId: call, body: 'cancel', cancel: {} });
      await made.net.settle();
      expect(client.failure(call), name).toBe('CANCELLED');
    }
    expect(client.session.used.memoryBytes - before).toBe(3 * 16_384);
    const sends = Array.from({ length: 3 }, () => client.call('send', { handle, data }));
    await made.net.settle();
    expect(sends.map((call) => client.failure(call))).toContain('LIMIT_REACHED');
    client.session.end();
    await made.net.settle();
    expect(service.check()).toEqual([]);
    expect(client.session.used.memoryBytes).toBe(0);
  });

  test('of calls that wait', async () => {
    const client = new Client(made.service);
    const calls = [1, 2, 3, 4].map((port) => client.call('connect', { host: '10.0.0.9', port }));
    await made.net.settle();
    expect(calls.map((call) => client.failure(call))).toEqual([undefined, undefined, undefined, 'LIMIT_REACHED']);
  });

  test('of calls a second make the service read more slowly, and lose no call', async () => {
    const client = new Client(made.service);
    const calls = Array.from({ length: 30 }, () => client.call('close', { handle: 1 }));
    expect(client.isPaused).toBe(true);
    const answered = (): number => calls.filter((call) => client.failure(call) !== undefined).length;
    const atOnce = answered();
    expect(atOnce).toBeLessThanOrEqual(10);
    await elapse(1_000);
    expect(answered() - atOnce).toBeGreaterThanOrEqual(8);
    expect(answered() - atOnce).toBeLessThanOrEqual(11);
    await elapse(5_000);
    expect(answered()).toBe(30);
    expect(client.isPaused).toBe(false);
  });

  test('of messages that it does not read: it is not read either, and then sent away with OVERFLOW', async () => {
    const client = new Client(made.service);
    const other = new Client(made.service);
    const { handle } = client.answer(client.call('cmCreateId', {}))['cmCreateId'] as { handle: number };
    client.call('cmListen', { handle, serviceId: serviceIdOfPort('tcp', PORT), backlog: 20 });
    client.reads = false;
    client.call('cmQuery', { handle });
    client.call('cmQuery', { handle });
    // The carrier took one that it had no room for, and the next waits here.
    expect(client.session.waiting).toBe(1);
    expect(client.isPaused).toBe(true);
    client.call('cmQuery', { handle });
    expect(client.session.waiting).toBe(1);
    // Events come all the same: each request to connect is one.
    const connecting = Array.from({ length: 5 }, () => made.peer.connect({ host: '10.0.0.1', port: PORT }));
    const outcomes = Promise.allSettled(connecting);
    await made.net.settle();
    await outcomes;
    expect(client.farewell).toBe('OVERFLOW');
    expect(client.isClosed).toBe(true);
    expect([...made.service.clients]).toEqual([other.session]);
  });

  test('of bytes that it does not read: few messages may hold many', async () => {
    // Three answers to calls that waited, of 40,000 bytes each, beside what the carrier took already.
    const limits = { ...LIMITS, memoryBytes: 79_999 };
    const client = new Client(serviceOf(made.adapter, { limits }));
    const listener = await made.peer.listen({ port: PORT });
    const accepting = listener[Symbol.asyncIterator]().next();
    const connecting = client.call('connect', { host: '10.0.0.2', port: PORT, receives: 1, receiveBytes: 40_000 });
    const { value: request } = await made.net.value(accepting);
    const peer = await made.net.value((request as ConnectionRequest).accept());
    await made.net.settle();
    const { handle } = client.answer(connecting)['connect'] as { handle: number };
    for (let i = 0; i < LIMITS.calls; i += 1) client.call('receive', { handle });
    client.reads = false;
    const sendings: Promise<unknown>[] = [];
    for (const waiting of [0, 1]) {
      sendings.push(peer.send(new Uint8Array(40_000)));
      await made.net.elapse(1_000);
      expect(client.session.waiting).toBe(waiting);
      expect(client.farewell).toBeUndefined();
    }
    sendings.push(peer.send(new Uint8Array(40_000)));
    const outcomes = Promise.allSettled(sendings);
    await made.net.elapse(1_000);
    expect(client.farewell).toBe('OVERFLOW');
    await outcomes;
  });

  test('of time to say hello', async () => {
    const silent = new Client(made.service, false);
    const other = new Client(made.service);
    await elapse(9_999);
    expect(silent.isClosed).toBe(false);
    await elapse(1);
    expect(silent.farewell).toBe('PROTOCOL');
    expect(silent.isClosed).toBe(true);
    expect([...made.service.clients]).toEqual([other.session]);
    expect(appointments).toEqual([]);
  });

  test('that were reached because it did not read are forgotten when it has read', async () => {
    const client = new Client(made.service);
    client.reads = false;
    const calls = Array.from({ length: 4 }, () => client.call('close', { handle: 1 }));
    client.reads = true;
    client.session.drained();
    expect(calls.map((call) => client.failure(call))).toEqual(Array(4).fill('UNKNOWN_HANDLE'));
    expect(client.session.waiting).toBe(0);
    expect(client.isPaused).toBe(false);
  });
});

describe('a service', () => {
  test('takes so many clients, and no more', () => {
    const small = serviceOf(made.adapter, { maxClients: 1 });
    const client = new Client(small);
    expect(() => new Client(small)).toThrow(expect.objectContaining({ code: 'LIMIT_REACHED' }));
    client.session.end();
    new Client(small).session.end();
  });

  test('has room for a newcomer as long as somebody has not said hello', () => {
    const small = serviceOf(made.adapter, { maxClients: 3 });
    const [first, second, client] = [new Client(small, false), new Client(small, false), new Client(small)];
    const third = new Client(small, false);
    expect(first.farewell).toBe('LIMIT_REACHED');
    expect([...small.clients]).toEqual([second.session, client.session, third.session]);
    for (const { session } of [second, client, third]) session.end();
  });

  test('that drains begins nothing new, and waits for its clients to go', async () => {
    const client = new Client(made.service);
    let drained = false;
    const draining = made.service.drain({ timeoutMs: 1_000 }).then(() => {
      drained = true;
    });
    expect(() => new Client(made.service)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    expect(client.failure(client.call('listen', { port: PORT }))).toBe('UNAVAILABLE');
    expect(client.failure(client.call('connect', { host: '10.0.0.2', port: PORT }))).toBe('UNAVAILABLE');
    await made.net.settle();
    expect(drained).toBe(false);
    client.session.end();
    await draining;
    expect(client.farewell).toBeUndefined();
  });

  test('that has drained for long enough sends its clients away', async () => {
    const client = new Client(made.service);
    client.call('cmCreateId', {});
    const draining = made.service.drain({ timeoutMs: 1_000 });
    await elapse(1_000);
    await draining;
    expect(client.farewell).toBe('UNAVAILABLE');
    expect(client.isClosed).toBe(true);
  });

  test('gives new limits to those who come afterwards', () => {
    const before = new Client(made.service);
    made.service.limits = { calls: 7 };
    expect(new Client(made.service).session.limits.calls).toBe(7);
    expect(before.session.limits.calls).toBe(LIMITS.calls);
  });
});
