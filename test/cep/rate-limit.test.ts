import { describe, expect, test } from 'vitest';
import { Pair, SERVICE } from './pair.js';

/** A source that floods us: it is limited, and nobody else suffers. */

const SECOND = 1_000_000;
const gid = (last: number): Uint8Array => new Uint8Array(16).fill(0xaa).fill(last, 15);

function req(pair: Pair, from: Uint8Array, each: number): Uint8Array {
  const primaryPath = { localGid: from, remoteGid: pair.server.gid, localAckTimeout: 17 };
  const ids = { localCommId: 1 + each, localQpn: 100 + each, localCaGuid: 7n };
  return pair.forge('REQ', { ...ids, serviceId: SERVICE, primaryPath });
}

const sidrReq = (pair: Pair, each: number): Uint8Array =>
  pair.forge('SIDR_REQ', { requestId: 1 + each, serviceId: SERVICE });

describe('new requests', () => {
  test('of one source beyond the limit are dropped, until time has passed', () => {
    const pair = new Pair({ maxRequestsPerSecond: 10 });
    pair.listen(1_000);
    for (let each = 0; each < 25; each += 1) pair.inject(pair.server, req(pair, gid(1), each), gid(1));
    expect(pair.server.events()).toHaveLength(10);
    expect(pair.server.drops()).toEqual({ requestsLimited: 15 });
    expect(pair.onWire()).toEqual([]);
    pair.elapse(SECOND / 2);
    for (let each = 25; each < 50; each += 1) pair.inject(pair.server, req(pair, gid(1), each), gid(1));
    expect(pair.server.events()).toHaveLength(5);
    // However long the pause, a burst is a second's worth.
    pair.elapse(100 * SECOND);
    for (let each = 50; each < 80; each += 1) pair.inject(pair.server, req(pair, gid(1), each), gid(1));
    expect(pair.server.events()).toHaveLength(10);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('of another source are welcome meanwhile', () => {
    const pair = new Pair({ maxRequestsPerSecond: 10 });
    pair.listen(1_000);
    for (let each = 0; each < 100; each += 1) pair.inject(pair.server, req(pair, gid(1), each), gid(1));
    pair.server.events();
    pair.inject(pair.server, req(pair, gid(2), 0), gid(2));
    expect(pair.server.onlyEvent().type).toBe('req_received');
  });

  test('for connections and for datagram services count together', () => {
    const pair = new Pair({ maxRequestsPerSecond: 10 });
    pair.listen(1_000);
    for (let each = 0; each < 8; each += 1) {
      pair.inject(pair.server, req(pair, gid(1), each), gid(1));
      pair.inject(pair.server, sidrReq(pair, each), gid(1));
    }
    const types = pair.server.events().map(({ type }) => type);
    expect(types.filter((type) => type === 'req_received')).toHaveLength(5);
    expect(types.filter((type) => type === 'sidr_req_received')).toHaveLength(5);
  });

  test('that are repetitions do not count, so that a client within its limit is never in doubt', () => {
    const pair = new Pair({ maxRequestsPerSecond: 2 });
    pair.listen();
    for (let each = 0; each < 9; each += 1) {
      pair.inject(pair.server, req(pair, gid(1), 0), gid(1));
      pair.inject(pair.server, sidrReq(pair, 0), gid(1));
    }
    expect(pair.server.events()).toHaveLength(2);
    expect(pair.server.drops()).toEqual({ duplicate: 16 });
  });

  test('of a source that floods do not touch the connections that it has', () => {
    const pair = new Pair({ maxRequestsPerSecond: 5, maxStrayAnswersPerSecond: 5 });
    pair.listen(1_000);
    const { client, server } = pair.established();
    for (let each = 0; each < 50; each += 1) {
      pair.inject(pair.server, req(pair, pair.client.gid, each), pair.client.gid);
      pair.inject(pair.server, pair.forge('DREQ', { localCommId: each, remoteCommId: 1 }), pair.client.gid);
    }
    pair.loseAll();
    pair.server.events();
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'dreq_received', cid: server });
    pair.server.owner.sendDrep(server, {}, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('drep_received');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('have no limit if it is infinite', () => {
    const pair = new Pair({ maxRequestsPerSecond: Number.POSITIVE_INFINITY, maxCeps: 2_000, maxMads: 4_000 });
    pair.listen(2_000);
    for (let each = 0; each < 1_500; each += 1) pair.inject(pair.server, sidrReq(pair, each), gid(1));
    expect(pair.server.drops()).toEqual({});
  });
});

describe('answers to what belongs to no connection', () => {
  const stray: Record<string, (pair: Pair, each: number) => Uint8Array> = {
    DREQ: (pair, each) => pair.forge('DREQ', { localCommId: 1 + each, remoteCommId: 9 }),
    REP: (pair, each) => pair.forge('REP', { localCommId: 1 + each, remoteCommId: 9 }),
    'REQ for nobody': (pair, each) => req(pair, gid(1), each),
    'SIDR_REQ for nobody': (pair, each) => sidrReq(pair, each),
  };

  test.each(Object.entries(stray))('a %s: are limited by source', (_, make) => {
    const pair = new Pair({ maxStrayAnswersPerSecond: 10 });
    for (let each = 0; each < 25; each += 1) pair.inject(pair.server, make(pair, each), gid(1));
    expect(pair.loseAll()).toHaveLength(10);
    expect(pair.server.drops()).toEqual({ answersLimited: 15 });
    pair.inject(pair.server, pair.forge('DREQ', { localCommId: 1, remoteCommId: 9 }), gid(2));
    expect(pair.loseAll()).toEqual(['DREP']);
    pair.elapse(SECOND);
    for (let each = 0; each < 25; each += 1) pair.inject(pair.server, make(pair, 25 + each), gid(1));
    expect(pair.loseAll()).toHaveLength(10);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

test('a clock that goes back gives nothing away', () => {
  const pair = new Pair({ maxStrayAnswersPerSecond: 10 });
  const flood = (): number => {
    for (let each = 0; each < 30; each += 1)
      pair.inject(pair.server, pair.forge('DREQ', { localCommId: 1, remoteCommId: 9 }), gid(1));
    return pair.loseAll().length;
  };
  pair.elapse(10 * SECOND);
  expect(flood()).toBe(10);
  pair.now = (9 * SECOND) as never;
  expect(flood()).toBe(0);
  pair.now = (10 * SECOND) as never;
  expect(flood()).toBe(0);
});
