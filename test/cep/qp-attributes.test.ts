import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { detour, Pair } from './pair.js';

/** What a queue pair is to be set to, from what went over the wire. */

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object;

/** A connection whose every value is another, with an alternate path that is accepted. */
function connected(): { pair: Pair; client: Cid; server: Cid } {
  const pair = new Pair();
  pair.listen();
  const { client, server } = pair.requested({
    alternatePath: { ...detour(pair), packetLife: 18, trafficClass: 7, sourcePort: 50_000 },
    path: { ...pair.request().path, packetLife: 14, trafficClass: 5, sourcePort: 49_999 },
    startingPsn: 0x11,
    responderResources: 1,
    initiatorDepth: 2,
    retryCount: 3,
    rnrRetryCount: 4,
    pKey: 0x8001,
    mtu: 5,
  });
  const reply = { responderResources: 6, initiatorDepth: 5, rnrRetryCount: 1, targetAckDelay: 18, failoverAccepted: 0 };
  pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0x22, ...reply }, pair.now);
  pair.deliverAll();
  pair.client.onlyEvent();
  return { pair, client, server };
}

describe('the attributes of the side that connected', () => {
  test('INIT has the P_Key and the port of the request, as soon as it is made', () => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    pair.client.owner.formatReq(
      cid,
      pair.request({ pKey: 0x8001, path: { ...pair.request().path, port: 3 } }),
      0 as never,
    );
    expect(pair.client.owner.getQpAttr(cid, 'INIT', pair.now)).toEqual({ state: 'INIT', pKey: 0x8001, port: 3 });
  });

  test('RTR has what the REP says, and both paths', () => {
    const { pair, client } = connected();
    const { localGid, remoteGid } = detour(pair);
    expect(pair.client.owner.getQpAttr(client, 'RTR', pair.now)).toEqual({
      state: 'RTR',
      path: { port: 1, localGid: pair.client.gid, remoteGid: pair.server.gid, trafficClass: 5, sourcePort: 49_999 },
      alternatePath: { port: 1, localGid, remoteGid, trafficClass: 7, sourcePort: 50_000 },
      mtu: 5,
      destinationQpn: 0x200,
      receivePsn: 0x11,
      responderResources: 5,
    });
  });

  test('RTS has the retries that the REQ and the REP say; its ACK timeouts have the peer’s ACK delay in them, as Linux’s', () => {
    const { pair, client } = connected();
    expect(pair.client.owner.getQpAttr(client, 'RTS', pair.now)).toEqual({
      state: 'RTS',
      sendPsn: 0x22,
      // ACK delay 18 with packet lives 14 and 18.
      ackTimeout: 18,
      alternateAckTimeout: 20,
      retryCount: 3,
      rnrRetryCount: 1,
      initiatorDepth: 6,
    });
  });

  test('an alternate path by LAP counts likewise', () => {
    const { pair, client, server } = connected();
    pair.client.owner.sendRtu(client, {}, pair.now);
    const path = { ...detour(pair), packetLife: 20, localAckTimeout: 9 };
    pair.client.owner.sendLap(client, { path }, pair.now);
    pair.deliverAll();
    pair.server.owner.sendApr(server, {}, pair.now);
    pair.deliverAll();
    expect(pair.client.owner.getQpAttr(client, 'RTS', pair.now)).toMatchObject({
      ackTimeout: 18,
      alternateAckTimeout: 21,
    });
    expect(pair.server.owner.getQpAttr(server, 'RTS', pair.now)).toMatchObject({ alternateAckTimeout: 9 });
    pair.client.owner.migrate(client, pair.now);
    expect(pair.client.owner.getQpAttr(client, 'RTS', pair.now)).toMatchObject({
      ackTimeout: 21,
      alternateAckTimeout: 18,
    });
  });
});

describe('the attributes of the side that was asked', () => {
  test('INIT, RTR and RTS have what the REQ and the own REP say', () => {
    const { pair, server } = connected();
    const { localGid, remoteGid } = detour(pair);
    const { primaryPath, alternatePath } = pair.first('REQ').mad.fields;
    expect(pair.server.owner.getQpAttr(server, 'INIT', pair.now)).toEqual({ state: 'INIT', pKey: 0x8001, port: 1 });
    expect(pair.server.owner.getQpAttr(server, 'RTR', pair.now)).toEqual({
      state: 'RTR',
      path: { port: 1, localGid: pair.server.gid, remoteGid: pair.client.gid, trafficClass: 5, sourcePort: 0 },
      alternatePath: { port: 1, localGid: remoteGid, remoteGid: localGid, trafficClass: 7, sourcePort: 0 },
      mtu: 5,
      destinationQpn: 0x100,
      receivePsn: 0x22,
      responderResources: 6,
    });
    expect(pair.server.owner.getQpAttr(server, 'RTS', pair.now)).toEqual({
      state: 'RTS',
      sendPsn: 0x11,
      ackTimeout: primaryPath.localAckTimeout,
      alternateAckTimeout: alternatePath.localAckTimeout,
      retryCount: 3,
      rnrRetryCount: 4,
      initiatorDepth: 5,
    });
  });

  test('are there before the REP: resources as the REQ asks, crossed', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested({ responderResources: 1, initiatorDepth: 2 });
    expect(pair.server.owner.getQpAttr(server, 'RTR', pair.now)).toMatchObject({ responderResources: 2 });
    expect(pair.server.owner.getQpAttr(server, 'RTS', pair.now)).toMatchObject({ initiatorDepth: 1 });
  });
});

describe('getQpAttr', () => {
  test('refuses RTR and RTS until the peer’s queue pair is known', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.requested();
    for (const target of ['RTR', 'RTS'] as const) {
      expect(() => pair.client.owner.getQpAttr(client, target, pair.now)).toThrow(code('INVALID_STATE'));
    }
    expect(pair.client.owner.getQpAttr(client, 'INIT', pair.now)).toEqual({ state: 'INIT', pKey: 0xffff, port: 1 });
  });

  test('refuses a state that the CM leads no queue pair to', () => {
    const { pair, client } = connected();
    expect(() => pair.client.owner.getQpAttr(client, 'SQD' as never, pair.now)).toThrow(code('INVALID_PARAMETER'));
  });

  test('gives copies: what becomes of them changes nothing', () => {
    const { pair, client } = connected();
    pair.client.owner.getQpAttr(client, 'RTR', pair.now).path.remoteGid.fill(0);
    expect(pair.client.owner.getQpAttr(client, 'RTR', pair.now).path.remoteGid).toEqual(pair.server.gid);
  });

  test('needs no buffer and no room for events', () => {
    const pair = new Pair({ maxMads: 6 });
    pair.listen();
    const { client, server } = pair.requested();
    for (let each = 0; each < 4; each += 1) {
      pair.server.owner.sendMra(server, {}, pair.now);
      pair.deliverAll();
      if (each === 0) pair.client.events();
    }
    expect(() => pair.client.owner.sendSidrReq(pair.client.owner.create(), {} as never, pair.now)).toThrow(
      code('LIMIT_REACHED'),
    );
    expect(pair.client.owner.getQpAttr(client, 'INIT', pair.now)).toMatchObject({ state: 'INIT' });
  });
});
