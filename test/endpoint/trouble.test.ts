import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { EndpointError, EndpointEvent } from '../../src/endpoint/index.js';
import { established, eventsOf, failure, fixture, nextRequest, PORT, requested, target, uncaught } from './fixture.js';
import type { Packet } from './virtual-network.js';

/** What `onEvent` of the server does, test by test. */
let observe: (event: EndpointEvent) => void = () => undefined;
let observeClient: (event: EndpointEvent) => void = () => undefined;
const made = fixture({
  client: { limits: { maxCeps: 8, maxMads: 8 }, onEvent: (event) => observeClient(event) },
  server: { onEvent: (event) => observe(event) },
});

describe('onEvent', () => {
  it('sees every event before it is acted on', async () => {
    const seen: string[] = [];
    observe = ({ type, cause }) => seen.push(`${type}: ${cause}`);
    const { theirs } = await established(made);
    const acted = eventsOf(theirs);
    observe = ({ type }) => seen.push(`${type}, ${acted.length} acted on`);
    await made.net.value(theirs.disconnect());
    await made.net.elapse(5_000);
    expect(seen).toEqual([
      'req_received: message',
      'rtu_received: message',
      'drep_received, 0 acted on',
      'timewait_exit, 1 acted on',
    ]);
    observe = () => undefined;
  });

  it('that throws changes nothing, and what it throws is reported', async () => {
    observe = ({ type }) => {
      throw new Error(type);
    };
    const reported = await uncaught(async () => {
      const { theirs } = await established(made);
      expect(await made.net.value(theirs.disconnect())).toBe('disconnected');
    });
    expect(reported).toEqual(['req_received', 'rtu_received', 'drep_received'].map((type) => new Error(type)));
    observe = () => undefined;
  });

  it('may end the very thing that it is told about', async () => {
    const { theirs } = await established(made);
    observe = () => theirs.close();
    expect(await made.net.value(theirs.disconnect())).toBe('closed');
    observe = () => undefined;
  });

  it('may close the listener whose request it is told about, which then is rejected', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    observe = () => listener.close();
    const error = await made.net.error(made.client.endpoint.connect(target()));
    expect(error).toMatchObject({ details: { reasonName: 'consumerReject' } });
    expect(made.server.adapter.cep.usage().ceps).toBe(0);
    observe = () => undefined;
  });

  it('may close the adapter', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    observe = () => void made.server.endpoint.close();
    const error = await made.net.error(made.client.endpoint.connect(target()));
    expect(error).toMatchObject({ code: 'REJECTED' });
    expect(await listener[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    observe = () => undefined;
  });
});

describe('A look-up', () => {
  it('that takes longer than the time-out fails as one', async () => {
    made.client.names.set('slow.example', new Promise(() => undefined));
    const error = await made.net.error<EndpointError>(
      made.client.endpoint.connect(target({ host: 'slow.example', timeoutMs: 1_500 })),
    );
    expect(error.code).toBe('TIMEOUT');
    expect(error.message).toBe('no address for "slow.example" in 1.5 s: is the name service up?');
    expect(error.details).toMatchObject({ peer: 'slow.example', transmissions: 0, timeoutMs: 1_500 });
    expect(made.net.ms).toBe(1_500);
  });

  it('counts towards the time-out of the whole', async () => {
    const slow = new Promise<ReturnType<typeof parseGid>>((resolve) => {
      made.client.schedule(4_000_000 as never, () => resolve(parseGid('10.9.9.9')));
    });
    made.client.names.set('slow.example', slow);
    const error = await made.net.error<EndpointError>(made.client.endpoint.connect(target({ host: 'slow.example' })));
    expect(error.message).toContain('10.9.9.9:7471 did not answer: asked 6 times in 10 s.');
    expect(made.net.ms).toBeGreaterThanOrEqual(10_000);
    expect(made.net.ms).toBeLessThan(10_001);
  });
});

describe('When the connection manager is full', () => {
  it('connecting fails, and works again when there is room', async () => {
    const attempts = Array.from({ length: 8 }, () =>
      failure(made.client.endpoint.connect(target({ host: '10.9.9.9' }))),
    );
    await made.net.settle();
    const full = await made.net.error(made.client.endpoint.connect(target()));
    expect(full).toMatchObject({ name: 'CepError', code: 'LIMIT_REACHED' });
    await made.net.value(Promise.all(attempts));
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'REJECTED' });
  });

  it('and there is no buffer for the RTU, connecting fails instead of waiting for ever', async () => {
    const { ours, listener } = await established(made);
    const second = made.client.endpoint.connect(target());
    void (await nextRequest(made.net, listener)).accept();
    const others = [ours, await made.net.value(second)];
    const attempts = Array.from({ length: 3 }, () =>
      made.client.endpoint.connect(target({ host: '10.9.9.9' })).catch(() => undefined),
    );
    await made.net.settle();
    const connecting = made.client.endpoint.connect(target());
    connecting.catch(() => undefined);
    const request = await nextRequest(made.net, listener);
    // The REP finds room; in the same turn, two DREQs take what is left.
    observeClient = ({ type }) => {
      if (type === 'rep_received') for (const other of others) void other.disconnect();
    };
    const accepting = failure(request.accept());
    const error = await made.net.error(connecting);
    observeClient = () => undefined;
    expect(error).toMatchObject({ code: 'LIMIT_REACHED' });
    expect(await made.net.value(accepting)).toMatchObject({ code: 'REJECTED' });
    await made.net.value(Promise.all(attempts));
  });

  it('and there is no buffer for the DREQ, disconnecting fails, the connection stands and can be disconnected later', async () => {
    const { ours } = await established(made);
    const attempts = Array.from({ length: 6 }, () =>
      failure(made.client.endpoint.connect(target({ host: '10.9.9.9' }))),
    );
    await made.net.settle();
    expect(await made.net.error(ours.disconnect())).toMatchObject({ code: 'LIMIT_REACHED' });
    expect(ours.closeCause).toBeUndefined();
    await made.net.value(Promise.all(attempts));
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
  });

  it('and there is no buffer for the DREQ, closing the adapter works all the same', async () => {
    const { ours } = await established(made);
    const attempts = Array.from({ length: 6 }, () =>
      failure(made.client.endpoint.connect(target({ host: '10.9.9.9' }))),
    );
    await made.net.settle();
    await made.net.value(made.client.endpoint.close());
    expect(made.client.isClosed).toBe(true);
    expect(ours.closeCause).toBeDefined();
    await made.net.value(Promise.all(attempts));
  });
});

