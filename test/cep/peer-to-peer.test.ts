import { describe, expect, test } from 'vitest';
import type { Cid, Duration } from '../../src/base/index.js';
import type { ReqParameters } from '../../src/cep/index.js';
import { detour, type Flight, known, Pair, SERVICE, Side } from './pair.js';

/** Both sides ask each other for one service, and the REQs cross. The server has the greater CA GUID: it stays active. */

const TIMING = { responseTimeout: 1_000 as Duration, retries: 4 };

function ask(pair: Pair, side: Side, qpn: number, overrides: Partial<ReqParameters> = {}): Cid {
  const cid = side.owner.create();
  const path = { localGid: side.gid, remoteGid: pair.other(side).gid };
  side.owner.sendReq(cid, pair.request({ path, qpn, peerToPeer: true, timing: TIMING, ...overrides }), pair.now);
  return cid;
}

interface Crossing {
  readonly pair: Pair;
  readonly client: Cid;
  readonly server: Cid;
  readonly reqs: readonly [Flight, Flight];
}

/** Both have asked; the REQs, the client's first, are nowhere yet. */
function crossing(overrides: Partial<ReqParameters> = {}): Crossing {
  const pair = new Pair();
  const client = ask(pair, pair.client, 0x100, overrides);
  const server = ask(pair, pair.server, 0x200);
  pair.collect();
  return { pair, client, server, reqs: pair.wire.splice(0) as unknown as [Flight, Flight] };
}

/** The client has given way and knows it. */
function givenWay(overrides: Partial<ReqParameters> = {}): Crossing {
  const all = crossing(overrides);
  const { pair, client, reqs } = all;
  for (const req of reqs) pair.deliver(req);
  expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_received', cid: client, listener: 0 });
  expect(pair.client.owner.state(client)).toBe('REQ_RCVD');
  return all;
}

/** Answers at the client, and expects a connection. */
function expectConnected({ pair, client, server }: Crossing, qpn = 0x100): void {
  pair.client.owner.sendRep(client, { qpn, startingPsn: 0x77 }, pair.now);
  pair.deliverAll();
  const rep = pair.first('REP');
  expect(rep.mad.header.transactionId).toBe(
    pair.sent.find(({ from, mad }) => from === pair.server && mad.message === 'REQ')?.mad.header.transactionId,
  );
  expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_received', cid: server });
  pair.server.owner.sendRtu(server, {}, pair.now);
  pair.deliverAll();
  expect(pair.client.onlyEvent()).toMatchObject({ type: 'rtu_received', cid: client });
  expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
  expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
  for (const { manager } of [pair.client, pair.server]) {
    expect(manager.usage()).toMatchObject({ ceps: 1, peerRequests: 0, localQpns: 1, remoteIds: 1, remoteQpns: 1 });
  }
  expect(pair.leftovers()).toEqual([{}, {}]);
}

