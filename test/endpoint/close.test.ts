import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { Connection } from '../../src/endpoint/index.js';
import { established, eventsOf, failure, fixture, nextRequest, PORT, requested, target, uncaught } from './fixture.js';

const made = fixture();

describe('A connection', () => {
  it('that one side disconnects ends on both, and then its numbers are free again', async () => {
    const { ours, theirs } = await established(made);
    const seen = [eventsOf(ours), eventsOf(theirs)];
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    await made.net.elapse(5_000);
    expect(seen).toEqual([
      ['close: disconnected', 'timewaitexit'],
      ['close: peer', 'timewaitexit'],
    ]);
    expect([ours.closeCause, theirs.closeCause]).toEqual(['disconnected', 'peer']);
  });

  it('whose confirmation and end come together is there first, and then tells that it has ended', async () => {
    const { request, connecting } = await requested(made);
    const accepting = request.accept().then((connection) => ({ connection, seen: eventsOf(connection) }));
    const held: Uint8Array[] = [];
    made.net.fate = ({ from, mad, bytes }) => {
      if (from !== made.client.address || (mad.message !== 'RTU' && mad.message !== 'DREQ')) return 'deliver';
      held.push(bytes);
      return 'lose';
    };
    const ours = await made.net.value(connecting);
    const disconnecting = ours.disconnect();
    expect(held).toHaveLength(2);
    made.net.fate = () => 'deliver';
    const source = { port: 1, remoteGid: parseGid(made.client.address), sourcePort: 4791 };
    // One turn for both.
    for (const bytes of held) made.server.adapter.handleDatagram(bytes, 0, bytes.length, source, made.net.now);
    made.server.wake();
    const { connection, seen } = await made.net.value(accepting);
    expect(await made.net.value(disconnecting)).toBe('disconnected');
    await made.net.elapse(0);
    expect(seen).toEqual(['close: peer']);
    expect(connection.closeCause).toBe('peer');
  });

  it('that both sides disconnect at once ends on both', async () => {
    const { ours, theirs } = await established(made);
    const both = Promise.all([ours.disconnect(), theirs.disconnect()]);
    expect(await made.net.value(both)).toEqual(['disconnected', 'disconnected']);
    expect(made.net.messages().filter((message) => message === 'DREQ')).toHaveLength(2);
  });

  it('that is disconnected twice sends one DREQ, and both calls hear of the end', async () => {
    const { ours } = await established(made);
    const both = Promise.all([ours.disconnect(), ours.disconnect()]);
    expect(await made.net.value(both)).toEqual(['disconnected', 'disconnected']);
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    expect(made.net.messages().filter((message) => message === 'DREQ')).toHaveLength(1);
  });

  it('that is disconnected again with less time ends in the shorter time', async () => {
    const { ours } = await established(made);
    made.server.kill();
    const patient = ours.disconnect({ timeoutMs: 60_000, retries: 200 });
    expect(await made.net.value(ours.disconnect({ timeoutMs: 500 }))).toBe('unacknowledged');
    expect(made.net.ms).toBe(500);
    expect(await made.net.value(patient)).toBe('unacknowledged');
  });

  it('that was closed answers disconnect with "closed", and the peer hears of it', async () => {
    const { ours, theirs } = await established(made);
    const seen = eventsOf(ours);
    const disconnecting = ours.disconnect();
    ours.close();
    ours.close();
    expect(await made.net.value(disconnecting)).toBe('closed');
    expect(await made.net.value(ours.disconnect())).toBe('closed');
    await made.net.elapse(5_000);
    expect(seen).toEqual(['close: closed']);
    expect(theirs.closeCause).toBe('peer');
  });

  it('that the peer has ended answers disconnect with "peer"', async () => {
    const { ours, theirs } = await established(made);
    ours.close();
    await made.net.settle();
    expect(await made.net.value(theirs.disconnect())).toBe('peer');
  });

  it('can be closed during timewait and afterwards, also when the adapter has been closed', async () => {
    const { ours, theirs } = await established(made);
    await made.net.value(ours.disconnect());
    await made.net.value(made.client.endpoint.close());
    ours.close();
    expect(ours.closeCause).toBe('disconnected');
    await made.net.elapse(5_000);
    theirs.close();
  });

  it.each([
    ['privateData', { privateData: new Uint8Array(221) }, 'PRIVATE_DATA_TOO_LONG'],
    ['timeoutMs', { timeoutMs: 0 }, 'INVALID_ARGUMENT'],
  ])('disconnected with a wrong %s stands', async (_, options, code) => {
    const { ours } = await established(made);
    expect(await made.net.error(ours.disconnect(options))).toMatchObject({ code });
    expect(ours.closeCause).toBeUndefined();
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
  });

  it('is disconnected at the end of its scope', async () => {
    const { listener } = await requested(made);
    const work = async (): Promise<Connection> => {
      await using connection = await made.client.endpoint.connect(target());
      return connection;
    };
    const working = work();
    const request = await nextRequest(made.net, listener);
    void request.accept();
    expect((await made.net.value(working)).closeCause).toBe('disconnected');
  });

  it('whose listeners throw ends all the same, and their errors are reported', async () => {
    const { ours, theirs } = await established(made);
    theirs.addEventListener('close', () => {
      throw new Error('from a listener');
    });
    const seen = eventsOf(theirs);
    const reported = await uncaught(async () => {
      expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    });
    expect(reported).toEqual([new Error('from a listener')]);
    expect(seen).toEqual(['close: peer']);
  });
});

