import { describe, expect, test } from 'vitest';
import type { Cid, Duration } from '../../src/base/index.js';
import type { CmPath, State, TimingPolicy } from '../../src/cep/index.js';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { Pair, type Side } from './pair.js';

/** What `npm run check:table` asks for besides: that the rare states do their share of what is told elsewhere of the common ones. */

interface Connection {
  readonly pair: Pair;
  readonly client: Cid;
  readonly server: Cid;
}
/** A connection, and the side of it that a test is about. */
interface Place extends Connection {
  readonly side: Side;
  readonly cid: Cid;
}

const SECOND = 1_000_000;
/** Longer than any wait of these tests, unless its deadline says otherwise. */
const timing = (deadlineMs = 60_000): TimingPolicy => ({
  responseTimeout: (30 * SECOND) as Duration,
  retries: 3,
  deadline: (deadlineMs * 1_000) as Duration,
});

const atClient = (all: Connection): Place => ({ ...all, side: all.pair.client, cid: all.client });
const atServer = (all: Connection): Place => ({ ...all, side: all.pair.server, cid: all.server });

function requested(): Connection {
  const pair = new Pair();
  pair.listen();
  return { pair, ...pair.requested({ timing: timing() }) };
}

/** One side asks the other to wait; the other has been told. */
function mra(all: Connection, side: Side): Connection {
  const { pair } = all;
  side.owner.sendMra(side === pair.client ? all.client : all.server, { serviceTimeout: 22 }, pair.now);
  pair.deliverAll();
  expect(pair.other(side).onlyEvent().type).toBe('mra_received');
  return all;
}

/** A server whose REP has been answered with an MRA. */
function repMraReceived(deadlineMs?: number): Place {
  const all = requested();
  const { pair, server } = all;
  pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, timing: timing(deadlineMs) }, pair.now);
  pair.deliverAll();
  pair.client.onlyEvent();
  return atServer(mra(all, pair.client));
}

/** A server that has asked its client to wait. */
function reqMraSent(): Place {
  const all = requested();
  return atServer(mra(all, all.pair.server));
}

/** A server that has made its REP. */
function repPrepared(all: Connection = requested()): Place {
  const { pair, server } = all;
  pair.server.owner.formatRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
  return atServer(all);
}

function otherPath({ client, server }: Pair): CmPath {
  const [localGid, remoteGid] = [client.gid.slice(), server.gid.slice()];
  for (const gid of [localGid, remoteGid]) gid[14] = 1;
  return { localGid, remoteGid };
}

/** A connection whose client proposes another path; the server has been told. */
function proposed(deadlineMs?: number): Connection {
  const pair = new Pair();
  pair.listen();
  const all = { pair, ...pair.established() };
  pair.client.owner.sendLap(all.client, { path: otherPath(pair), timing: timing(deadlineMs) }, pair.now);
  pair.deliverAll();
  expect(pair.server.onlyEvent().type).toBe('lap_received');
  return all;
}

const delayed = (deadlineMs?: number): Connection => {
  const all = proposed(deadlineMs);
  return mra(all, all.pair.server);
};

/** The states of a connection whose path is being talked about. */
const TALKING: readonly [State, () => Place][] = [
  ['LAP_SENT', () => atClient(proposed())],
  ['LAP_MRA_RCVD', () => atClient(delayed())],
  ['LAP_RCVD', () => atServer(proposed())],
  ['LAP_MRA_SENT', () => atServer(delayed())],
  ['APR_PREPARED', () => prepared(proposed())],
  ['APR_PREPARED_MRA_SENT', () => prepared(delayed())],
];

function prepared(all: Connection): Place {
  all.pair.server.owner.formatApr(all.server, {}, all.pair.now);
  return atServer(all);
}

const stateOf = ({ side, cid }: Place): State => side.owner.state(cid);

