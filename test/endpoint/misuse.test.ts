import { describe, expect, it } from 'vitest';
import { type Gid, IbcmError } from '../../src/base/index.js';
import type { Connection, EndpointError } from '../../src/endpoint/index.js';
import { established, type Fixture, failure, fixture, nextRequest, PORT, requested, target } from './fixture.js';

/**
 * Ends that come while something is awaited: each call that waits, at each of its steps, meets each way to end it. What is awaited settles
 * at once, with a typed error or a clean value; the fixture sees that nothing is left over, queue pairs, references and timers included.
 */

const made = fixture();
const lookingUp = { host: '10.0.0.2', port: PORT };
const slow = { host: 'slow.example' };
const nobody = { host: '10.9.9.9' };

/** Something that is awaited, and what may end it. */
interface Pending {
  readonly promise: Promise<unknown>;
  /** What the client's user has in hand besides the adapter. */
  readonly end?: () => void;
}

type Begin = (made: Fixture, signal: AbortSignal) => Promise<Pending>;

/** The name service does not answer. */
const withoutNames = ({ client }: Fixture): void => {
  client.names.set('slow.example', new Promise<Gid>(() => undefined));
};

const STEPS: Readonly<Record<string, Begin>> = {
  'connect: the name is looked up': async ({ client }, signal) => {
    withoutNames(made);
    return { promise: client.endpoint.connect(target({ ...slow, signal })) };
  },
  'connect: nobody has answered': async ({ client }, signal) => ({
    promise: client.endpoint.connect(target({ ...nobody, signal })),
  }),
  'connect: with a queue pair elsewhere, nobody has answered': async ({ client }, signal) => ({
    promise: client.endpoint.connect(target({ ...nobody, signal, qpn: 0x77 })),
  }),
  'connect: the peer considers': async (all, signal) => ({ promise: (await requested(all, { signal })).connecting }),
  'accept: the peer has not confirmed': async ({ net, client, server }, signal) => {
    // The client of the table is the one who accepts.
    const swapped = { net, client: server, server: client };
    net.fate = ({ mad }) => (mad.message === 'RTU' ? 'lose' : 'deliver');
    const { request, connecting } = await requested(swapped, { host: '10.0.0.1' });
    const promise = request.accept({ signal });
    await net.value(connecting);
    return { promise };
  },
  'disconnect: the peer has not acknowledged': async (all, signal) => {
    const { ours } = await established(all);
    all.net.fate = ({ mad }) => (mad.message === 'DREQ' ? 'lose' : 'deliver');
    return { promise: ours.disconnect({ signal }), end: () => ours.close() };
  },
  'disconnect: with a queue pair elsewhere, the peer has not acknowledged': async (all, signal) => {
    const { ours } = await established(all, { qpn: 0x77 });
    all.net.fate = ({ mad }) => (mad.message === 'DREQ' ? 'lose' : 'deliver');
    return { promise: ours.disconnect({ signal }), end: () => ours.close() };
  },
  'lookup: the name is looked up': async ({ client }, signal) => {
    withoutNames(made);
    return { promise: client.endpoint.lookup({ ...lookingUp, ...slow, signal }) };
  },
  'lookup: nobody has answered': async ({ client }, signal) => ({
    promise: client.endpoint.lookup({ ...lookingUp, ...nobody, signal }),
  }),
};

