import { describe, expect, test } from 'vitest';
import type { Cid, Duration } from '../../src/base/index.js';
import type { CmPath, LapParameters } from '../../src/cep/index.js';
import { expectPeriodic, exponent, moments, TICK } from './moments.js';
import { detour, type Flight, known, Pair, type Side } from './pair.js';

/** LAP, APR and migration: a second path for a connection that stands. */

interface Connection {
  readonly pair: Pair;
  readonly client: Cid;
  readonly server: Cid;
}

function established(): Connection {
  const pair = new Pair();
  pair.listen();
  return { pair, ...pair.established() };
}

function propose({ pair, client }: Connection, overrides: Partial<LapParameters> = {}): void {
  pair.client.owner.sendLap(client, { path: detour(pair), ...overrides }, pair.now);
}

/** A connection whose server has been told of a proposal. */
function proposed(overrides: Partial<LapParameters> = {}): Connection {
  const all = established();
  propose(all, overrides);
  all.pair.deliverAll();
  all.pair.server.onlyEvent();
  return all;
}

function accepted(overrides: Partial<LapParameters> = {}): Connection {
  const all = proposed(overrides);
  all.pair.server.owner.sendApr(all.server, {}, all.pair.now);
  all.pair.deliverAll();
  all.pair.client.onlyEvent();
  return all;
}

/** Delivers a message along the other path. */
function deliverByDetour(pair: Pair, { to, bytes }: Flight): void {
  const { localGid, remoteGid } = detour(pair);
  if (to === pair.server) pair.inject(to, bytes, localGid, remoteGid);
  else pair.inject(to, bytes, remoteGid, localGid);
}

const alternateOf = (pair: Pair, side: Side, cid: Cid): object | undefined =>
  side.owner.getQpAttr(cid, 'RTR', pair.now).alternatePath;