describe('Closing an adapter', () => {
  it('R15: R21: ends its connections, its listeners and its attempts', async () => {
    const { ours, theirs, listener } = await established(made);
    const waiting = listener[Symbol.asyncIterator]().next();
    const attempt = failure(made.server.endpoint.connect({ host: '10.9.9.9', port: PORT }));
    await made.net.settle();
    await made.net.value(made.server.endpoint.close());
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await made.net.value(attempt)).toMatchObject({ code: 'CLOSED', message: 'the adapter has been closed' });
    expect([ours.closeCause, theirs.closeCause]).toEqual(['peer', 'disconnected']);
    expect(made.server.isClosed).toBe(true);
  });

  it('twice waits for the same', async () => {
    await established(made);
    await made.net.value(Promise.all([made.client.endpoint.close(), made.client.endpoint.close({ timeoutMs: 1 })]));
    await made.net.value(made.client.endpoint.close());
    expect(made.net.messages(made.client).filter((message) => message === 'DREQ')).toHaveLength(1);
  });

  it('R13: waits two seconds for a peer that has died', async () => {
    await established(made);
    made.server.kill();
    await made.net.value(made.client.endpoint.close());
    expect(made.net.ms).toBeGreaterThanOrEqual(2_000);
    expect(made.net.ms).toBeLessThan(2_001);
  });

  it('does not wait longer for a connection that somebody else disconnects with more patience', async () => {
    const { ours } = await established(made);
    made.server.kill();
    const patient = ours.disconnect({ timeoutMs: 86_400_000, retries: 255 });
    await made.net.value(made.client.endpoint.close({ timeoutMs: 300 }));
    expect(made.net.ms).toBe(300);
    expect(await made.net.value(patient)).toBe('unacknowledged');
  });

  it('does not wait at all with a time of 0, but sends the DREQ', async () => {
    const { ours, theirs } = await established(made);
    await made.client.endpoint.close({ timeoutMs: 0 });
    expect(ours.closeCause).toBe('closed');
    await made.net.settle();
    expect(theirs.closeCause).toBe('peer');
  });

  it.each([-1, Number.NaN, 1e12])('with a time of %d fails, and closes nothing', async (timeoutMs) => {
    const { ours } = await established(made);
    expect(await made.net.error(made.client.endpoint.close({ timeoutMs }))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(ours.closeCause).toBeUndefined();
    await made.net.value(made.client.endpoint.close());
    expect(made.client.isClosed).toBe(true);
  });

  it('refuses every call from then on', async () => {
    const closing = made.client.endpoint.close();
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'CLOSED' });
    expect(await made.net.error(made.client.endpoint.listen({ port: 1 }))).toMatchObject({ code: 'CLOSED' });
    await made.net.value(closing);
    expect(await made.net.error(made.client.endpoint.connect(target()))).toMatchObject({ code: 'CLOSED' });
  });

  it('refuses also what is called by those who are told of the end', async () => {
    const { ours } = await established(made);
    const late: Promise<unknown>[] = [];
    ours.addEventListener('close', () => {
      late.push(failure(made.client.endpoint.listen({ port: 99 })), made.client.endpoint.close());
    });
    await made.net.value(made.client.endpoint.close({ timeoutMs: 0 }));
    expect(await Promise.all(late)).toMatchObject([{ code: 'CLOSED' }, undefined]);
  });

  it('R15: while a name is looked up ends the attempt at once', async () => {
    made.client.names.set('slow.example', new Promise(() => undefined));
    const attempt = failure(made.client.endpoint.connect(target({ host: 'slow.example' })));
    await made.net.value(made.client.endpoint.close());
    expect(await made.net.value(attempt)).toMatchObject({ code: 'CLOSED' });
    expect(made.net.ms).toBe(0);
  });

  it('while a request waits rejects it', async () => {
    const { request, connecting } = await requested(made);
    await made.net.value(made.server.endpoint.close());
    expect(await made.net.error(connecting)).toMatchObject({ details: { reasonName: 'consumerReject' } });
    expect(await made.net.error(request.accept())).toMatchObject({ code: 'CLOSED' });
    expect(() => request.reject()).toThrow('the adapter has been closed');
  });

  it('R15: while a request is being accepted fails that, and takes the acceptance back', async () => {
    made.net.fate = ({ mad }) => (mad.message === 'RTU' ? 'lose' : 'deliver');
    const { request, connecting } = await requested(made);
    const accepting = failure(request.accept());
    const ours = await made.net.value(connecting);
    await made.net.value(made.server.endpoint.close());
    expect(await made.net.value(accepting)).toMatchObject({ code: 'CLOSED' });
    expect(ours.closeCause).toBe('rejected');
  });

  it('by the handler of a connection, while another is being made, ends that one as well', async () => {
    const { ours } = await established(made);
    ours.addEventListener('close', () => void made.client.endpoint.close());
    await made.server.endpoint.close({ timeoutMs: 0 });
    const attempt = failure(made.client.endpoint.connect(target()));
    expect(await made.net.value(attempt)).toMatchObject({ code: 'CLOSED' });
  });

  it('happens at the end of a scope', async () => {
    const { ours } = await established(made);
    const work = async (): Promise<void> => {
      await using adapter = made.client.endpoint;
      expect(adapter.address).toBe('10.0.0.1');
    };
    await made.net.value(work());
    expect(ours.closeCause).toBe('disconnected');
    expect(made.client.isClosed).toBe(true);
  });
});