describe.each(Object.keys(STEPS))('R13: R15: while waiting, %s:', (name) => {
  const begin = STEPS[name] as Begin;
  const isDisconnect = name.startsWith('disconnect');

  it('an abort ends it at once with the signal’s reason', async () => {
    const abort = new AbortController();
    const { promise } = await begin(made, abort.signal);
    const error = failure(promise);
    await made.net.settle();
    abort.abort('enough');
    expect(await error).toBe('enough');
    expect(made.net.ms).toBe(0);
  });

  it('closing the adapter without waiting ends it at once', async () => {
    const { promise } = await begin(made, new AbortController().signal);
    const outcome = isDisconnect ? promise : failure(promise);
    await made.net.settle();
    const closing = made.client.endpoint.close({ timeoutMs: 0 });
    expect(await outcome).toEqual(isDisconnect ? 'closed' : expect.objectContaining({ code: 'CLOSED' }));
    await closing;
    expect(made.net.ms).toBe(0);
    expect(made.client.endpoint.usage).toMatchObject({ queuePairs: 0, references: 0 });
  });

  it('closing the adapter ends it in its time, and closing twice waits for the same', async () => {
    const { promise } = await begin(made, new AbortController().signal);
    const outcome = isDisconnect ? promise : failure(promise);
    await made.net.settle();
    const closing = [made.client.endpoint.close({ timeoutMs: 300 }), made.client.endpoint.close()];
    await made.net.value(Promise.all(closing));
    expect(await outcome).toEqual(isDisconnect ? 'unacknowledged' : expect.objectContaining({ code: 'CLOSED' }));
    expect(made.net.ms).toBe(isDisconnect ? 300 : 0);
    expect(made.client.endpoint.usage).toMatchObject({ queuePairs: 0, references: 0 });
  });

  it('the peer’s sudden death ends it in its time', async () => {
    const { promise } = await begin(made, AbortSignal.timeout(2 ** 31 - 1));
    made.server.kill();
    const outcome = await made.net.outcome(promise);
    if (isDisconnect) expect(outcome).toEqual({ status: 'fulfilled', value: 'unacknowledged' });
    else expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TIMEOUT' } });
  });

  if (isDisconnect) {
    it('closing the connection ends it at once', async () => {
      const { promise, end } = await begin(made, new AbortController().signal);
      await made.net.settle();
      for (const _ of [1, 2]) end?.();
      expect(await promise).toBe('closed');
      expect(made.client.endpoint.usage.queuePairs).toBe(0);
    });
  }
});

describe('R15: R21: closing an adapter with everything pending', () => {
  it.each([0, 500])('and %i ms to wait ends all of it, and leaves nothing', async (timeoutMs) => {
    const { net, client, server } = made;
    withoutNames(made);
    const { ours, theirs, listener } = await established(made);
    const second = client.endpoint.connect(target({ qpn: 0x99 }));
    void (await nextRequest(net, listener)).accept();
    const foreign = await net.value(second);
    const timewait = client.endpoint.connect(target());
    void (await nextRequest(net, listener)).accept();
    const ended = await net.value(timewait);
    await net.value(ended.disconnect());
    const own = await client.endpoint.listen({ port: PORT });
    const services = await client.endpoint.listenDatagram({ port: PORT });
    const iterators = [own[Symbol.asyncIterator](), services[Symbol.asyncIterator]()] as const;
    const asking = server.endpoint.connect({ host: client.address, port: PORT, timeoutMs: 5_000 });
    const request = await nextRequest(net, own);
    const asked = failure(server.endpoint.lookup({ host: client.address, port: PORT }));
    await net.settle();
    const waiting = iterators.map((iterator) => iterator.next());
    const pending = [
      client.endpoint.connect(target()),
      client.endpoint.connect(target(nobody)),
      client.endpoint.connect(target(slow)),
      client.endpoint.connect(target({ ...nobody, qpn: 0x98 })),
      client.endpoint.lookup({ ...lookingUp, ...nobody }),
      client.endpoint.lookup({ ...lookingUp, ...slow }),
    ].map(failure);
    await net.settle();
    made.net.fate = ({ mad }) => (mad.message === 'DREQ' || mad.message === 'RTU' ? 'lose' : 'deliver');
    const disconnecting = ours.disconnect();
    const accepting = failure(request.accept());
    await net.value(asking);

    await net.value(client.endpoint.close({ timeoutMs }));
    const codes = (await Promise.all([...pending, accepting])).map((error) => (error as EndpointError).code);
    expect(codes).toEqual(Array(7).fill('CLOSED'));
    const ends = ['closed', 'unacknowledged'];
    expect(ends).toContain(await disconnecting);
    expect(ends).toContain((await foreign.closed).cause);
    expect(ended.closeCause).toBe('disconnected');
    // The question was there already; the iterators are at their end behind it.
    await Promise.all(waiting);
    expect(await Promise.all(iterators.map((iterator) => iterator.next()))).toEqual(
      Array(2).fill({ done: true, value: undefined }),
    );
    expect(client.endpoint.usage).toMatchObject({ queuePairs: 0, references: 0, owners: 0, listens: 0 });
    made.net.fate = () => 'deliver';
    await net.value(asked);
    theirs.close();
  });
});