describe('two REQs that cross', () => {
  test('become one connection: the lesser CA GUID gives way, and answers with its own comm ID and queue pair', () => {
    const all = givenWay();
    const { pair, reqs } = all;
    expect(pair.server.drops()).toEqual({ peerGivesWay: 1 });
    expect(pair.client.manager.usage()).toMatchObject({ peerRequests: 0, timers: 0, mads: 0 });
    expectConnected(all);
    expect(pair.first('REP').mad.fields).toMatchObject({
      localCommId: known('REQ', reqs[0]).mad.fields.localCommId,
      remoteCommId: known('REQ', reqs[1]).mad.fields.localCommId,
      localQpn: 0x100,
    });
  });

  test('become one connection on another queue pair of the one that gives way, and its reserved one is free', () => {
    const all = givenWay();
    const { pair, client } = all;
    pair.client.owner.formatRep(client, { qpn: 0x180, startingPsn: 0 }, pair.now);
    const other = ask(pair, pair.client, 0x100, { serviceId: (SERVICE + 1n) as typeof SERVICE });
    pair.client.owner.destroy(other, pair.now);
    pair.loseAll();
    pair.client.owner.sendFormatted(client, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().mad?.fields).toMatchObject({ localQpn: 0x180 });
    expect(pair.client.manager.usage()).toMatchObject({ localQpns: 1 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('in either order of arrival, and with either lost: the retry makes up for it', () => {
    const orders: ((all: Crossing) => void)[] = [
      ({ pair, reqs: [first, second] }) => {
        pair.deliver(second);
        pair.deliver(first);
      },
      ({ pair, reqs: [, second] }) => pair.deliver(second),
      ({ pair, reqs: [first] }) => pair.deliver(first),
      () => undefined,
    ];
    for (const order of orders) {
      const all = crossing();
      const { pair } = all;
      order(all);
      for (let retry = 0; retry < 3 && pair.client.owner.state(all.client) !== 'REQ_RCVD'; retry += 1) {
        pair.elapse(1_256);
        pair.deliverAll();
      }
      expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_received', cid: all.client });
      expectConnected(all);
    }
  });

  test('at one time, but one begins later: it is asked again until it asks itself', () => {
    const pair = new Pair();
    const client = ask(pair, pair.client, 0x100);
    pair.deliverAll();
    expect(pair.sent.map(({ mad }) => mad.message)).toEqual(['REQ', 'REJ']);
    expect(pair.last('REJ').mad.fields).toMatchObject({ reason: 8 });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.client.drops()).toEqual({ peerNotReady: 1 });
    expect(pair.client.events()).toEqual([]);
    const server = ask(pair, pair.server, 0x200);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_received', cid: client });
    expectConnected({ pair, client, server, reqs: [] as never });
  });

  test('where the one that stays active has asked for patience already', () => {
    const { pair, client, server, reqs } = crossing();
    const { localCommId } = known('REQ', reqs[0]).mad.fields;
    const mra = { localCommId: 0x7777, remoteCommId: localCommId, messageMraed: 0, serviceTimeout: 20 };
    pair.inject(pair.client, pair.forge('MRA', mra), pair.server.gid);
    expect(pair.client.onlyEvent().type).toBe('mra_received');
    pair.deliver(reqs[1]);
    expect(pair.client.onlyEvent().type).toBe('req_received');
    expectConnected({ pair, client, server, reqs });
  });

  test('make the adapter with an equal CA GUID and the greater queue pair stay active', () => {
    for (const [qpn, passive] of [
      [0x300, 'server'],
      [0x100, 'client'],
    ] as const) {
      const pair = new Pair();
      const twin = new Side('10.0.0.2', 0x1111n, 9, {});
      Object.assign(pair, { server: twin });
      ask(pair, pair.client, qpn);
      ask(pair, pair.server, 0x200);
      pair.deliverAll();
      expect(pair[passive].onlyEvent().type).toBe('req_received');
      expect(pair.other(pair[passive]).drops()).toEqual({ peerGivesWay: 1 });
    }
  });

  test('leave one active even if GUIDs and queue pairs are equal', () => {
    const pair = new Pair();
    Object.assign(pair, { server: new Side('10.0.0.2', 0x1111n, 9, {}) });
    const client = ask(pair, pair.client, 0x100);
    const server = ask(pair, pair.server, 0x100);
    pair.deliverAll();
    const states = [pair.client.owner.state(client), pair.server.owner.state(server)];
    expect(states.toSorted()).toEqual(['REQ_RCVD', 'REQ_SENT']);
  });

  test('between the same two sides, twice at once, become two connections', () => {
    const pair = new Pair();
    const clients = [ask(pair, pair.client, 0x100), ask(pair, pair.client, 0x101)];
    const servers = [ask(pair, pair.server, 0x200), ask(pair, pair.server, 0x201)];
    pair.deliverAll();
    expect(pair.client.events().map(({ cid }) => cid)).toEqual(clients);
    clients.forEach((cid, each) => {
      pair.client.owner.sendRep(cid, { qpn: 0x100 + each, startingPsn: 0 }, pair.now);
    });
    pair.deliverAll();
    expect(pair.server.events().map(({ cid }) => cid)).toEqual(servers);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('within one adapter: no REQ crosses itself', () => {
    const pair = new Pair();
    const { client } = pair;
    const path = { localGid: client.gid, remoteGid: client.gid };
    const lesser = ask(pair, client, 0x100, { path });
    const greater = ask(pair, client, 0x101, { path });
    const deliver = (): void => {
      for (let sent = client.transmits(); sent.length > 0; sent = client.transmits())
        for (const bytes of sent) pair.inject(client, bytes, client.gid);
    };
    deliver();
    expect(client.onlyEvent()).toMatchObject({ type: 'req_received', cid: lesser });
    client.owner.sendRep(lesser, { qpn: 0x100, startingPsn: 0 }, pair.now);
    deliver();
    expect(client.onlyEvent()).toMatchObject({ type: 'rep_received', cid: greater });
  });

  test('leave nothing of the alternate path that the one that gives way asked for', () => {
    const alternatePath = detour(new Pair());
    const all = givenWay({ alternatePath });
    const { pair, client } = all;
    expect(pair.client.owner.getQpAttr(client, 'RTR', pair.now).alternatePath).toBeUndefined();
    expect(pair.client.manager.usage().paths).toBe(1);
    expectConnected(all);
  });

  test('late, when the connection stands, change nothing', () => {
    const all = crossing();
    const { pair, client, server, reqs } = all;
    pair.deliver(reqs[1]);
    pair.client.onlyEvent();
    pair.client.owner.sendRep(client, { qpn: 0x100, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    pair.deliver(reqs[0]);
    expect(pair.server.owner.state(server)).toBe('REP_RCVD');
    pair.server.owner.sendRtu(server, {}, pair.now);
    pair.deliverAll();
    for (const req of reqs) pair.deliver(req);
    expect(pair.onWire()).toEqual([]);
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
    expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('a REQ that does not cross ours', () => {
  test.each([
    ['another service', { serviceId: SERVICE + 1n }],
    ['queue pair 0', { localQpn: 0 }],
    ['reliable datagram', { transportServiceType: 2 }],
  ])('because it is for %s, is refused as any', (_, fields) => {
    const { pair, client, reqs } = crossing();
    pair.inject(pair.client, pair.altered(reqs[1], fields), pair.server.gid);
    expect(pair.loseAll()).toEqual(['REJ']);
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.client.events()).toEqual([]);
  });

  test('because it is of somebody else, goes to the listener', () => {
    const { pair, client, reqs } = crossing();
    const listener = pair.client.owner.create();
    pair.client.owner.listen(listener, { serviceId: SERVICE, backlog: 4 }, pair.now);
    const gid = new Uint8Array(16).fill(0xee);
    const primaryPath = { localGid: gid, remoteGid: pair.client.gid, localAckTimeout: 17 };
    pair.inject(pair.client, pair.altered(reqs[1], { primaryPath }), gid);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_received', listener });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
  });

  test('because ours is not peer to peer, goes to the listener', () => {
    const pair = new Pair();
    const client = ask(pair, pair.client, 0x100, { peerToPeer: false });
    pair.loseAll();
    ask(pair, pair.server, 0x200);
    pair.deliverAll();
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.last('REJ').mad.fields).toMatchObject({ reason: 8 });
  });

  test('because our consumer does not read its events, crosses later', () => {
    const all = crossing();
    const { pair, client, reqs } = all;
    const { localCommId } = known('REQ', reqs[0]).mad.fields;
    const mra = { localCommId: 0x7777, remoteCommId: localCommId, messageMraed: 0, serviceTimeout: 20 };
    for (let each = 0; each < 4; each += 1) pair.inject(pair.client, pair.forge('MRA', mra), pair.server.gid);
    pair.deliver(reqs[1]);
    expect(pair.client.drops()).toEqual({ eventsUnread: 1 });
    expect(pair.client.owner.state(client)).toBe('REQ_MRA_RCVD');
    pair.client.events();
    pair.deliver(reqs[1]);
    expect(pair.client.onlyEvent().type).toBe('req_received');
    expectConnected(all);
  });
});

describe('a peer-to-peer request', () => {
  test('that nobody meets ends as any, though it was refused each time', () => {
    const pair = new Pair();
    const client = ask(pair, pair.client, 0x100);
    for (let each = 0; each < 9; each += 1) {
      pair.deliverAll();
      pair.advance();
    }
    expect(pair.client.drops()).toMatchObject({ peerNotReady: 5 });
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error', cause: 'retriesExhausted', transmissions: 5 });
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(pair.client.manager.usage().peerRequests).toBe(0);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('ends at its deadline too, and may be asked again by the same CEP, as an ordinary one', () => {
    const pair = new Pair();
    const client = ask(pair, pair.client, 0x100, { timing: { ...TIMING, deadline: 2_000 as Duration } });
    pair.exhaust();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error', cause: 'deadline' });
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received' });
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test.each([28, 10, 4])('that is refused for reason %i is over', (reason) => {
    const { pair, client, reqs } = crossing();
    const { localCommId } = known('REQ', reqs[0]).mad.fields;
    const rej = { localCommId: 0, remoteCommId: localCommId, messageRejected: 0, reason };
    pair.inject(pair.client, pair.forge('REJ', rej), pair.server.gid);
    expect(pair.client.onlyEvent().type).toBe('rej_received');
    expect(pair.client.owner.state(client)).toBe(reason === 10 ? 'TIMEWAIT' : 'IDLE');
    expect(pair.client.manager.usage().peerRequests).toBe(0);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('destroyed crosses nothing any more; one that gave way is rejected as a REQ', () => {
    const first = crossing();
    first.pair.client.owner.destroy(first.client, first.pair.now);
    expect(known('REJ', first.pair.take()).mad.fields).toMatchObject({ reason: 4 });
    first.pair.deliver(first.reqs[1]);
    expect(known('REJ', first.pair.take()).mad.fields).toMatchObject({ reason: 8 });
    expect(first.pair.leftovers()).toEqual([{}, {}]);
    const { pair, client, server } = givenWay();
    pair.client.owner.destroy(client, pair.now);
    expect(known('REJ', pair.take()).mad.fields).toMatchObject({ reason: 28, messageRejected: 0 });
    pair.deliver(pair.last('REJ'));
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rej_received', cid: server });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that has given way is nobody’s to give up: the peer’s time-out ends it', () => {
    const { pair, client, server } = givenWay();
    pair.exhaust();
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'req_error', cid: server });
    pair.deliver(pair.last('REJ'));
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cid: client });
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});
