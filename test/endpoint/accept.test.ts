import { describe, expect, it } from 'vitest';
import type { EndpointError } from '../../src/endpoint/index.js';
import { established, eventsOf, failure, fixture, requested } from './fixture.js';

const made = fixture();

describe('A request', () => {
  it.each([
    ['privateData', { privateData: new Uint8Array(197) }, 'PRIVATE_DATA_TOO_LONG'],
    ['qpn', { qpn: 1 }, 'INVALID_ARGUMENT'],
    ['startingPsn', { startingPsn: 2 ** 24 }, 'INVALID_ARGUMENT'],
    ['timeoutMs', { timeoutMs: -1 }, 'INVALID_ARGUMENT'],
    ['rnrRetryCount', { rnrRetryCount: 8 }, 'INVALID_ARGUMENT'],
  ])('accepted with a wrong %s stays pending', async (_, options, code) => {
    const { request, connecting } = await requested(made);
    expect(await made.net.error(request.accept(options))).toMatchObject({ code });
    expect(request.isPending).toBe(true);
    const accepting = request.accept();
    await made.net.value(connecting);
    await made.net.value(accepting);
  });

  it('accepted with a queue pair in use stays pending', async () => {
    const { theirs, listener } = await established(made);
    const connecting = made.client.endpoint.connect({ host: '10.0.0.2', port: listener.port });
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    const { qpn } = theirs.local;
    expect(await made.net.error(request?.accept({ qpn }) as Promise<unknown>)).toMatchObject({ code: 'QPN_IN_USE' });
    expect(request?.isPending).toBe(true);
    request?.reject();
    expect(await made.net.error(connecting)).toMatchObject({ code: 'REJECTED' });
  });

  it('can be answered once only', async () => {
    const { request } = await requested(made);
    const first = request.accept();
    for (const when of ['being accepted', 'accepted']) {
      const error = await made.net.error<EndpointError>(request.accept());
      expect([when, error.code, error.message]).toEqual([when, 'CLOSED', 'the request has been accepted already']);
      expect(() => request.reject()).toThrow('the request has been accepted already');
      await made.net.value(first);
    }
  });

  it('cannot be accepted once it was rejected', async () => {
    const { request } = await requested(made);
    request.reject();
    expect(await made.net.error(request.accept())).toMatchObject({
      code: 'CLOSED',
      message: 'the request has been rejected already',
    });
    expect(() => request.reject()).toThrow('the request has been rejected already');
  });

  it('that the peer took back cannot be answered, and says why', async () => {
    const abort = new AbortController();
    const { request } = await requested(made, { signal: abort.signal });
    abort.abort();
    await made.net.settle();
    expect(request.isPending).toBe(false);
    const error = await made.net.error<EndpointError>(request.accept());
    expect(error.code).toBe('WITHDRAWN');
    expect(error.message).toMatch(/^the peer took its request back: .*: timeout \(4\)/);
  });

  it('whose REP is refused by the peer fails with the refusal', async () => {
    const abort = new AbortController();
    const { request } = await requested(made, { signal: abort.signal });
    const accepting = request.accept();
    // The REP and the peer's REJ cross.
    abort.abort();
    const error = await made.net.error<EndpointError>(accepting);
    expect(error.code).toBe('REJECTED');
    expect(error.message).toContain('the peer gave up waiting for us');
  });

  it('whose peer disconnects while the RTU is lost fails, and the peer is answered', async () => {
    made.net.fate = ({ mad }) => (mad.message === 'RTU' ? 'lose' : 'deliver');
    const { request, connecting } = await requested(made);
    const accepting = request.accept();
    const ours = await made.net.value(connecting);
    const disconnecting = ours.disconnect();
    expect(await made.net.error(accepting)).toMatchObject({
      code: 'WITHDRAWN',
      message: `10.0.0.1:${ours.local.port} disconnected at once`,
    });
    expect(await made.net.value(disconnecting)).toBe('disconnected');
  });

  it('whose peer dies after asking is not confirmed: the error says who, how often and how long', async () => {
    const { request } = await requested(made);
    made.client.kill();
    const error = await made.net.error<EndpointError>(request.accept({ timeoutMs: 3_500 }));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { transmissions: 4 } });
    expect(error.message).toBe(
      `10.0.0.1:${request.remote.port} did not confirm: answered 4 times in 3.5 s. Has it gone, or can it not hear us?`,
    );
  });

  it('of a peer that has died and come back is forgotten', async () => {
    const { request } = await requested(made, { qpn: 0x600 });
    made.client.kill();
    const again = made.net.host('10.0.0.1', { seed: 77, caGuid: 0x1111n });
    const connecting = again.endpoint.connect({ host: '10.0.0.2', port: 7471, qpn: 0x600 });
    const accepting = failure(request.accept());
    expect(await made.net.error(connecting)).toMatchObject({ details: { reasonName: 'staleConnection' } });
    expect(await made.net.value(accepting)).toMatchObject({ code: 'WITHDRAWN' });
  });

  it('that is accepted by a handler of another connection is accepted', async () => {
    const { theirs, ours, listener } = await established(made);
    const connecting = made.client.endpoint.connect({ host: '10.0.0.2', port: 7471 });
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    const seen = eventsOf(theirs);
    let accepting: Promise<unknown> | undefined;
    theirs.addEventListener('close', () => {
      accepting = request?.accept();
    });
    await made.net.value(ours.disconnect());
    await made.net.value(connecting);
    await made.net.value(accepting as Promise<unknown>);
    expect(seen[0]).toBe('close: peer');
  });
});
