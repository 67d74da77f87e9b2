import { describe, expect, test } from 'vitest';
import type { TimingPolicy } from '../../src/cep/index.js';
import { expectPeriodic, exponent, moments, TICK } from './moments.js';
import { known, Pair } from './pair.js';

const path = (pair: Pair, packetLife: number): object => ({
  path: { localGid: pair.client.gid, remoteGid: pair.server.gid, packetLife },
});

describe('a REQ without an answer', () => {
  test.each([
    [16, 20, 15],
    [14, 18, 2],
    [0, 0, 0],
    [20, 22, 1],
  ])(
    'packet life %i, response timeout %i, %i retries: at every 2 × packet life + response timeout, then REJ',
    (life, response, retries) => {
      const pair = new Pair();
      const client = pair.client.owner.create();
      const overrides = { ...path(pair, life), remoteCmResponseTimeout: response, maxCmRetries: retries };
      pair.client.owner.sendReq(client, pair.request(overrides), pair.now);
      const seen = moments(pair);
      expect(seen.map(({ message }) => message)).toEqual([...Array.from({ length: retries + 1 }, () => 'REQ'), 'REJ']);
      expectPeriodic(seen, 2 * exponent(life) + exponent(response));
      expect(pair.client.onlyEvent()).toMatchObject({
        type: 'req_error',
        cause: 'retriesExhausted',
        transmissions: retries + 1,
        mad: undefined,
      });
      expect(pair.client.owner.state(client)).toBe('IDLE');
    },
  );

  test('ends with a REJ that names us: reason 4, message 2, our CA GUID, no remote comm ID', () => {
    const pair = new Pair();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ maxCmRetries: 0 }), pair.now);
    const req = known('REQ', pair.take());
    pair.advanceToTransmission();
    const { mad } = known('REJ', pair.take());
    expect(mad.header.transactionId).toBe(req.mad.header.transactionId);
    expect(mad.fields).toMatchObject({
      localCommId: req.mad.fields.localCommId,
      remoteCommId: 0,
      reason: 4,
      messageRejected: 2,
      rejectInfoLength: 8,
    });
    expect([...mad.fields.additionalRejectInformation.slice(0, 9)]).toEqual([0, 0, 0, 0, 0, 0, 0x11, 0x11, 0]);
  });

  test('that reached the server all the same: the REJ clears it there', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested({ maxCmRetries: 0 });
    pair.advanceToTransmission();
    pair.deliverAll();
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rej_received', cid: server });
    expect(pair.server.owner.state(server)).toBe('IDLE');
  });
});

describe('a REP without an answer', () => {
  test.each([
    [16, 20, 3],
    [14, 17, 0],
  ])(
    'packet life %i, response timeout %i, %i retries: likewise with what the REQ said, then REJ and timewait',
    (life, response, retries) => {
      const pair = new Pair();
      pair.listen();
      const overrides = { ...path(pair, life), localCmResponseTimeout: response, maxCmRetries: retries };
      const { client, server } = pair.requested(overrides);
      const req = pair.first('REQ');
      pair.client.owner.destroy(client, pair.now);
      pair.loseAll();
      pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
      const ids = known('REP', pair.take()).mad.fields;
      pair.sent.length = 0;
      const seen = [{ at: 0, message: 'REP' }, ...moments(pair)];
      expect(seen.map(({ message }) => message)).toEqual([...Array.from({ length: retries + 1 }, () => 'REP'), 'REJ']);
      const ackTimeout = req.mad.fields.primaryPath.localAckTimeout;
      expectPeriodic(seen, 2 * exponent(ackTimeout - 1) + exponent(response));
      const rej = pair.last('REJ').mad;
      expect(rej.fields).toMatchObject({
        localCommId: ids.localCommId,
        remoteCommId: ids.remoteCommId,
        reason: 4,
        messageRejected: 2,
        rejectInfoLength: 8,
      });
      expect(rej.header.transactionId).toBe(req.mad.header.transactionId);
      expect(pair.server.events()).toMatchObject([
        { type: 'rep_error', cause: 'retriesExhausted', transmissions: retries + 1 },
        { type: 'timewait_exit' },
      ]);
      expect(pair.leftovers()).toEqual([{}, {}]);
    },
  );

  test('that reached the client all the same: the REJ ends what it has', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied({ maxCmRetries: 1 });
    pair.client.owner.sendRtu(client, {}, pair.now);
    expect(pair.loseAll()).toEqual(['RTU']);
    for (let next = pair.advanceToTransmission(); !next.includes('REJ'); next = pair.advanceToTransmission())
      pair.loseAll();
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rej_received');
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  });
});

