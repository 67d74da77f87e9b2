import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { ConnectionRequest, EndpointError } from '../../src/endpoint/index.js';
import { encodeIpCmHeader, IP_CM_HEADER_BYTES, REJECT_REASONS, serviceIdOfPort } from '../../src/wire/index.js';
import { established, failure, fixture, nextRequest, PORT, requested, target } from './fixture.js';

const made = fixture();
/** Many attempts, whose ends the test does not care for. */
function attempts(count: number): Promise<unknown>[] {
  return Array.from({ length: count }, () => made.client.endpoint.connect(target()).catch((error: unknown) => error));
}

describe('A listener', () => {
  it('refuses a port that is taken, and says which', async () => {
    await made.server.endpoint.listen({ port: PORT });
    const error = await made.net.error<EndpointError>(made.server.endpoint.listen({ port: PORT }));
    expect(error.code).toBe('PORT_IN_USE');
    expect(error.message).toBe('something listens on port 7471 of 10.0.0.2 already');
    expect(error.cause).toMatchObject({ code: 'LISTEN_CONFLICT' });
    expect(made.server.adapter.cep.usage().ceps).toBe(1);
  });

  it.each([
    ['port', { port: 0 }],
    ['port', { port: 65_536 }],
    ['backlog', { port: 1, backlog: 0 }],
    ['backlog', { port: 1, backlog: 65_536 }],
  ])('refuses a wrong %s', async (_, options) => {
    expect(await made.net.error(made.server.endpoint.listen(options))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('gives its port back when it is closed', async () => {
    const first = await made.server.endpoint.listen({ port: PORT });
    first.close();
    first.close();
    await made.server.endpoint.listen({ port: PORT });
  });

  it('is closed at the end of its scope', async () => {
    const work = async (): Promise<void> => {
      await using listener = await made.server.endpoint.listen({ port: PORT });
      expect(listener.port).toBe(PORT);
    };
    await work();
    expect(made.server.adapter.cep.usage().listens).toBe(0);
  });

  it('gets the requests to its own port only', async () => {
    const listeners = await Promise.all([1, 2, 3].map((port) => made.server.endpoint.listen({ port })));
    for (const port of [3, 1, 2]) void made.client.endpoint.connect(target({ port })).catch(() => undefined);
    for (const listener of listeners) {
      expect((await nextRequest(made.net, listener)).local.port).toBe(listener.port);
    }
  });

  it('hands out requests in the order in which they came, to whoever asks first', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const [a, b] = [listener[Symbol.asyncIterator](), listener[Symbol.asyncIterator]()];
    const waiting = [a.next(), b.next()];
    for (const qpn of [0x801, 0x802, 0x803]) void made.client.endpoint.connect(target({ qpn })).catch(() => undefined);
    const qpns = (await made.net.value(Promise.all([...waiting, a.next()]))).map(({ value }) => value?.remote.qpn);
    expect(qpns).toEqual([0x801, 0x802, 0x803]);
  });

  it('goes on after a loop over it was left', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const firstOf = async (): Promise<ConnectionRequest | undefined> => {
      for await (const request of listener) return request;
      return undefined;
    };
    void attempts(2);
    const first = await made.net.value(firstOf());
    const second = await made.net.value(firstOf());
    expect(first?.remote.qpn).not.toBe(second?.remote.qpn);
  });

  it('gives no request to an iterator that was left while it waited', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const left = listener[Symbol.asyncIterator]();
    const [abandoned, again] = [left.next(), left.next()];
    expect(await left.return?.()).toEqual({ done: true, value: undefined });
    expect(await made.net.value(abandoned)).toEqual({ done: true, value: undefined });
    expect(await made.net.value(again)).toEqual({ done: true, value: undefined });
    expect(await made.net.value(left.next())).toEqual({ done: true, value: undefined });
    void attempts(1);
    expect((await nextRequest(made.net, listener)).isPending).toBe(true);
  });

  it('ends its loops when it is closed', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const loop = (async () => {
      for await (const _ of listener);
      return 'over';
    })();
    listener.close();
    expect(await made.net.value(loop)).toBe('over');
    expect(await made.net.value(listener[Symbol.asyncIterator]().next())).toEqual({ done: true, value: undefined });
  });

  it('rejects the requests that nobody took when it is closed, and leaves those that were taken', async () => {
    const { listener, request, connecting } = await requested(made);
    const untaken = made.client.endpoint.connect(target());
    untaken.catch(() => undefined);
    await made.net.settle();
    listener.close();
    expect(await made.net.error(untaken)).toMatchObject({ details: { reasonName: 'consumerReject' } });
    expect(request.isPending).toBe(true);
    const accepting = request.accept();
    await made.net.value(connecting);
    await made.net.value(accepting);
  });

  it('leaves its connections alone when it is closed', async () => {
    const { listener, ours } = await established(made);
    listener.close();
    await made.net.settle();
    expect(ours.closeCause).toBeUndefined();
  });

  it('refuses what goes beyond its backlog with "no resources"', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT, backlog: 2 });
    const [, , third] = attempts(3);
    expect(await made.net.value(third as Promise<unknown>)).toMatchObject({ details: { reasonName: 'noResources' } });
    (await nextRequest(made.net, listener)).reject();
    void attempts(1);
    await nextRequest(made.net, listener);
    await nextRequest(made.net, listener);
  });

  it('passes over requests that were taken back, and holds on to none of them', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT, backlog: 2 });
    for (let i = 0; i < 20; i += 1) {
      const abort = new AbortController();
      const attempt = failure(made.client.endpoint.connect(target({ signal: abort.signal })));
      await made.net.settle();
      abort.abort();
      await made.net.value(attempt);
    }
    await made.net.settle();
    expect(made.server.adapter.cep.usage().ceps).toBe(1);
    const remote = made.client.endpoint.connect(target({ qpn: 0x901 }));
    remote.catch(() => undefined);
    expect((await nextRequest(made.net, listener)).remote.qpn).toBe(0x901);
  });

  it('hands no more to an iterator than it asked for', async () => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const iterator = listener[Symbol.asyncIterator]();
    const next = iterator.next();
    void attempts(3);
    expect((await made.net.value(next)).value?.isPending).toBe(true);
    listener.close();
    await made.net.settle();
    expect(made.net.messages(made.server)).toEqual(['REJ', 'REJ']);
  });

  it.each([
    ['which are not there at all', undefined],
    ['of which its own is a lie', { source: '10.0.0.4', destination: '10.0.0.2' }],
    ['of which ours is a lie', { source: '10.0.0.3', destination: '10.0.0.4' }],
  ])('rejects, as the consumer, a request with addresses %s', async (_, ends) => {
    const listener = await made.server.endpoint.listen({ port: PORT });
    const privateData = new Uint8Array(IP_CM_HEADER_BYTES);
    if (ends) {
      const [source, destination] = [parseGid(ends.source), parseGid(ends.destination)];
      encodeIpCmHeader({ ipVersion: 4, sourcePort: 1, source, destination }, privateData);
    }
    // A client of another stack: the private data is its own.
    const forger = made.net.host('10.0.0.3', { seed: 5, caGuid: 0x3333n });
    const owner = forger.adapter.cep.openOwner();
    const path = { localGid: forger.adapter.gid(1), remoteGid: made.server.adapter.gid(1) };
    const serviceId = serviceIdOfPort('tcp', PORT);
    owner.sendReq(owner.create(), { path, serviceId, qpn: 0x999, startingPsn: 1, privateData }, made.net.now);
    forger.wake();
    await made.net.settle();
    expect(owner.pollEvent()?.type).toBe('rej_received');
    expect(made.net.first('REJ').mad.fields).toMatchObject({ reason: REJECT_REASONS.consumerReject });
    listener.close();
    expect(await made.net.value(listener[Symbol.asyncIterator]().next())).toEqual({ done: true, value: undefined });
    owner.close(made.net.now);
  });
});