describe('R13: R15: however soon after the call the end comes, counted in turns of the microtask queue', () => {
  const turns = Array.from({ length: 16 }, (_, index) => index);
  const calls = {
    connect: (signal?: AbortSignal) => made.client.endpoint.connect(target({ ...nobody, ...(signal && { signal }) })),
    lookup: (signal?: AbortSignal) =>
      made.client.endpoint.lookup({ ...lookingUp, ...nobody, ...(signal && { signal }) }),
  };

  describe.each(['connect', 'lookup'] as const)('%s', (name) => {
    it.each(turns)('closing the adapter ends it, after %i turns', async (count) => {
      const call = failure(calls[name]());
      for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
      await made.client.endpoint.close({ timeoutMs: 0 });
      expect(await made.net.value(call)).toMatchObject({ code: 'CLOSED' });
      expect(made.net.ms).toBe(0);
    });

    it.each(turns)('aborting ends it, after %i turns', async (count) => {
      const abort = new AbortController();
      const call = failure(calls[name](abort.signal));
      for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
      abort.abort('now');
      expect(await made.net.value(call)).toBe('now');
      expect(made.net.ms).toBe(0);
    });
  });
});

describe('Everything that was closed', () => {
  it('can be closed again, and refuses what it cannot do any more', async () => {
    const { net, client, server } = made;
    const { ours, theirs, listener } = await established(made);
    const { request, ...rest } = await secondRequest();
    const services = await server.endpoint.listenDatagram({ port: PORT });
    const found = client.endpoint.lookup(lookingUp);
    const { value: question } = await net.value(services[Symbol.asyncIterator]().next());
    question?.accept({ qpn: 5 });
    await net.value(found);
    request.reject();
    await net.value(rest.refused);
    for (const _ of [1, 2]) {
      ours.close();
      theirs.close();
      listener.close();
      services.close();
    }
    await net.value(Promise.all([client.endpoint.close(), server.endpoint.close()]));
    for (const _ of [1, 2]) {
      listener.close();
      services.close();
      ours.close();
      await client.endpoint.close();
      await client.endpoint[Symbol.asyncDispose]();
      await listener[Symbol.asyncDispose]();
    }
    const done = { done: true, value: undefined };
    expect(await listener[Symbol.asyncIterator]().next()).toEqual(done);
    expect(await services[Symbol.asyncIterator]().next()).toEqual(done);
    expect(await ours.disconnect()).toBe('closed');
    const calls = [
      client.endpoint.connect(target()),
      client.endpoint.lookup(lookingUp),
      client.endpoint.listen({ port: 9 }),
      client.endpoint.listenDatagram({ port: 9 }),
      request.accept(),
    ].map(failure);
    expect(await Promise.all(calls)).toEqual(Array(5).fill(expect.objectContaining({ code: 'CLOSED' })));
    for (const call of [() => request.reject(), () => question?.accept(), () => question?.reject()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    }
    // Who only looks is answered.
    expect(client.endpoint.addresses).toEqual(['10.0.0.1']);
    expect([ours.query().state, theirs.queuePair?.state]).toEqual([undefined, 'ERR']);

    async function secondRequest() {
      const refused = failure(client.endpoint.connect(target()));
      return { request: await nextRequest(net, listener), refused };
    }
  });

  it('from within its own events is closed as well', async () => {
    const { ours, theirs } = await established(made);
    const late: unknown[] = [];
    const end = (connection: Connection) => (): void => {
      connection.close();
      late.push(connection.disconnect(), connection.query().closeCause);
    };
    for (const each of [ours, theirs]) each.addEventListener('close', end(each));
    ours.addEventListener('timewaitexit', () => void made.client.endpoint.close());
    await made.net.value(ours.disconnect());
    await made.net.elapse(5_000);
    expect(await Promise.all(late)).toEqual(['peer', 'peer', 'disconnected', 'disconnected']);
    expect(made.client.isClosed).toBe(false);
  });
});

describe('A look-up with a signal that was aborted before', () => {
  it('R13: is refused with the reason, and nothing is looked up or sent', async () => {
    const signal = AbortSignal.abort('never');
    expect(await made.net.error<unknown>(made.client.endpoint.lookup({ ...lookingUp, signal }))).toBe('never');
    expect([made.net.sent, made.client.prepared]).toEqual([[], []]);
  });
});

describe('A wrong call', () => {
  it.each([
    ['connect', () => made.client.endpoint.connect(target({ from: '10.0.0.2' }))],
    ['lookup', () => made.client.endpoint.lookup({ ...lookingUp, port: 0 })],
    ['listen', () => made.client.endpoint.listen({ port: PORT, address: '10.0.0.2' })],
    ['listenDatagram', () => made.client.endpoint.listenDatagram({ port: PORT, backlog: 0 })],
  ])('%s is refused by a typed error, and nothing has begun', async (_, call) => {
    const error = await made.net.error(call());
    expect(error).toBeInstanceOf(IbcmError);
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(made.client.endpoint.usage).toMatchObject({ ceps: 0, queuePairs: 0, references: 0, timers: 0 });
  });
});