describe('a DREQ without an answer', () => {
  test.each(['client', 'server'] as const)('of the %s is repeated likewise, then timewait without a REJ', (name) => {
    const pair = new Pair();
    pair.listen();
    const overrides = {
      ...path(pair, 14),
      remoteCmResponseTimeout: 17,
      localCmResponseTimeout: 18,
      maxCmRetries: 2,
    };
    const { [name]: cid } = pair.established(overrides);
    pair[name].owner.sendDreq(cid, {}, pair.now);
    const seen = moments(pair);
    expect(seen.map(({ message }) => message)).toEqual(['DREQ', 'DREQ', 'DREQ']);
    // The ACK timeout of packet life 14 is 16: the server takes it for twice a packet life of 15.
    expectPeriodic(seen, name === 'client' ? 2 * exponent(14) + exponent(17) : 2 * exponent(15) + exponent(18));
    expect(pair[name].events()).toMatchObject([
      { type: 'dreq_error', cause: 'retriesExhausted', transmissions: 3 },
      { type: 'timewait_exit' },
    ]);
  });
});

describe('a timing policy', () => {
  const policy: TimingPolicy = { responseTimeout: 1_000 as never, retries: 4 };

  test('of a REQ counts in microseconds, whatever the exponents say', () => {
    const pair = new Pair();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ timing: policy }), pair.now);
    const seen = moments(pair);
    expect(seen.map(({ message }) => message)).toEqual(['REQ', 'REQ', 'REQ', 'REQ', 'REQ', 'REJ']);
    expectPeriodic(seen, 1_000);
  });

  test('of a REP, and of a DREQ, likewise', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, timing: policy }, pair.now);
    pair.deliverAll();
    const client = pair.client.onlyEvent().cid;
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    pair.server.onlyEvent();
    pair.client.owner.sendDreq(client, { timing: { ...policy, retries: 1 } }, pair.now);
    expectPeriodic(moments(pair), 1_000);
    expect(pair.client.event()).toMatchObject({ type: 'dreq_error', transmissions: 2 });
    // Without one of its own, the server's DREQ goes by the policy of its REP.
    pair.server.owner.sendDreq(server, {}, pair.now);
    const seen = moments(pair);
    expect(seen).toHaveLength(5);
    expectPeriodic(seen, 1_000);
  });

  test('ends everything at its deadline, within a tick, whatever the retries say', () => {
    const pair = new Pair();
    const client = pair.client.owner.create();
    const timing = { ...policy, retries: 200, deadline: 5_500 as never };
    pair.client.owner.sendReq(client, pair.request({ timing }), pair.now);
    const seen = moments(pair);
    const last = seen.at(-1);
    expect(last?.message).toBe('REJ');
    expect(last?.at).toBeGreaterThanOrEqual(5_500);
    expect(last?.at).toBeLessThan(5_500 + TICK);
    expect(seen.filter(({ message }) => message === 'REQ').length).toBeLessThanOrEqual(6);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error', cause: 'deadline' });
    expect(pair.client.manager.usage()).toMatchObject({ timers: 0, timings: 0 });
  });

  test('ends a REP, and a DREQ, at its deadline', () => {
    const pair = new Pair();
    pair.listen();
    const timing = { ...policy, retries: 200, deadline: 5_500 as never };
    const { client, server } = pair.requested();
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, timing }, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.loseAll();
    pair.elapse(5_500 + TICK);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'deadline' });
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
    pair.loseAll();
    pair.client.owner.sendDreq(client, { timing }, pair.now);
    pair.loseAll();
    pair.elapse(5_499);
    expect(pair.client.owner.state(client)).toBe('DREQ_SENT');
    pair.elapse(1 + TICK);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'dreq_error', cause: 'deadline' });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.client.manager.usage().timers).toBe(1);
  });

  test('stops counting as soon as the answer is there', () => {
    const pair = new Pair();
    pair.listen();
    const timing = { ...policy, deadline: 3_000_000 as never };
    const { client } = pair.replied({ timing });
    expect(pair.client.manager.usage().timers).toBe(0);
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    pair.elapse(10_000_000);
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
  });

  test('is the manager’s own copy: what becomes of the consumer’s object changes nothing', () => {
    const pair = new Pair();
    const timing = { responseTimeout: 1_000 as never, retries: 2 };
    const first = pair.client.owner.create();
    pair.client.owner.sendReq(first, pair.request({ timing }), pair.now);
    timing.retries = 9;
    const second = pair.client.owner.create();
    pair.client.owner.sendReq(second, pair.request({ qpn: 0x101, timing }), pair.now);
    const seen = moments(pair).filter(({ message }) => message === 'REQ');
    expect(seen).toHaveLength(3 + 10);
    expect(pair.client.manager.usage().timings).toBe(0);
  });
});

