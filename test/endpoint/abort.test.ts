import { describe, expect, it } from 'vitest';
import { established, failure, fixture, requested, target } from './fixture.js';

const made = fixture();

describe.each([
  ['an Error', new Error('enough')],
  ['a text', 'enough'],
  ['null', null],
  ['0', 0],
])('R13: Aborting with %s', (_, reason) => {
  it('before connecting rejects with it, and nothing is looked up or sent', async () => {
    const signal = AbortSignal.abort(reason);
    expect(await made.net.error<unknown>(made.client.endpoint.connect(target({ signal })))).toBe(reason);
    expect([made.net.sent, made.client.prepared]).toEqual([[], []]);
  });

  it('while the name is looked up rejects with it at once', async () => {
    const abort = new AbortController();
    made.client.names.set('slow.example', new Promise(() => undefined));
    const connecting = failure(made.client.endpoint.connect(target({ host: 'slow.example', signal: abort.signal })));
    await made.net.settle();
    abort.abort(reason);
    expect(await made.net.value(connecting)).toBe(reason);
    expect([made.net.ms, made.net.sent]).toEqual([0, []]);
  });

  it('while the peer considers rejects with it, and the peer is told', async () => {
    const abort = new AbortController();
    const { request, connecting } = await requested(made, { signal: abort.signal });
    abort.abort(reason);
    expect(await made.net.error<unknown>(connecting)).toBe(reason);
    await made.net.settle();
    expect(request.isPending).toBe(false);
  });

  it('after connecting does nothing', async () => {
    const abort = new AbortController();
    const { ours } = await established(made, { signal: abort.signal }, { signal: abort.signal });
    abort.abort(reason);
    await made.net.settle();
    expect(ours.closeCause).toBeUndefined();
  });

  it('before accepting rejects with it, and the request stays pending', async () => {
    const { request, connecting } = await requested(made);
    expect(await made.net.error<unknown>(request.accept({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(request.isPending).toBe(true);
    const accepting = request.accept();
    await made.net.value(connecting);
    await made.net.value(accepting);
  });

  it('while accepting rejects with it, and takes the acceptance back', async () => {
    made.net.fate = ({ mad }) => (mad.message === 'RTU' ? 'lose' : 'deliver');
    const abort = new AbortController();
    const { request, connecting } = await requested(made);
    const accepting = failure(request.accept({ signal: abort.signal }));
    const ours = await made.net.value(connecting);
    abort.abort(reason);
    expect(await made.net.value(accepting)).toBe(reason);
    await made.net.settle();
    expect(ours.closeCause).toBe('rejected');
    expect(() => request.reject()).toThrow(
      expect.objectContaining({ code: 'CLOSED', message: 'accepting the request was aborted', cause: reason }),
    );
  });
});

describe('Aborting', () => {
  it('leaves no listener behind on the signal, however the attempt ends', async () => {
    const abort = new AbortController();
    const listeners = new Set<unknown>();
    const { signal } = abort;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (type: string, listener: never, options: never) => {
      listeners.add(listener);
      add(type as 'abort', listener, options);
    };
    signal.removeEventListener = (type: string, listener: never) => {
      listeners.delete(listener);
      remove(type as 'abort', listener);
    };
    const { ours, listener } = await established(made, { signal }, { signal });
    await made.net.error(made.client.endpoint.connect(target({ signal, port: 9 })));
    await made.net.error(made.client.endpoint.connect(target({ signal, host: '10.9.9.9', timeoutMs: 10 })));
    await made.net.error(made.client.endpoint.connect(target({ signal, host: 'no name' })));
    const connecting = failure(made.client.endpoint.connect(target({ signal })));
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    request?.reject();
    await made.net.value(connecting);
    expect([...listeners]).toEqual([]);
    expect(ours.closeCause).toBeUndefined();
  });
});
