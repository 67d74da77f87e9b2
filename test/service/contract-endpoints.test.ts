import { describe, expect, test } from 'vitest';
import { EndpointError, LookupRejectedError, RejectedError } from '../../src/endpoint/index.js';
import { ServiceError } from '../../src/service/index.js';
import { notLinux } from '../io/loopback.js';
import { CARRIERS } from './carriers.js';
import { accepted, connected, failure, nextOf, PORT, setting } from './setting.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

describe.skipIf(notLinux).each(Object.keys(CARRIERS))('endpoints %s', (carrier) => {
  const made = setting(carrier);

  test('R18: connect, and are told what both ends know', async () => {
    const listener = await made.peer.listen({ port: PORT });
    const connecting = made.client.connect({ host: made.peer.address, port: PORT, privateData: bytes(1, 2, 3) });
    const request = await nextOf(listener);
    expect(request.privateData.subarray(0, 3)).toEqual(bytes(1, 2, 3));
    const [ours, theirs] = await Promise.all([connecting, request.accept({ privateData: bytes(4, 5) })]);
    expect(ours.role).toBe('active');
    expect(ours.local).toEqual(theirs.remote);
    expect(ours.remote).toEqual(theirs.local);
    expect(ours.privateData.subarray(0, 3)).toEqual(bytes(4, 5, 0));
    expect(await ours.query()).toMatchObject({ state: 'ESTABLISHED', queuePairState: 'RTS', role: 'active' });
    expect((await ours.query()).attributes.path?.localGid).toEqual(theirs.query().attributes.path?.remoteGid);
  });

  test('R18: listen and accept', async () => {
    const listener = await made.client.listen({ port: PORT });
    expect(listener.addresses).toEqual([made.client.address]);
    const connecting = made.peer.connect({ host: made.client.address, port: PORT, privateData: bytes(7) });
    const request = await nextOf(listener);
    expect(await request.isPending()).toBe(true);
    expect(request.privateData[0]).toBe(7);
    const [theirs, ours] = await Promise.all([connecting, request.accept({ privateData: bytes(8) })]);
    expect(theirs.privateData[0]).toBe(8);
    expect(ours.role).toBe('passive');
    expect(ours.remote).toEqual(theirs.local);
  });

  test('refuse with a reason and private data', async () => {
    const listener = await made.client.listen({ port: PORT });
    const refused = failure(made.peer.connect({ host: made.client.address, port: PORT }));
    await (await nextOf(listener)).reject({ reason: 'noResources', privateData: bytes(9) });
    expect(await refused).toMatchObject({ code: 'REJECTED', details: { reasonName: 'noResources' } });
  });

  test('are refused with the error that there is in process', async () => {
    const error = await failure(made.client.connect({ host: made.peer.address, port: PORT }));
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({ code: 'REJECTED', details: { reason: 8, reasonName: 'invalidServiceId', by: 'cm' } });
    expect(error.message).toContain('nothing listens on that port there');
  });

  test('give up when nobody answers in time', async () => {
    const error = await failure(made.client.connect({ host: '127.0.0.9', port: PORT, timeoutMs: 20 }));
    expect(error).toBeInstanceOf(EndpointError);
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { timeoutMs: 20 } });
  });

  test('R13: give up when the caller does, with its reason', async () => {
    const abort = new AbortController();
    const connecting = made.client.connect({ host: '127.0.0.9', port: PORT, signal: abort.signal });
    abort.abort(new Error('no time'));
    expect((await failure(connecting)).message).toBe('no time');
    expect(await failure(made.client.connect({ host: '127.0.0.9', port: PORT, signal: abort.signal }))).toBe(
      abort.signal.reason,
    );
  });

  test('stop waiting for a request when the caller does, and lose none', async () => {
    const listener = await made.client.listen({ port: PORT });
    const iterator = listener[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const connecting = made.peer.connect({ host: made.client.address, port: PORT });
    await (await nextOf(listener)).accept();
    await connecting;
  });

  test.each([
    ['a port that there is not', { port: 0 }],
    ['a port that no wire can say', { port: -1 }],
    ['half a port', { port: 1.5 }],
    ['a time-out that there is not', { timeoutMs: 0 }],
    ['a path MTU that there is not', { mtu: 1000 as 1024 }],
    ['a retry count that there is not', { retryCount: 8 }],
  ])('refuse %s', async (_, wrong) => {
    const error = await failure(made.client.connect({ host: made.peer.address, port: PORT, ...wrong }));
    expect(error).toBeInstanceOf(EndpointError);
    expect(error.code).toBe('INVALID_ARGUMENT');
  });

  test('refuse private data that is too long, and a port that is in use', async () => {
    const privateData = new Uint8Array(57);
    const error = await failure(made.client.connect({ host: made.peer.address, port: PORT, privateData }));
    expect(error).toMatchObject({ code: 'PRIVATE_DATA_TOO_LONG', details: { length: 57, maximum: 56 } });
    await made.client.listen({ port: PORT });
    expect(await failure(made.client.listen({ port: PORT }))).toMatchObject({ code: 'PORT_IN_USE' });
  });

  test('disconnect, and are told how it ended', async () => {
    const { ours, theirs } = await connected(made);
    const seen: string[] = [];
    ours.addEventListener('close', (event) => seen.push((event as unknown as { cause: string }).cause));
    expect(await ours.disconnect({ privateData: bytes(3) })).toBe('disconnected');
    expect((await theirs.closed).privateData?.[0]).toBe(3);
    expect(await ours.closed).toMatchObject({ cause: 'disconnected' });
    expect(ours.closeCause).toBe('disconnected');
    expect(seen).toEqual(['disconnected']);
    expect((await ours.query()).state).not.toBe('ESTABLISHED');
  });

  test('are told that the peer has disconnected, and what it said', async () => {
    const { ours, theirs } = await accepted(made);
    await theirs.disconnect({ privateData: bytes(5) });
    const { cause, privateData } = await ours.closed;
    expect(cause).toBe('peer');
    expect(privateData?.[0]).toBe(5);
    expect(await ours.disconnect()).toBe('peer');
  });

  test('close without waiting, and the peer hears of it', async () => {
    const { ours, theirs } = await connected(made);
    ours.close();
    expect((await ours.closed).cause).toBe('closed');
    expect((await theirs.closed).cause).toBe('peer');
    ours.close();
  });

  test('end a listener, and its iterations with it', async () => {
    const listener = await made.client.listen({ port: PORT });
    const waiting = listener[Symbol.asyncIterator]().next();
    listener.close();
    listener.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await listener[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
    const error = await failure(made.peer.connect({ host: made.client.address, port: PORT }));
    expect(error).toMatchObject({ details: { reasonName: 'invalidServiceId' } });
  });

  test('look datagram services up, and serve those who do', async () => {
    const theirs = await made.peer.listenDatagram({ port: PORT });
    const asking = made.client.lookup({ host: made.peer.address, port: PORT, privateData: bytes(1) });
    const told = (await nextOf(theirs)).accept({ qpn: 0x123, privateData: bytes(2) });
    expect(await asking).toMatchObject({ address: made.peer.address, port: PORT, ...told });

    const ours = await made.client.listenDatagram({ port: PORT });
    const [accepted, refused] = [1, 2].map((value) =>
      made.peer.lookup({ host: made.client.address, port: PORT, privateData: bytes(value) }),
    ) as [Promise<object>, Promise<object>];
    refused.catch(() => undefined);
    for (let i = 0; i < 2; i += 1) {
      const request = await nextOf(ours);
      expect(request.remote.address).toBe(made.peer.address);
      if (request.privateData[0] === 1)
        expect(await request.accept({ qpn: 0x77, qKey: 5 })).toEqual({ qpn: 0x77, qKey: 5 });
      else await request.reject({ status: 'noQp', privateData: bytes(3) });
    }
    expect(await accepted).toMatchObject({ qpn: 0x77, qKey: 5 });
    expect(await failure(refused)).toMatchObject({ details: { statusName: 'noQp' } });
    const error = await failure(made.client.lookup({ host: made.peer.address, port: PORT + 1 }));
    expect(error).toBeInstanceOf(LookupRejectedError);
  });

  test('have a queue pair that is elsewhere, by its number', async () => {
    const listener = await made.peer.listen({ port: PORT });
    const connecting = made.client.connect({ host: made.peer.address, port: PORT, qpn: 0x4321 });
    const [ours, theirs] = await Promise.all([connecting, (await nextOf(listener)).accept()]);
    expect(theirs.remote.qpn).toBe(0x4321);
    expect(ours.hasQueuePair).toBe(false);
    expect(await failure(ours.send(bytes(1)))).toMatchObject({ code: 'NO_QUEUE_PAIR' });
    const again = made.client.connect({ host: made.peer.address, port: PORT, qpn: 0x4321 });
    expect(await failure(again)).toMatchObject({ name: 'CepError', code: 'QPN_IN_USE' });
  });

  test('R19: an answered request cannot be answered again', async () => {
    const listener = await made.client.listen({ port: PORT });
    const connecting = made.peer.connect({ host: made.client.address, port: PORT });
    const request = await nextOf(listener);
    await request.accept();
    await connecting;
    expect(await failure(request.accept())).toMatchObject({ code: 'UNKNOWN_HANDLE' });
    expect(await failure(request.reject())).toBeInstanceOf(ServiceError);
  });

  test('R21: end with their client, and their peers hear of it', async () => {
    const { ours, theirs } = await connected(made);
    await made.client.close();
    expect((await ours.closed).cause).toBe('lost');
    expect((await theirs.closed).cause).toBe('peer');
    expect(await failure(ours.send(bytes(1)))).toMatchObject({ code: 'DISCONNECTED' });
    expect(await failure(made.client.listen({ port: PORT }))).toMatchObject({ code: 'DISCONNECTED' });
    expect((await made.client.closed).code).toBe('DISCONNECTED');
    await made.client.close();
  });

  test('R21: requests that a client has not answered are refused when it goes', async () => {
    const listener = await made.client.listen({ port: PORT });
    const connecting = [1, 2].map(() => made.peer.connect({ host: made.client.address, port: PORT }));
    const outcomes = Promise.allSettled(connecting);
    await nextOf(listener);
    await made.client.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
