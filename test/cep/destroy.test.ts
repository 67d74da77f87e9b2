import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { known, Pair, type Side } from './pair.js';

/** R11, R12: destroying is possible in every state, is done at once, and says on the wire what the state owes the peer. */

interface Case {
  readonly side: 'client' | 'server';
  readonly reach: (pair: Pair) => Cid;
  readonly wire: readonly string[];
  readonly fields?: object;
  /** What is left of it, unbound. */
  readonly left: Partial<ReturnType<Side['manager']['usage']>>;
}

const NOTHING = { ceps: 0, mads: 0, timers: 0, localQpns: 0, remoteIds: 0, remoteQpns: 0, paths: 0, events: 0 };
const TIMEWAIT = { ceps: 1, mads: 0, timers: 1, localQpns: 1, remoteIds: 1, remoteQpns: 0, paths: 1, events: 0 };

function withMra(pair: Pair, side: Side, cid: Cid): Cid {
  side.owner.sendMra(cid, {}, pair.now);
  pair.deliverAll();
  pair.other(side).onlyEvent();
  return cid;
}

const CASES: Readonly<Record<string, Case>> = {
  IDLE: { side: 'client', reach: (pair) => pair.client.owner.create(), wire: [], left: NOTHING },
  REQ_SENT: {
    side: 'client',
    reach: (pair) => pair.requested().client,
    wire: ['REJ'],
    fields: { reason: 4, messageRejected: 2, rejectInfoLength: 8, remoteCommId: 0 },
    left: NOTHING,
  },
  REQ_MRA_RCVD: {
    side: 'client',
    reach: (pair) => {
      const { client, server } = pair.requested();
      withMra(pair, pair.server, server);
      return client;
    },
    wire: ['REJ'],
    fields: { reason: 4, messageRejected: 2, rejectInfoLength: 8, remoteCommId: 0 },
    left: NOTHING,
  },
  REQ_RCVD: {
    side: 'server',
    reach: (pair) => pair.requested().server,
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 0, rejectInfoLength: 0 },
    left: { ...NOTHING, ceps: 1 },
  },
  REQ_MRA_SENT: {
    side: 'server',
    reach: (pair) => withMra(pair, pair.server, pair.requested().server),
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 0 },
    left: { ...NOTHING, ceps: 1 },
  },
  REP_SENT: {
    side: 'server',
    reach: (pair) => pair.replied().server,
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 2 },
    left: { ...TIMEWAIT, ceps: 2 },
  },
  REP_MRA_RCVD: {
    side: 'server',
    reach: (pair) => {
      const { client, server } = pair.replied();
      withMra(pair, pair.client, client);
      return server;
    },
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 2 },
    left: { ...TIMEWAIT, ceps: 2 },
  },
  REP_RCVD: {
    side: 'client',
    reach: (pair) => pair.replied().client,
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 1 },
    left: TIMEWAIT,
  },
  REP_MRA_SENT: {
    side: 'client',
    reach: (pair) => withMra(pair, pair.client, pair.replied().client),
    wire: ['REJ'],
    fields: { reason: 28, messageRejected: 1 },
    left: TIMEWAIT,
  },
  DREQ_RCVD: {
    side: 'server',
    reach: (pair) => pair.disconnecting().server,
    wire: ['DREP'],
    left: { ...TIMEWAIT, ceps: 2 },
  },
  TIMEWAIT: { side: 'client', reach: (pair) => pair.ended().client, wire: [], left: TIMEWAIT },
};