describe('a LAP', () => {
  test('names both comm IDs, the peer’s queue pair and the path, and is told to the peer', () => {
    const all = established();
    const { pair, server } = all;
    const path: CmPath = { ...detour(pair), trafficClass: 3, flowLabel: 0xabcde, packetRate: 5, sl: 2, hopLimit: 9 };
    propose(all, { path, privateData: Uint8Array.of(1) });
    const lap = known('LAP', pair.take());
    const { localCommId, remoteCommId } = pair.first('RTU').mad.fields;
    expect(lap.mad.fields).toMatchObject({
      localCommId,
      remoteCommId,
      remoteQpnEecn: 0x200,
      remoteCmResponseTimeout: 20,
      alternatePath: {
        localLid: 0xffff,
        remoteLid: 0xffff,
        localGid: path.localGid,
        remoteGid: path.remoteGid,
        flowLabel: 0xabcde,
        trafficClass: 3,
        hopLimit: 9,
        packetRate: 5,
        sl: 2,
        localAckTimeout: 17,
      },
    });
    pair.deliver(lap);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'lap_received', cid: server, mad: lap.mad });
    expect(pair.server.owner.state(server)).toBe('LAP_RCVD');
    expect(alternateOf(pair, pair.server, server)).toBeUndefined();
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that is accepted gives both sides the path; the APR is in the LAP’s transaction', () => {
    const { pair, client, server } = accepted();
    const { localGid, remoteGid } = detour(pair);
    const apr = pair.last('APR');
    expect(apr.mad.header.transactionId).toBe(pair.first('LAP').mad.header.transactionId);
    expect(apr.mad.fields).toMatchObject({ apStatus: 0, additionalInformationLength: 0 });
    const marks = { port: 1, trafficClass: 0, sourcePort: 0 };
    expect(alternateOf(pair, pair.client, client)).toEqual({ localGid, remoteGid, ...marks });
    expect(alternateOf(pair, pair.server, server)).toEqual({ localGid: remoteGid, remoteGid: localGid, ...marks });
    for (const side of [pair.client, pair.server]) expect(side.manager.usage().paths).toBeLessThanOrEqual(3);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that is refused leaves the path that there was', () => {
    const all = accepted();
    const { pair, client, server } = all;
    const before = [alternateOf(pair, pair.client, client), alternateOf(pair, pair.server, server)];
    propose(all, { path: { localGid: pair.client.gid, remoteGid: new Uint8Array(16).fill(7) } });
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('lap_received');
    const refusal = { status: 8, additionalInformation: Uint8Array.of(1, 2, 3) };
    pair.server.owner.sendApr(server, refusal, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ apStatus: 8, additionalInformationLength: 3 });
    expect([alternateOf(pair, pair.client, client), alternateOf(pair, pair.server, server)]).toEqual(before);
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
    expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('may be answered by an APR that was prepared', () => {
    const { pair, client, server } = proposed();
    pair.server.owner.formatApr(server, { status: 0 }, pair.now);
    expect(pair.onWire()).toEqual([]);
    expect(alternateOf(pair, pair.server, server)).toBeUndefined();
    pair.server.owner.sendFormatted(server, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('apr_received');
    expect(alternateOf(pair, pair.server, server)).toBeDefined();
    expect(alternateOf(pair, pair.client, client)).toBeDefined();
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that is repeated is dropped until it is answered; then it is a proposal again', () => {
    const { pair, server } = proposed();
    const lap = pair.first('LAP');
    pair.deliver(lap);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
    pair.server.owner.sendApr(server, {}, pair.now);
    pair.loseAll();
    pair.deliver(lap);
    expect(pair.server.onlyEvent().type).toBe('lap_received');
    pair.server.owner.sendApr(server, {}, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('apr_received');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that is repeated after an MRA gets the MRA again, while an APR is prepared as well', () => {
    const { pair, server } = proposed();
    const lap = pair.first('LAP');
    pair.server.owner.sendMra(server, { serviceTimeout: 21, privateData: Uint8Array.of(4) }, pair.now);
    const mra = known('MRA', pair.take());
    expect(mra.mad.fields).toMatchObject({ messageMraed: 2, serviceTimeout: 21 });
    pair.deliver(lap);
    expect(pair.take().bytes).toEqual(mra.bytes);
    pair.server.owner.formatApr(server, {}, pair.now);
    pair.deliver(lap);
    expect(pair.take().bytes).toEqual(mra.bytes);
    expect(pair.server.manager.counters.duplicates.LAP).toBe(2);
    pair.server.owner.sendFormatted(server, pair.now);
    pair.deliverAll();
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('comes from the side that connected, and is dropped there', () => {
    const { pair, client, server } = established();
    const call = (): void => pair.server.owner.sendLap(server, { path: detour(pair) }, pair.now);
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }));
    const { localCommId, remoteCommId } = pair.first('REP').mad.fields;
    const lap = pair.forge('LAP', { localCommId, remoteCommId, remoteQpnEecn: 0x100 });
    pair.inject(pair.client, lap, pair.server.gid);
    expect(pair.client.drops()).toEqual({ unexpected: 1 });
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
  });

  test('whose consumer does not read is dropped, and comes through when there is room', () => {
    const all = established();
    const { pair, server } = all;
    const { localCommId, remoteCommId } = pair.first('RTU').mad.fields;
    const lap = (side: number): Uint8Array =>
      pair.forge('LAP', { localCommId, remoteCommId, remoteQpnEecn: 0x200, alternatePath: { sl: side } });
    for (let each = 0; each < 6; each += 1) {
      pair.inject(pair.server, lap(each), pair.client.gid);
      if (pair.server.owner.state(server) === 'LAP_RCVD') pair.server.owner.sendApr(server, { status: 3 }, pair.now);
    }
    expect(pair.server.drops()).toEqual({ eventsUnread: 2 });
    pair.server.events();
    pair.inject(pair.server, lap(9), pair.client.gid);
    expect(pair.server.onlyEvent().type).toBe('lap_received');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test.each(['REP_SENT', 'REP_MRA_RCVD'])('proves in %s that the RTU was lost: the connection stands', (state) => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    if (state === 'REP_MRA_RCVD') pair.delay(pair.client, client);
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.loseAll();
    propose({ pair, client, server });
    expect(pair.server.owner.state(server)).toBe(state);
    pair.deliverAll();
    expect(pair.server.events()).toMatchObject([
      { type: 'rtu_received', cause: 'established', mad: undefined },
      { type: 'lap_received', cause: 'message' },
    ]);
    expect(pair.server.owner.state(server)).toBe('LAP_RCVD');
    // Nothing waits for an RTU any more.
    expect(pair.server.manager.usage()).toMatchObject({ timers: 0, mads: 0 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('establishes even if the consumer’s events leave no room for the proposal itself', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    for (let each = 0; each < 5; each += 1) pair.client.owner.sendMra(client, {}, pair.now);
    pair.deliverAll();
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.loseAll();
    propose({ pair, client, server });
    pair.deliverAll();
    expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
    expect(pair.server.drops()).toEqual({ eventsUnread: 2 });
    expect(pair.server.events().at(-1)).toMatchObject({ type: 'rtu_received', cause: 'established' });
    pair.advanceToTransmission();
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('lap_received');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('a LAP without an answer', () => {
  test('is repeated like a REQ, then the connection goes on without the path', () => {
    const all = established();
    const { pair, client } = all;
    propose(all);
    const seen = moments(pair);
    expect(seen.map(({ message }) => message)).toEqual(Array.from({ length: 16 }, () => 'LAP'));
    expectPeriodic(seen, 2 * exponent(16) + exponent(20));
    const error = { type: 'lap_error', cause: 'retriesExhausted', transmissions: 16, cid: client };
    expect(pair.client.onlyEvent()).toMatchObject(error);
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
    expect(alternateOf(pair, pair.client, client)).toBeUndefined();
    expect(pair.client.manager.usage()).toMatchObject({ mads: 0, timers: 0, paths: 1 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('ends at the deadline of its policy', () => {
    const all = established();
    const { pair, client } = all;
    const timing = { responseTimeout: 1_000 as Duration, retries: 9, deadline: 3_500 as Duration };
    propose(all, { timing });
    expectPeriodic(moments(pair), 1_000);
    expect(pair.now).toBeGreaterThanOrEqual(3_500);
    expect(pair.now).toBeLessThan(3_500 + TICK);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'lap_error', cause: 'deadline', transmissions: 4 });
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('waits once as long as the peer’s MRA asks, then as usual', () => {
    const all = established();
    const { pair, client, server } = all;
    propose(all);
    pair.deliverAll();
    pair.server.owner.sendMra(server, { serviceTimeout: 22 }, pair.now);
    pair.deliverAll();
    expect(pair.client.owner.state(client)).toBe('LAP_MRA_RCVD');
    expect(pair.client.onlyEvent().type).toBe('mra_received');
    const seen = moments(pair);
    const wait = exponent(22) + 2 * exponent(16);
    expect(seen[0]?.at).toBeGreaterThanOrEqual(wait);
    expect(seen[0]?.at).toBeLessThan(wait + TICK);
    expect((seen[1]?.at ?? 0) - (seen[0]?.at ?? 0)).toBeCloseTo(2 * exponent(16) + exponent(20), -4);
    expect(seen).toHaveLength(15);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('a late APR for it is dropped', () => {
    const all = proposed({ timing: { responseTimeout: 1_000 as Duration, retries: 0 } });
    const { pair, client } = all;
    pair.server.owner.sendApr(all.server, {}, pair.now);
    const apr = pair.take();
    pair.elapse(2_000);
    expect(pair.client.onlyEvent().type).toBe('lap_error');
    pair.deliver(apr);
    expect(pair.client.drops()).toEqual({ unexpected: 1 });
    expect(alternateOf(pair, pair.client, client)).toBeUndefined();
  });
});

describe('a REP that is repeated after a LAP', () => {
  test('gets an RTU in its own transaction, and the LAP is repeated in its own', () => {
    const all = established();
    const { pair } = all;
    propose(all);
    const lap = pair.take();
    pair.deliver(pair.first('REP'));
    const rtu = known('RTU', pair.take());
    expect(rtu.mad.header.transactionId).toBe(pair.first('REQ').mad.header.transactionId);
    pair.advanceToTransmission();
    expect(pair.take().bytes).toEqual(lap.bytes);
  });
});

describe('ending a connection', () => {
  test.each(['LAP_SENT', 'LAP_MRA_RCVD', 'LAP_RCVD', 'LAP_MRA_SENT', 'APR_PREPARED', 'APR_PREPARED_MRA_SENT'])(
    'in %s by DREQ, by REJ, by the peer’s DREQ and by destroying leaves nothing',
    (state) => {
      const active = /SENT$|RCVD$/.test(state) && /^LAP_(SENT|MRA_RCVD)$/.test(state);
      const ways: ((all: Connection, side: Side, cid: Cid) => void)[] = [
        ({ pair }, { owner }, cid) => owner.sendDreq(cid, {}, pair.now),
        ({ pair }, { owner }, cid) => owner.destroy(cid, pair.now),
        (all, side) => {
          const { pair } = all;
          const other = pair.other(side);
          other.owner.sendDreq(other === pair.client ? all.client : all.server, {}, pair.now);
        },
        ({ pair }, side) => {
          const { localCommId, remoteCommId } = pair.first(side === pair.client ? 'REP' : 'RTU').mad.fields;
          const rej = { localCommId, remoteCommId, messageRejected: 2, reason: 28 };
          pair.inject(side, pair.forge('REJ', rej), pair.other(side).gid);
          expect(side.onlyEvent().type).toBe('rej_received');
        },
      ];
      for (const end of ways) {
        const all = proposed({
          timing: { responseTimeout: 1_000 as Duration, retries: 9, deadline: 9_000 as Duration },
        });
        const { pair, server } = all;
        if (state.includes('MRA')) pair.server.owner.sendMra(server, {}, pair.now);
        pair.deliverAll();
        pair.client.events();
        if (state.includes('APR')) pair.server.owner.formatApr(server, {}, pair.now);
        const [side, cid] = active ? [pair.client, all.client] : [pair.server, server];
        expect(side.owner.state(cid)).toBe(state);
        end(all, side, cid);
        pair.deliverAll();
        expect(pair.leftovers()).toEqual([{}, {}]);
      }
    },
  );

  test('takes as long as its longest path asks: 2 × its packet life + the peer’s ACK delay', () => {
    const path = (pair: Pair): CmPath => ({ ...detour(pair), packetLife: 20, localAckTimeout: 21 });
    for (const migrated of [false, true]) {
      const all = accepted({ path: path(new Pair()) });
      const { pair, client, server } = all;
      if (migrated) {
        pair.client.owner.migrate(client, pair.now);
        pair.server.owner.migrate(server, pair.now);
      }
      pair.client.owner.sendDreq(client, {}, pair.now);
      deliverByDetour(pair, pair.take());
      pair.server.owner.sendDrep(server, {}, pair.now);
      deliverByDetour(pair, pair.take());
      const times = new Map<Side, number>();
      while (pair.advance()) {
        for (const side of [pair.client, pair.server]) if (side.events().length > 0) times.set(side, pair.now);
      }
      expect((times.get(pair.client) ?? 0) - 2 * exponent(20) - exponent(15)).toBeLessThan(TICK);
      expect(times.get(pair.client)).toBeGreaterThanOrEqual(2 * exponent(20) + exponent(15));
      // The server knows the ACK timeout, which is the same sum.
      expect(times.get(pair.server)).toBeGreaterThanOrEqual(2 * exponent(20));
      expect((times.get(pair.server) ?? 0) - 2 * exponent(20)).toBeLessThan(TICK);
    }
  });

  test('counts a packet life that an ACK timeout of its own does not show', () => {
    const all = accepted({ path: { ...detour(new Pair()), packetLife: 20, localAckTimeout: 3 } });
    const { pair, client } = all;
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    pair.server.owner.sendDrep(all.server, {}, pair.now);
    pair.deliverAll();
    pair.client.events();
    while (pair.client.owner.state(client) === 'TIMEWAIT') pair.advance();
    expect(pair.now).toBeGreaterThanOrEqual(2 * exponent(20) + exponent(15));
  });
});

describe('migration', () => {
  test('makes the alternate path the primary one, and the other way round', () => {
    const { pair, client, server } = accepted();
    const before = pair.client.owner.getQpAttr(client, 'RTR', pair.now);
    pair.client.owner.migrate(client, pair.now);
    const after = pair.client.owner.getQpAttr(client, 'RTR', pair.now);
    expect(after).toEqual({ ...before, path: before.alternatePath, alternatePath: before.path });
    pair.client.owner.sendDreq(client, {}, pair.now);
    const transmit = pair.client.manager.pollTransmit();
    expect(transmit?.path.remoteGid).toEqual(detour(pair).remoteGid);
    pair.client.manager.pollTransmit();
    pair.server.owner.migrate(server, pair.now);
    pair.server.owner.migrate(server, pair.now);
    expect(pair.server.owner.getQpAttr(server, 'RTR', pair.now).path.remoteGid).toEqual(pair.client.gid);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('of one side does not deafen it to the other, which still uses the old path; nor the reverse', () => {
    for (const name of ['client', 'server'] as const) {
      const all = accepted();
      const { pair } = all;
      pair[name].owner.migrate(all[name], pair.now);
      for (const way of [pair.deliver.bind(pair), deliverByDetour.bind(undefined, pair)]) {
        const { localCommId, remoteCommId } = pair.first(name === 'client' ? 'REP' : 'RTU').mad.fields;
        const drep = pair.forge('DREP', { localCommId, remoteCommId });
        const flight = { ...pair.first('RTU'), from: pair.other(pair[name]), to: pair[name], bytes: drep };
        const { drops } = pair[name].manager.counters;
        const before = { ...drops };
        way(flight);
        expect(drops).toEqual({ ...before, unexpected: before.unexpected + 1 });
      }
    }
  });

  test('needs an alternate path', () => {
    const { pair, client } = established();
    expect(() => pair.client.owner.migrate(client, pair.now)).toThrow(
      expect.objectContaining({ code: 'INVALID_STATE', details: { call: 'migrate', state: 'ESTABLISHED' } }),
    );
  });

  test('to another port takes the queue pair’s number there, and gives it back on the first', () => {
    const all = accepted({ path: { ...detour(new Pair()), port: 2 } });
    const { pair, client } = all;
    const request = (port: number): void => {
      const cid = pair.client.owner.create();
      pair.client.owner.sendReq(cid, pair.request({ path: { ...pair.request().path, port } }), pair.now);
      pair.client.owner.destroy(cid, pair.now);
    };
    const inUse = expect.objectContaining({ code: 'QPN_IN_USE' }) as object;
    expect(() => request(1)).toThrow(inUse);
    request(2);
    pair.client.owner.migrate(client, pair.now);
    expect(() => request(2)).toThrow(inUse);
    request(1);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('to a port where another connection has the number is refused, and nothing has changed', () => {
    const all = accepted({ path: { ...detour(new Pair()), port: 2 } });
    const { pair, client } = all;
    const cid = pair.client.owner.create();
    pair.client.owner.sendReq(cid, pair.request({ path: { ...pair.request().path, port: 2 } }), pair.now);
    const before = pair.client.owner.getQpAttr(client, 'RTR', pair.now);
    expect(() => pair.client.owner.migrate(client, pair.now)).toThrow(expect.objectContaining({ code: 'QPN_IN_USE' }));
    expect(pair.client.owner.getQpAttr(client, 'RTR', pair.now)).toEqual(before);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('an alternate path in the REQ', () => {
  function requested(failoverAccepted?: number): Connection {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested({ alternatePath: detour(pair) });
    const reply = { qpn: 0x200, startingPsn: 0, ...(failoverAccepted !== undefined && { failoverAccepted }) };
    pair.server.owner.sendRep(server, reply, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    return { pair, client, server };
  }

  test('is both sides’, if the REP accepts it', () => {
    const { pair, client, server } = requested(0);
    expect(pair.first('REQ').mad.fields.alternatePath).toMatchObject({ localLid: 0xffff, localAckTimeout: 17 });
    expect(alternateOf(pair, pair.client, client)).toMatchObject({ localGid: detour(pair).localGid });
    expect(alternateOf(pair, pair.server, server)).toMatchObject({ remoteGid: detour(pair).localGid });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test.each([undefined, 1, 2])('is nobody’s, if the REP says %s', (failoverAccepted) => {
    const { pair, client, server } = requested(failoverAccepted);
    expect(alternateOf(pair, pair.client, client)).toBeUndefined();
    expect(alternateOf(pair, pair.server, server)).toBeUndefined();
    for (const side of [pair.client, pair.server]) expect(side.manager.usage().paths).toBe(1);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('needs a local LID: 0 would say that there is none', () => {
    const pair = new Pair();
    const alternatePath = { ...detour(pair), localLid: 0 };
    const call = (): void =>
      pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ alternatePath }), pair.now);
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
  });

  test('is not kept for the next attempt of the same CEP', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested({ alternatePath: detour(pair) });
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    pair.deliverAll();
    const { cid } = pair.server.onlyEvent();
    pair.server.owner.sendRep(cid, { qpn: 0x200, startingPsn: 0, failoverAccepted: 0 }, pair.now);
    pair.deliverAll();
    expect(alternateOf(pair, pair.client, client)).toBeUndefined();
    expect(alternateOf(pair, pair.server, cid)).toBeUndefined();
  });
});

test('as many paths as connections can have find room', () => {
  const maxCeps = 61;
  const pair = new Pair({ maxCeps, maxTransmits: 1, maxMads: 500 });
  pair.listen(64);
  const gid = (a: number, b: number): Uint8Array => new Uint8Array(16).fill(a, 0, 8).fill(b, 8);
  for (let each = 1; each < maxCeps; each += 1) {
    const from = gid(1, each);
    const primaryPath = { localGid: from, remoteGid: pair.server.gid, localAckTimeout: 1 };
    const alternatePath = { localLid: 1, localGid: gid(2, each), remoteGid: pair.server.gid };
    const req = {
      localCommId: each,
      localQpn: 5,
      localCaGuid: BigInt(each),
      serviceId: 0x0106_1d2fn,
      primaryPath,
      alternatePath,
    };
    pair.inject(pair.server, pair.forge('REQ', req), from);
    const { cid } = pair.server.onlyEvent();
    pair.server.owner.sendRep(cid, { qpn: 100 + each, startingPsn: 0, failoverAccepted: 0 }, pair.now);
    const rep = known('REP', pair.take());
    const connection = { localCommId: each, remoteCommId: rep.mad.fields.localCommId };
    const lap = { ...connection, remoteQpnEecn: 100 + each, alternatePath: { localGid: gid(3, each) } };
    pair.inject(pair.server, pair.forge('LAP', lap), from);
    expect(pair.server.events()).toHaveLength(2);
  }
  pair.server.manager.pollTransmit();
  expect(pair.server.manager.usage().paths).toBe(3 * (maxCeps - 1));
  expect(pair.leftovers()).toEqual([{}, {}]);
});
