import { describe, expect, test } from 'vitest';
import type { CmId } from '../../src/cm/index.js';
import { CmPair, NOTHING_LEFT } from './cm-pair.js';
import { lookUp } from './scenarios.js';

/** Requests at a listener: told, fetched, withdrawn, and refused when nobody fetches them. */

describe('a request', () => {
  test('that is fetched has an ID of its own, with the callback of the listener and the listener as context', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    pair.asked();
    pair.server.cm.poll(pair.now);
    const request = pair.server.cm.getRequest(listener);
    expect(request?.id.context).toBe(listener);
    expect(request?.id).not.toBe(listener);
    pair.server.told.length = 0;
    pair.server.cm.sendRep(request?.id as CmId, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.run();
    pair.client.cm.sendRtu(pair.client.told[0]?.id as CmId, {}, pair.now);
    pair.run();
    expect(pair.server.told).toMatchObject([{ type: 'rtu_received', id: request?.id }]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('can be given a callback and a context of its own', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    const client = pair.asked();
    pair.server.cm.poll(pair.now);
    const told: [CmId<{ name: string }>, string][] = [];
    const request = pair.server.cm.getRequestEx<{ name: string }>(
      listener,
      (id, event) => {
        told.push([id, event.type]);
      },
      { name: 'mine' },
    );
    expect(request?.id.context).toEqual({ name: 'mine' });
    pair.client.cm.destroyId(client, pair.now);
    pair.run();
    expect(told).toEqual([[request?.id, 'rej_received']]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('waits until it is fetched, and its message can be read then: the oldest comes first', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    for (const octet of [1, 2, 3]) pair.asked({ qpn: 0x100 + octet, privateData: Uint8Array.of(octet) });
    pair.run();
    expect(pair.server.types()).toEqual(['req_received', 'req_received', 'req_received']);
    const octets = [1, 2, 3].map(() => {
      const mad = pair.server.cm.getRequest(listener)?.event.message;
      return mad?.message === 'REQ' ? mad.fields.privateData[0] : undefined;
    });
    expect(octets).toEqual([1, 2, 3]);
    expect(pair.server.cm.getRequest(listener)).toBeUndefined();
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('that its sender takes back before it is fetched is not there any more', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    const [gone, stays] = [0x101, 0x102].map((qpn) => pair.asked({ qpn })) as [CmId, CmId];
    pair.run();
    pair.client.cm.destroyId(gone, pair.now);
    pair.run();
    expect(pair.server.cm.getRequest(listener)).toBeDefined();
    expect(pair.server.cm.getRequest(listener)).toBeUndefined();
    expect(pair.client.cm.state(stays)).toBe('REQ_SENT');
    expect(pair.server.types()).toEqual(['req_received', 'req_received']);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('to resolve a service ID is fetched in the same way', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    const question = lookUp(pair);
    pair.run();
    expect(pair.server.types()).toEqual(['sidr_req_received']);
    const request = pair.server.cm.getRequest(listener);
    pair.server.cm.sendSidrRep(request?.id as CmId, { qpn: 0x77 }, pair.now);
    pair.run();
    expect(pair.client.told).toMatchObject([
      { id: question, type: 'sidr_rep_received', mad: { fields: { qpn: 0x77 } } },
    ]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

test('R19: only a listener has requests to fetch', () => {
  const pair = new CmPair();
  const listener = pair.listen();
  const { server } = pair.requested(listener);
  const { cm } = pair.server;
  const refusal = { code: 'INVALID_STATE', details: { call: 'getRequest', state: 'REQ_RCVD' } };
  expect(() => cm.getRequest(server)).toThrow(expect.objectContaining(refusal));
  cm.cancelListen(listener, pair.now);
  expect(() => cm.getRequestEx(listener, () => {}, undefined)).toThrow(
    expect.objectContaining({ details: { call: 'getRequest', state: 'IDLE' } }),
  );
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});

describe('requests that nobody fetches', () => {
  test.each([false, true])('are as many as the backlog at most; told: %s', (told) => {
    const pair = new CmPair();
    const listener = pair.listen({ backlog: 3 });
    for (let qpn = 0x100; qpn < 0x110; qpn += 1) {
      pair.asked({ qpn });
      if (told) pair.server.cm.poll(pair.now);
    }
    pair.run();
    expect(pair.server.types()).toHaveLength(3);
    expect(pair.client.types()).toEqual(Array(13).fill('rej_received'));
    expect(pair.pair.server.manager.usage().ceps).toBe(1 + 3);
    for (let i = 0; i < 3; i += 1) expect(pair.server.cm.getRequest(listener)).toBeDefined();
    expect(pair.server.cm.getRequest(listener)).toBeUndefined();
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('leave nothing behind, however many come and are taken back', () => {
    const pair = new CmPair();
    const listener = pair.listen({ backlog: 3 });
    for (const poll of [true, false]) {
      for (let i = 0; i < 20; i += 1) {
        pair.client.cm.destroyId(pair.asked({ qpn: 0x100 + i }), pair.now);
        if (poll) pair.server.cm.poll(pair.now);
        pair.deliver();
        if (poll) pair.server.cm.poll(pair.now);
      }
      pair.run();
      expect(pair.server.types()).toHaveLength(poll ? 20 : 0);
      expect(pair.pair.server.manager.usage()).toMatchObject({ ceps: 1, mads: 0, events: 0 });
      expect(pair.server.cm.getRequest(listener)).toBeUndefined();
    }
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

test('a request that crosses our own is told to the ID that asked, which answers it: there is nothing to fetch', () => {
  const pair = new CmPair();
  const { client, server } = pair;
  const asking = pair.asking({ peerToPeer: true });
  const asked = server.create('server');
  const path = { localGid: server.side.gid, remoteGid: client.side.gid };
  server.cm.sendReq(asked, pair.request({ path, qpn: 0x200, peerToPeer: true }), pair.now);
  pair.run();
  // The server has the greater CA GUID, so the client gives way.
  expect(client.told).toMatchObject([{ id: asking, type: 'req_received' }]);
  expect(() => client.cm.getRequest(asking)).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
  client.cm.sendRep(asking, { qpn: 0x100, startingPsn: 1 }, pair.now);
  pair.run();
  server.cm.sendRtu(asked, {}, pair.now);
  pair.run();
  expect(pair.states(asking, asked)).toEqual(['ESTABLISHED', 'ESTABLISHED']);
  expect([client.types(), server.types()]).toEqual([['req_received', 'rtu_received'], ['rep_received']]);
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});

describe.each(['destroyId', 'cancelListen', 'close'] as const)('%s of a listener', (call) => {
  function end(pair: CmPair, listener: CmId): void {
    if (call === 'close') pair.server.cm.close(pair.now);
    else pair.server.cm[call](listener, pair.now);
  }

  test('R12: rejects the requests that were told and not fetched, and those that were not told', () => {
    const pair = new CmPair();
    const listener = pair.listen();
    pair.asked({ qpn: 0x101 });
    pair.run();
    pair.asked({ qpn: 0x102 });
    lookUp(pair);
    pair.server.told.length = 0;
    end(pair, listener);
    pair.run();
    expect(pair.client.types().sort()).toEqual(['rej_received', 'rej_received', 'sidr_rep_received']);
    expect(pair.server.types()).toEqual([]);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });

  test('leaves those alone that were fetched', () => {
    if (call === 'close') return;
    const pair = new CmPair();
    const listener = pair.listen();
    const { client, server } = pair.requested(listener);
    end(pair, listener);
    pair.server.cm.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.run();
    expect(pair.states(client, server)).toEqual(['REP_RCVD', 'REP_SENT']);
    expect(pair.leftovers()).toEqual(NOTHING_LEFT);
  });
});

test('an ID whose listen was cancelled can listen again, and connect', () => {
  const pair = new CmPair();
  const id = pair.listen();
  pair.server.cm.cancelListen(id, pair.now);
  pair.server.cm.listen(id, { serviceId: pair.request().serviceId, backlog: 1 }, pair.now);
  pair.server.cm.cancelListen(id, pair.now);
  const path = { localGid: pair.pair.server.gid, remoteGid: pair.pair.client.gid };
  pair.server.cm.sendReq(id, pair.request({ path }), pair.now);
  expect(pair.server.cm.state(id)).toBe('REQ_SENT');
  expect(pair.leftovers()).toEqual(NOTHING_LEFT);
});
