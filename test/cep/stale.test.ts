import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { Pair, Side } from './pair.js';

/** A peer that has forgotten a connection, as after a crash, comes back with the same queue pair. */

/** Lets a restarted client, same address and adapter, ask for a connection from the same queue pair. */
function comeBack(pair: Pair): { reborn: Side; cid: Cid; deliver: () => void } {
  const reborn = new Side('10.0.0.1', 0x1111n, 77, {});
  const cid = reborn.owner.create();
  reborn.owner.sendReq(cid, pair.request(), pair.now);
  return { reborn, cid, deliver: () => deliverFrom(pair, reborn, pair.server) };
}

function deliverFrom(pair: Pair, from: Side, to: Side): void {
  for (const bytes of from.transmits()) pair.inject(to, bytes, from.gid);
}

test('a client that crashed and came back is refused once, the old connection is cleared, and then it is welcome', () => {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.established();
  const { reborn, cid, deliver } = comeBack(pair);
  deliver();
  pair.collect();
  expect(pair.wire.map(({ mad }) => mad.message)).toEqual(['REJ', 'DREQ']);
  const [rej, dreq] = pair.wire.splice(0);
  expect(rej?.mad.fields).toMatchObject({ reason: 10, messageRejected: 0 });
  expect(pair.server.owner.state(server)).toBe('DREQ_SENT');
  expect(pair.server.events()).toEqual([]);
  for (const flight of [rej, dreq]) if (flight) pair.inject(reborn, flight.bytes, pair.server.gid);
  expect(reborn.onlyEvent()).toMatchObject({ type: 'rej_received', cid });
  expect(reborn.owner.state(cid)).toBe('TIMEWAIT');
  // The DREQ is for a connection that nobody there remembers: answered all the same.
  deliver();
  // Nobody there called for a disconnect: the event says why there was one, and has the DREP all the same.
  expect(pair.server.onlyEvent()).toMatchObject({ type: 'drep_received', cause: 'stale', mad: { message: 'DREP' } });
  expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  while (pair.advance());
  reborn.manager.handleTimeout(pair.now);
  expect(reborn.owner.state(cid)).toBe('IDLE');
  reborn.owner.sendReq(cid, pair.request(), pair.now);
  deliver();
  expect(pair.server.events().map(({ type }) => type)).toEqual(['timewait_exit', 'req_received']);
});

test('a disconnect that was called for ends as such, though the peer came back meanwhile', () => {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.established();
  pair.server.owner.sendDreq(server, {}, pair.now);
  const dreq = pair.take();
  const { reborn, deliver } = comeBack(pair);
  deliver();
  pair.loseAll();
  pair.inject(reborn, dreq.bytes, pair.server.gid);
  deliver();
  expect(pair.server.onlyEvent()).toMatchObject({ type: 'drep_received', cause: 'message', mad: { message: 'DREP' } });
});

test('the old connection’s consumer learns the reason if the DREQ stays unanswered', () => {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.established();
  comeBack(pair).deliver();
  pair.exhaust();
  expect(pair.server.events()).toMatchObject([
    { type: 'dreq_error', cause: 'stale', cid: server },
    { type: 'timewait_exit' },
  ]);
  expect(pair.leftovers()).toEqual([{}, {}]);
});

describe('the old connection, not yet established, is aborted and its consumer told', () => {
  const states: [string, string, (pair: Pair) => { server: Cid }][] = [
    ['REQ_RCVD', 'IDLE', (pair) => pair.requested()],
    [
      'REQ_MRA_SENT',
      'IDLE',
      (pair) => {
        const both = pair.requested();
        pair.server.owner.sendMra(both.server, {}, pair.now);
        return both;
      },
    ],
    ['REP_SENT', 'TIMEWAIT', (pair) => pair.replied()],
    [
      'REP_MRA_RCVD',
      'TIMEWAIT',
      (pair) => {
        const both = pair.replied();
        pair.delay(pair.client, both.client);
        return both;
      },
    ],
  ];
  test.each(states)('in %s it ends in %s', (state, end, reach) => {
    const pair = new Pair();
    pair.listen();
    const { server } = reach(pair);
    pair.loseAll();
    expect(pair.server.owner.state(server)).toBe(state);
    comeBack(pair).deliver();
    // Where a REP went out, its receiver is told as well: the newcomer may be an old REQ that was late.
    expect(pair.loseAll()).toEqual(end === 'IDLE' ? ['REJ'] : ['REJ', 'REJ']);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'stale', cid: server });
    expect(pair.server.owner.state(server)).toBe(end);
    expect(pair.server.manager.usage().timers).toBe(end === 'IDLE' ? 0 : 1);
    // The next attempt finds nothing in its way.
    comeBack(pair).deliver();
    expect(pair.server.drops()).toEqual({});
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('a client that finds its own peer coming back', () => {
  test.each(['REP_RCVD', 'REP_MRA_SENT'])('in %s aborts', (state) => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.replied();
    if (state === 'REP_MRA_SENT') pair.client.owner.sendMra(client, {}, pair.now);
    pair.loseAll();
    const request = pair.request({
      path: { localGid: pair.server.gid, remoteGid: pair.client.gid },
      qpn: 0x200,
    });
    const reborn = new Side('10.0.0.2', 0x2222n, 88, {});
    reborn.owner.sendReq(reborn.owner.create(), request, pair.now);
    deliverFrom(pair, reborn, pair.client);
    expect(pair.loseAll()).toEqual(['REJ', 'REJ']);
    expect(pair.client.onlyEvent()).toMatchObject({ cause: 'stale' });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
  });
});

describe('while the old connection is ending', () => {
  test('each attempt is refused, and changes nothing', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.disconnecting();
    for (let time = 0; time < 2; time += 1) {
      comeBack(pair).deliver();
      expect(pair.loseAll()).toEqual(['REJ']);
      expect(pair.server.owner.state(server)).toBe('DREQ_RCVD');
      expect(pair.server.events()).toEqual([]);
    }
    pair.server.owner.sendDrep(server, {}, pair.now);
    pair.loseAll();
    comeBack(pair).deliver();
    expect(pair.server.onlyEvent().type).toBe('req_received');
  });

  test('in DREQ_SENT too', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.established();
    pair.server.owner.sendDreq(server, {}, pair.now);
    pair.loseAll();
    comeBack(pair).deliver();
    expect(pair.loseAll()).toEqual(['REJ']);
    expect(pair.server.owner.state(server)).toBe('DREQ_SENT');
  });
});

test('before any listener is looked for: a stale queue pair is refused as such even if nothing listens any more', () => {
  const pair = new Pair();
  const listener = pair.listen();
  pair.established();
  pair.server.owner.destroy(listener, pair.now);
  comeBack(pair).deliver();
  pair.collect();
  expect(pair.wire[0]?.mad.fields).toMatchObject({ reason: 10 });
});

test('a REQ that names the queue pair of a connection from another address does it no harm', () => {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.established();
  const stranger = new Side('10.0.0.66', 0x1111n, 99, {});
  const path = { localGid: stranger.gid, remoteGid: pair.server.gid };
  stranger.owner.sendReq(stranger.owner.create(), pair.request({ path }), pair.now);
  deliverFrom(pair, stranger, pair.server);
  expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
  expect(pair.server.onlyEvent().type).toBe('req_received');
});