describe('However the events fall', () => {
  it('rejecting a request in the turn in which it is accepted has a definite answer', async () => {
    const { listener, theirs, ours } = await established(made);
    const connecting = made.client.endpoint.connect(target());
    const request = await nextRequest(made.net, listener);
    const outcome: unknown[] = [];
    let accepting: Promise<unknown> | undefined;
    theirs.addEventListener('close', () => {
      accepting = request.accept();
      try {
        request.reject();
      } catch (error) {
        outcome.push(error);
      }
    });
    await made.net.value(ours.disconnect());
    expect(outcome).toMatchObject([{ code: 'CLOSED', message: 'the request has been accepted already' }]);
    await made.net.value(connecting);
    await made.net.value(accepting as Promise<unknown>);
  });

  it('closing the adapter in the turn in which a request is accepted ends the acceptance', async () => {
    const server = made.net.host('10.0.0.5', { seed: 30, caGuid: 0x5555n, instant: true });
    const listener = await server.endpoint.listen({ port: PORT });
    const connecting = made.client.endpoint.connect(target({ host: '10.0.0.5' }));
    const request = await nextRequest(made.net, listener);
    // The driver's turn comes within accept itself.
    const wake = server.wake.bind(server);
    let closing: Promise<void> | undefined;
    server.wake = () => {
      server.wake = wake;
      closing = server.endpoint.close();
      wake();
    };
    expect(await made.net.error(request.accept())).toMatchObject({ code: 'CLOSED' });
    await made.net.value(closing as Promise<void>);
    // The REP had gone already, and is taken back.
    expect((await made.net.value(connecting)).closeCause).toBe('rejected');
    await made.net.elapse(0);
  });

  it('an acceptance that is taken back before anybody was told of it is a rejection', async () => {
    const { client, net, server } = made;
    const abort = new AbortController();
    const { request, connecting } = await requested(made);
    const held: Packet[] = [];
    net.fate = (packet) => {
      if (packet.from !== server.address) return 'deliver';
      held.push(packet);
      return 'lose';
    };
    const accepting = failure(request.accept({ signal: abort.signal }));
    abort.abort('no');
    expect(await accepting).toBe('no');
    expect(held.map(({ mad }) => mad.message)).toEqual(['REP', 'REJ']);
    const wake = client.wake.bind(client);
    client.wake = () => undefined;
    for (const { bytes, from } of held) client.receive(bytes, from);
    client.wake = wake;
    client.wake();
    expect(await net.error(connecting)).toMatchObject({ code: 'REJECTED', details: { reasonName: 'consumerReject' } });
    expect(net.messages(client)).toEqual(['REQ']);
  });

  it('closing the adapter in the turn in which a REQ is sent ends the attempt', async () => {
    const wake = made.client.wake.bind(made.client);
    let closing: Promise<void> | undefined;
    made.client.wake = () => {
      made.client.wake = wake;
      closing = made.client.endpoint.close();
      wake();
    };
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'CLOSED' });
    await made.net.value(closing as Promise<void>);
  });

  it('aborting in the turn in which a REQ is sent ends the attempt', async () => {
    const abort = new AbortController();
    const wake = made.client.wake.bind(made.client);
    made.client.wake = () => {
      made.client.wake = wake;
      abort.abort('now');
      wake();
    };
    expect(await made.net.error(made.client.endpoint.connect(target({ signal: abort.signal })))).toBe('now');
  });

  it('closing the adapter in the turn in which listening begins closes the listener', async () => {
    const wake = made.server.wake.bind(made.server);
    let closing: Promise<void> | undefined;
    made.server.wake = () => {
      made.server.wake = wake;
      closing = made.server.endpoint.close();
      wake();
    };
    const listener = await made.server.endpoint.listen({ port: PORT });
    expect(await made.net.value(listener[Symbol.asyncIterator]().next())).toEqual({ done: true, value: undefined });
    await made.net.value(closing as Promise<void>);
  });
});