/** A REQ by a stranger from the queue pair that the peer has in this connection. */
function newcomer({ pair, side }: Place): void {
  const peer = pair.other(side);
  const [localQpn, localCaGuid] = side === pair.client ? [0x200, 0x2222n] : [0x100, 0x1111n];
  const primaryPath = { localGid: peer.gid, remoteGid: side.gid, localAckTimeout: 17 };
  pair.inject(side, pair.forge('REQ', { localCommId: 0x3333_3333, localQpn, localCaGuid, primaryPath }), peer.gid);
  expect(pair.wire).toEqual([]);
  const [answer] = pair.collect();
  expect(answer?.mad).toMatchObject({ message: 'REJ', fields: { reason: REJECT_REASONS.staleConnection } });
}

function expectNothingLeft({ pair }: Connection): void {
  expect(pair.leftovers()).toEqual([{}, {}]);
}

describe('in REP_MRA_RCVD', () => {
  test('the total time ends the wait that the MRA made longer, and the peer is told', () => {
    const place = repMraReceived(2_000);
    const { pair } = place;
    pair.elapse(2 * SECOND + 1_000);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'deadline' });
    expect(stateOf(place)).toBe('TIMEWAIT');
    expect(pair.take().mad).toMatchObject({ message: 'REJ', fields: { reason: REJECT_REASONS.timeout } });
    expectNothingLeft(place);
  });

  test('the consumer may still reject: both sides end in timewait', () => {
    const place = repMraReceived();
    const { pair, client, server } = place;
    pair.server.owner.sendRej(server, { reason: REJECT_REASONS.consumerReject }, pair.now);
    expect(stateOf(place)).toBe('TIMEWAIT');
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cid: client });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expectNothingLeft(place);
  });
});

describe('in REP_PREPARED_MRA_SENT', () => {
  test('a REJ ends it', () => {
    const place = repPrepared(reqMraSent());
    const { pair, client } = place;
    pair.client.owner.destroy(client, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('rej_received');
    expect(stateOf(place)).toBe('IDLE');
    expectNothingLeft(place);
  });

  test('a newcomer from the peer’s queue pair ends it', () => {
    const place = repPrepared(reqMraSent());
    newcomer(place);
    expect(place.side.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'stale' });
    expect(stateOf(place)).toBe('IDLE');
    expectNothingLeft(place);
  });

  test.each(['sendRej', 'destroy'] as const)('%s rejects', (call) => {
    const place = repPrepared(reqMraSent());
    const { pair, server } = place;
    if (call === 'sendRej') pair.server.owner.sendRej(server, { reason: REJECT_REASONS.consumerReject }, pair.now);
    else pair.server.owner.destroy(server, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad).toMatchObject({
      message: 'REJ',
      fields: { reason: REJECT_REASONS.consumerReject },
    });
    expectNothingLeft(place);
  });
});

describe.each(TALKING)('in %s', (state, reach) => {
  test('the consumer may disconnect', () => {
    const place = reach();
    const { pair, side, cid } = place;
    expect(stateOf(place)).toBe(state);
    side.owner.sendDreq(cid, {}, pair.now);
    expect(stateOf(place)).toBe('DREQ_SENT');
    pair.deliverAll();
    const told = pair.other(side).onlyEvent();
    expect(told.type).toBe('dreq_received');
    pair.other(side).owner.sendDrep(told.cid, {}, pair.now);
    pair.deliverAll();
    expect(side.onlyEvent().type).toBe('drep_received');
    expect(stateOf(place)).toBe('TIMEWAIT');
    expectNothingLeft(place);
  });

  test('the consumer may destroy it: the peer is asked to disconnect', () => {
    const place = reach();
    const { pair, side, cid } = place;
    side.owner.destroy(cid, pair.now);
    expect(() => stateOf(place)).toThrow(expect.objectContaining({ code: 'INVALID_CID' }));
    pair.deliverAll();
    expect(pair.other(side).onlyEvent().type).toBe('dreq_received');
    expectNothingLeft(place);
  });

  test('the peer may disconnect', () => {
    const place = reach();
    const { pair, side, cid, client, server } = place;
    const peer = pair.other(side);
    peer.owner.sendDreq(side === pair.client ? server : client, {}, pair.now);
    pair.deliverAll();
    expect(side.onlyEvent()).toMatchObject({ type: 'dreq_received', cid });
    expect(stateOf(place)).toBe('DREQ_RCVD');
    side.owner.sendDrep(cid, {}, pair.now);
    pair.deliverAll();
    expect(peer.onlyEvent().type).toBe('drep_received');
    expectNothingLeft(place);
  });

  test('a newcomer from the peer’s queue pair makes it disconnect', () => {
    const place = reach();
    const { pair, side } = place;
    newcomer(place);
    expect(stateOf(place)).toBe('DREQ_SENT');
    expect(pair.onWire()).toEqual(['REJ', 'DREQ']);
    pair.wire.shift();
    pair.deliverAll();
    expect(pair.other(side).onlyEvent().type).toBe('dreq_received');
    expectNothingLeft(place);
  });
});

