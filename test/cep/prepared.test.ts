import { describe, expect, test } from 'vitest';
import { expectPeriodic, moments } from './moments.js';
import { detour, known, Pair } from './pair.js';

/** A message made by one call and sent by another: what is sent, and when its waits begin. */

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object;
const SHORT = { responseTimeout: 1_000 as never, retries: 2 };

describe('a prepared REQ', () => {
  test('is what sendReq would have sent, and its waits begin when it is sent', () => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    const request = pair.request({ privateData: Uint8Array.of(5), timing: SHORT });
    pair.client.owner.formatReq(cid, request, pair.now);
    expect(pair.onWire()).toEqual([]);
    expect(pair.client.manager.usage()).toMatchObject({ timers: 0, localQpns: 1, mads: 1, paths: 1 });
    pair.elapse(1e9);
    expect(pair.client.owner.state(cid)).toBe('REQ_PREPARED');
    pair.client.owner.sendFormatted(cid, pair.now);
    const twin = new Pair();
    twin.client.owner.sendReq(twin.client.owner.create(), request, twin.now);
    expect(pair.collect()[0]?.bytes).toEqual(twin.take().bytes);
    expectPeriodic([{ at: 0, message: 'REQ' }, ...moments(pair)], 1_000);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error', transmissions: 3 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('reserves its queue pair, until it is destroyed without a message', () => {
    const pair = new Pair();
    const [first, second] = [pair.client.owner.create(), pair.client.owner.create()];
    pair.client.owner.formatReq(first, pair.request({ alternatePath: detour(pair) }), pair.now);
    for (const call of ['formatReq', 'sendReq'] as const) {
      expect(() => pair.client.owner[call](second, pair.request(), pair.now)).toThrow(code('QPN_IN_USE'));
    }
    pair.client.owner.destroy(first, pair.now);
    expect(pair.onWire()).toEqual([]);
    pair.client.owner.formatReq(second, pair.request(), pair.now);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('cannot be made twice, nor sent twice', () => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    expect(() => pair.client.owner.sendFormatted(cid, pair.now)).toThrow(code('INVALID_STATE'));
    pair.client.owner.formatReq(cid, pair.request(), pair.now);
    expect(() => pair.client.owner.formatReq(cid, pair.request(), pair.now)).toThrow(code('INVALID_STATE'));
    pair.client.owner.sendFormatted(cid, pair.now);
    expect(() => pair.client.owner.sendFormatted(cid, pair.now)).toThrow(code('INVALID_STATE'));
  });

  test('that asks peer to peer does not cross anything before it is sent', () => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    pair.client.owner.formatReq(cid, pair.request({ peerToPeer: true }), pair.now);
    expect(pair.client.manager.usage().peerRequests).toBe(0);
    const path = { localGid: pair.server.gid, remoteGid: pair.client.gid };
    const peer = pair.server.owner.create();
    pair.server.owner.sendReq(peer, pair.request({ path, peerToPeer: true }), pair.now);
    pair.deliverAll();
    expect(pair.server.drops()).toEqual({ peerNotReady: 1 });
    pair.client.owner.destroy(cid, pair.now);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('a prepared REP', () => {
  test.each([false, true])(
    'is what sendRep would have sent, and keeps its place in the backlog; MRA sent: %s',
    (mra) => {
      const pair = new Pair();
      pair.listen(1);
      const { server } = pair.requested();
      if (mra) pair.server.owner.sendMra(server, {}, pair.now);
      pair.loseAll();
      pair.server.owner.formatRep(server, { qpn: 0x200, startingPsn: 7, timing: SHORT }, pair.now);
      expect(pair.server.owner.state(server)).toBe(mra ? 'REP_PREPARED_MRA_SENT' : 'REP_PREPARED');
      expect(pair.onWire()).toEqual([]);
      // The REQ comes again: an MRA is repeated, and the REP still not sent.
      pair.deliver(pair.first('REQ'));
      expect(pair.loseAll()).toEqual(mra ? ['MRA'] : []);
      const second = pair.client.owner.create();
      pair.client.owner.sendReq(second, pair.request({ qpn: 0x101 }), pair.now);
      pair.deliverAll();
      expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 3 });
      pair.server.owner.sendFormatted(server, pair.now);
      const rep = known('REP', pair.collect()[0]);
      expect(rep.mad.header.transactionId).toBe(pair.first('REQ').mad.header.transactionId);
      expect(rep.mad.fields).toMatchObject({ localQpn: 0x200, startingPsn: 7 });
      pair.wire.length = 0;
      const sent = [{ at: 0, message: 'REP' }, ...moments(pair).filter(({ message }) => message === 'REP')];
      expect(sent).toHaveLength(3);
      expectPeriodic(sent, 1_000);
      expect(pair.leftovers()).toEqual([{}, {}]);
    },
  );

  test('reserves its queue pair, and gives it back when the request is rejected, by either side', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.formatRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    const other = pair.requested({ qpn: 0x101 });
    const reply = { qpn: 0x200, startingPsn: 0 };
    expect(() => pair.server.owner.formatRep(other.server, reply, pair.now)).toThrow(code('QPN_IN_USE'));
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cid: client });
    pair.server.owner.formatRep(other.server, reply, pair.now);
    pair.client.owner.destroy(other.client, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rej_received', cid: other.server });
    expect(pair.server.manager.usage()).toMatchObject({ localQpns: 0, remoteIds: 0, mads: 0 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('is rejected as a REQ when its CEP is destroyed: no REP has gone out', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.formatRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.server.owner.destroy(server, pair.now);
    expect(known('REJ', pair.take()).mad.fields).toMatchObject({ reason: 28, messageRejected: 0 });
    expect(pair.server.manager.usage()).toMatchObject({ ceps: 1, localQpns: 0 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('is not sent to a client that has come back meanwhile', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.formatRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.inject(pair.server, pair.altered(pair.first('REQ'), { localCommId: 0x4444 }), pair.client.gid);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'stale', cid: server });
    expect(pair.server.owner.state(server)).toBe('IDLE');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

test('messages that are prepared cannot take the buffers that every input needs', () => {
  const pair = new Pair({ maxMads: 6 });
  const cids = [1, 2, 3, 4, 5].map(() => pair.client.owner.create());
  const format = (each: number): void =>
    pair.client.owner.formatReq(cids[each] as never, pair.request({ qpn: 0x100 + each }), pair.now);
  for (const each of [0, 1, 2, 3]) format(each);
  expect(() => format(4)).toThrow(code('LIMIT_REACHED'));
  for (const cid of cids) pair.client.owner.destroy(cid, pair.now);
  expect(pair.leftovers()).toEqual([{}, {}]);
});