describe('an MRA', () => {
  test('extends this one wait to service timeout + 2 × packet life; later retries use the normal time', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested({ maxCmRetries: 2 });
    pair.elapse(1_000_000);
    const start = pair.now;
    pair.server.owner.sendMra(server, { serviceTimeout: 22 }, pair.now);
    pair.deliverAll();
    const seen = moments(pair);
    const extended = exponent(22) + 2 * exponent(16);
    const normal = exponent(20) + 2 * exponent(16);
    expect(seen.map(({ message }) => message)).toEqual(['REQ', 'REQ', 'REJ']);
    [extended, extended + normal, extended + 2 * normal].forEach((expected, index) => {
      expect(seen[index]?.at).toBeGreaterThanOrEqual(expected);
      expect(seen[index]?.at).toBeLessThanOrEqual(expected + (index + 1) * TICK);
    });
    expect(pair.client.events().map(({ type }) => type)).toEqual(['mra_received', 'req_error']);
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(start).toBeGreaterThan(0);
  });

  test('leads back to REQ_SENT when its wait is over, and a second one extends again', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    for (const state of ['REQ_SENT', 'REQ_MRA_RCVD']) {
      expect(pair.client.owner.state(client)).toBe(state);
      pair.server.owner.sendMra(server, { serviceTimeout: 22 }, pair.now);
      pair.deliverAll();
      pair.elapse(exponent(22));
    }
    expect(pair.client.owner.state(client)).toBe('REQ_MRA_RCVD');
    expect(pair.onWire()).toEqual([]);
    pair.elapse(2 * exponent(16) + TICK);
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.onWire()).toEqual(['REQ']);
  });

  test('extends the wait for an RTU likewise', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    pair.client.owner.sendMra(client, { serviceTimeout: 23 }, pair.now);
    pair.deliverAll();
    pair.elapse(exponent(23) + 2 * exponent(16) - 1);
    expect(pair.server.owner.state(server)).toBe('REP_MRA_RCVD');
    expect(pair.onWire()).toEqual([]);
    pair.elapse(1 + TICK);
    expect(pair.onWire()).toEqual(['REP']);
    expect(pair.server.owner.state(server)).toBe('REP_SENT');
    pair.wire.length = 0;
    pair.elapse(exponent(20) + 2 * exponent(16) + TICK);
    expect(pair.onWire()).toEqual(['REP']);
  });

  test('does not move the deadline', () => {
    const pair = new Pair();
    pair.listen();
    const timing = { responseTimeout: 1_000_000 as never, retries: 3, deadline: 2_000_000 as never };
    const { client, server } = pair.requested({ timing });
    pair.server.owner.sendMra(server, { serviceTimeout: 24 }, pair.now);
    pair.deliverAll();
    pair.elapse(2_000_000 + TICK);
    expect(pair.client.events().map(({ cause }) => cause)).toEqual(['message', 'deadline']);
    expect(pair.client.owner.state(client)).toBe('IDLE');
  });

  test('after MRA cannot make us wait for ever: together they add at most 1,100 seconds', () => {
    for (const serviceTimeout of [31, 26]) {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.requested({ maxCmRetries: 1 });
      let state = pair.client.owner.state(client);
      for (let second = 0; second < 3_000 && state !== 'IDLE'; second += 1) {
        if (pair.server.owner.state(server).startsWith('REQ'))
          pair.server.owner.sendMra(server, { serviceTimeout }, pair.now);
        pair.deliverAll();
        pair.client.events();
        pair.elapse(1_000_000);
        state = pair.client.owner.state(client);
      }
      const normal = 2 * (exponent(20) + 2 * exponent(16));
      expect(pair.now).toBeGreaterThan(1_100_000_000);
      expect(pair.now).toBeLessThan(1_100_000_000 + normal + 2_000_000);
    }
  });

  test('may add as much again to the wait for the next answer', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.sendMra(server, { serviceTimeout: 31 }, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    pair.deliverAll();
    pair.server.owner.sendMra(pair.server.onlyEvent().cid, { serviceTimeout: 31 }, pair.now);
    pair.deliverAll();
    pair.elapse(1_100_000_000);
    expect(pair.client.owner.state(client)).toBe('REQ_MRA_RCVD');
  });

  test('is told to the consumer while there is room among its events, and counted when there is not', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    for (let time = 0; time < 7; time += 1) pair.server.owner.sendMra(server, {}, pair.now);
    pair.deliverAll();
    expect(pair.client.drops()).toEqual({ eventsUnread: 3 });
    expect(pair.client.events().map(({ type }) => type)).toEqual(Array.from({ length: 4 }, () => 'mra_received'));
    expect(pair.client.owner.state(client)).toBe('REQ_MRA_RCVD');
  });
});