describe('in LAP_MRA_RCVD', () => {
  test('a second MRA makes the wait longer again', () => {
    const place = atClient(delayed());
    const { pair } = place;
    const before = pair.client.manager.nextTimeout();
    pair.elapse(5 * SECOND);
    mra(place, pair.server);
    expect(stateOf(place)).toBe('LAP_MRA_RCVD');
    expect(pair.client.manager.nextTimeout()).toBeGreaterThan(before + 4 * SECOND);
    expectNothingLeft(place);
  });

  test('a REP that is repeated gets its RTU', () => {
    const place = atClient(delayed());
    const { pair } = place;
    pair.deliver(pair.first('REP'));
    expect(pair.take().mad).toMatchObject({ message: 'RTU', fields: pair.first('RTU').mad.fields });
    expect(stateOf(place)).toBe('LAP_MRA_RCVD');
    expectNothingLeft(place);
  });

  test('the total time ends the wait: the connection stands as before', () => {
    const place = atClient(delayed(2_000));
    const { pair } = place;
    pair.elapse(2 * SECOND + 1_000);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'lap_error', cause: 'deadline' });
    expect(stateOf(place)).toBe('ESTABLISHED');
    expectNothingLeft(place);
  });
});

describe('in LAP_MRA_SENT', () => {
  test('the consumer may ask for more time', () => {
    const place = atServer(delayed());
    mra(place, place.side);
    expect(stateOf(place)).toBe('LAP_MRA_SENT');
    expectNothingLeft(place);
  });

  test.each(['sendApr', 'sendFormatted'] as const)(
    'the consumer answers by %s, and both sides have the path',
    (call) => {
      const place = atServer(delayed());
      const { pair, client, server } = place;
      if (call === 'sendFormatted') pair.server.owner.formatApr(server, {}, pair.now);
      if (call === 'sendFormatted') pair.server.owner.sendFormatted(server, pair.now);
      else pair.server.owner.sendApr(server, {}, pair.now);
      expect(stateOf(place)).toBe('ESTABLISHED');
      pair.deliverAll();
      expect(pair.client.onlyEvent()).toMatchObject({ type: 'apr_received', cid: client });
      expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
      pair.client.owner.migrate(client, pair.now);
      pair.server.owner.migrate(server, pair.now);
      expectNothingLeft(place);
    },
  );
});

describe('what the queue pair needs is known', () => {
  const places: readonly [State, () => Place][] = [
    ['REQ_MRA_SENT', reqMraSent],
    ['REP_PREPARED', repPrepared],
    ['REP_PREPARED_MRA_SENT', () => repPrepared(reqMraSent())],
    ['REP_MRA_RCVD', repMraReceived],
    ['REP_MRA_SENT', () => atClient(repMraReceived())],
    ...TALKING,
  ];
  test.each(places)('in %s', (state, reach) => {
    const place = reach();
    const { pair, side, cid } = place;
    expect(stateOf(place)).toBe(state);
    const destinationQpn = side === pair.client ? 0x200 : 0x100;
    const path = { localGid: side.gid, remoteGid: pair.other(side).gid };
    expect(side.owner.getQpAttr(cid, 'INIT', pair.now)).toEqual({ state: 'INIT', pKey: 0xffff, port: 1 });
    expect(side.owner.getQpAttr(cid, 'RTR', pair.now)).toMatchObject({ state: 'RTR', destinationQpn, path });
    expect(side.owner.getQpAttr(cid, 'RTS', pair.now)).toMatchObject({ state: 'RTS', retryCount: 7 });
    expect(stateOf(place)).toBe(state);
    expectNothingLeft(place);
  });
});