describe('R11: R12: destroying a CEP', () => {
  test.each(Object.entries(CASES))('in %s', (state, { side: name, reach, wire, fields, left }) => {
    const pair = new Pair();
    pair.listen();
    const side = pair[name];
    const cid = reach(pair);
    expect(side.owner.state(cid)).toBe(state);
    side.owner.destroy(cid, pair.now);
    expect(() => side.owner.state(cid)).toThrow(expect.objectContaining({ code: 'INVALID_CID' }));
    expect(pair.onWire()).toEqual(wire);
    const [flight] = pair.wire;
    if (fields !== undefined) expect(flight?.mad.fields).toMatchObject(fields);
    side.manager.pollTransmit();
    expect(side.manager.usage()).toMatchObject(left);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test.each(['client', 'server'] as const)(
    'in ESTABLISHED goes on with DREQ, its retries and timewait, unbound: %s',
    (name) => {
      const pair = new Pair();
      pair.listen();
      const { [name]: cid } = pair.established({ maxCmRetries: 2 });
      const side = pair[name];
      const before = side.owner.size;
      side.owner.destroy(cid, pair.now);
      expect(side.owner.size).toBe(before - 1);
      expect(pair.exhaust()).toEqual(['DREQ', 'DREQ', 'DREQ']);
      expect(side.events()).toEqual([]);
      expect(side.manager.usage()).toMatchObject({ ...NOTHING, ceps: name === 'client' ? 0 : 1 });
    },
  );

  test.each([
    ['a DREP', (pair: Pair, server: Cid) => pair.server.owner.sendDrep(server, {}, pair.now)],
    ['a REJ', undefined],
    ['the peer’s own DREQ', undefined],
  ])('unbound in DREQ_SENT takes %s as a bound one does, and tells nobody', (what, answer) => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.established();
    if (what === 'the peer’s own DREQ') pair.server.owner.sendDreq(server, {}, pair.now);
    pair.client.owner.destroy(client, pair.now);
    if (what === 'a REJ') {
      const { localCommId, remoteCommId } = known('DREQ', pair.take()).mad.fields;
      pair.server.owner.destroy(server, pair.now);
      pair.loseAll();
      const fields = { localCommId: remoteCommId, remoteCommId: localCommId, messageRejected: 2, reason: 28 };
      pair.inject(pair.client, pair.forge('REJ', fields), pair.server.gid);
    } else {
      pair.deliverAll();
      answer?.(pair, server);
      pair.deliverAll();
    }
    if (what === 'the peer’s own DREQ') expect(pair.sent.slice(-3).map(({ mad }) => mad.message)).toContain('DREP');
    expect(pair.client.manager.usage()).toMatchObject(TIMEWAIT);
    expect(pair.client.events()).toEqual([]);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('in DREQ_SENT keeps the retries that were left', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.established({ maxCmRetries: 3 });
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.loseAll();
    pair.advanceToTransmission();
    pair.loseAll();
    pair.client.owner.destroy(client, pair.now);
    expect(pair.exhaust()).toEqual(['DREQ', 'DREQ']);
    expect(pair.client.manager.usage()).toMatchObject(NOTHING);
  });

  test('forgets its unread events, but not the one that was lent last', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    for (let time = 0; time < 3; time += 1)
      pair.server.owner.sendMra(server, { privateData: Uint8Array.of(9) }, pair.now);
    pair.deliverAll();
    const event = pair.client.owner.pollEvent();
    pair.client.owner.destroy(client, pair.now);
    expect(event?.bytes[event.at + 24 + 10]).toBe(9);
    expect(pair.client.owner.pollEvent()).toBeUndefined();
    pair.loseAll();
    pair.client.manager.pollTransmit();
    expect(pair.client.manager.usage()).toMatchObject(NOTHING);
  });

  test('makes room for another at once where nothing is owed', () => {
    const pair = new Pair({ maxCeps: 1 });
    const seen = new Set<number>();
    for (let time = 0; time < 5; time += 1) {
      const cid = pair.client.owner.create();
      expect(seen.has(cid)).toBe(false);
      seen.add(cid);
      pair.client.owner.sendReq(cid, pair.request(), pair.now);
      pair.client.owner.destroy(cid, pair.now);
    }
  });

  test('of an established connection clears the peer as well', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.established();
    pair.client.owner.destroy(client, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('dreq_received');
    pair.server.owner.destroy(server, pair.now);
    pair.deliverAll();
    while (pair.advance());
    expect(pair.client.manager.usage()).toMatchObject(NOTHING);
    expect(pair.server.manager.usage()).toMatchObject({ ...NOTHING, ceps: 1 });
  });
});

describe('R12: an unbound CEP', () => {
  test('stops disconnecting, and leaves timewait, in time whatever its peer named', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.established({
      localCmResponseTimeout: 31,
      path: { localGid: pair.client.gid, remoteGid: pair.server.gid, packetLife: 30, localAckTimeout: 31 },
    });
    pair.server.owner.destroy(server, pair.now);
    const start = pair.now;
    expect(pair.loseAll()).toEqual(['DREQ']);
    while (pair.server.manager.usage().ceps > 1) pair.advance();
    expect(pair.now - start).toBeGreaterThan(599_000_000);
    expect(pair.now - start).toBeLessThan(601_000_000);
  });

  test('that was bound in timewait leaves it in time too', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.ended({
      path: { localGid: pair.client.gid, remoteGid: pair.server.gid, packetLife: 30, localAckTimeout: 31 },
    });
    pair.elapse(1_000_000_000);
    pair.server.owner.destroy(server, pair.now);
    const start = pair.now;
    while (pair.server.manager.usage().ceps > 1) pair.advance();
    expect(pair.now - start).toBeLessThan(301_000_000);
  });
});