describe('timewait lasts', () => {
  function timewait(pair: Pair, name: 'client' | 'server'): number {
    const start = pair.now;
    while (pair[name].events().every(({ type }) => type !== 'timewait_exit') && pair.advance());
    return pair.now - start;
  }

  test.each([
    [16, 15],
    [18, 10],
    [12, 20],
  ])('2 × packet life + the peer’s ACK delay at the client: packet life %i, delay %i', (life, targetAckDelay) => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested(path(pair, life));
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, targetAckDelay }, pair.now);
    pair.deliverAll();
    pair.client.owner.sendRej(client, { reason: 28 }, pair.now);
    const expected = 2 * exponent(life) + exponent(targetAckDelay);
    const length = timewait(pair, 'client');
    expect(length).toBeGreaterThanOrEqual(expected);
    expect(length).toBeLessThanOrEqual(expected + 2 * TICK);
  });

  test('the ACK timeout of the REQ at the server, which is the same sum', () => {
    const pair = new Pair();
    pair.listen();
    const localAckTimeout = 19;
    const { server } = pair.replied({
      path: { localGid: pair.client.gid, remoteGid: pair.server.gid, localAckTimeout },
    });
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    const length = timewait(pair, 'server');
    expect(length).toBeGreaterThanOrEqual(exponent(19));
    expect(length).toBeLessThanOrEqual(exponent(19) + 2 * TICK);
  });
});

describe('the driver', () => {
  test('may call too early, too often and too late', () => {
    const pair = new Pair();
    const { client } = pair;
    client.owner.sendReq(client.owner.create(), pair.request({ maxCmRetries: 2 }), pair.now);
    pair.loseAll();
    const next = client.manager.nextTimeout();
    for (const at of [0, next - 1, 0]) client.manager.handleTimeout(at as never);
    expect(pair.onWire()).toEqual([]);
    client.manager.handleTimeout((next + 60_000_000) as never);
    client.manager.handleTimeout((next + 60_000_000) as never);
    expect(pair.onWire()).toEqual(['REQ']);
    expect(client.manager.nextTimeout()).toBeGreaterThan(next + 60_000_000);
  });

  test('may have a clock that counts from 1970', () => {
    const pair = new Pair();
    pair.now = 1.78e15 as never;
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ maxCmRetries: 1 }), pair.now);
    const seen = moments(pair);
    expect(seen).toHaveLength(3);
    expectPeriodic(seen, exponent(20) + 2 * exponent(16));
  });
});
