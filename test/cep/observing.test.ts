import { describe, expect, test } from 'vitest';
import { type Instant, milliseconds } from '../../src/base/index.js';
import { DURATION_BOUNDS } from '../../src/cep/index.js';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { madBytes, Pair, SERVICE, type Side } from './pair.js';

/** What is shown of a manager to those who watch it. */

/** The only CEP of a side. */
function onlyCep(side: Side): ReturnType<Side['manager']['inspect']> {
  const inspector = side.manager.inspect();
  expect(inspector.moveTo(1)).toBe(true);
  return inspector;
}

describe('the time that establishing took', () => {
  const counted = (side: Side): number[] => [...side.manager.counters.establishing.counts];
  const bucketOf = (ms: number): number => DURATION_BOUNDS.findIndex((bound) => milliseconds(ms) <= bound);

  test('is counted from the REQ to ESTABLISHED, at either side, in the bucket that it falls into', () => {
    const pair = new Pair();
    pair.now = (2 ** 40) as Instant;
    pair.listen();
    const client = pair.client.owner.create();
    pair.elapse(milliseconds(500));
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    pair.elapse(milliseconds(3));
    pair.deliverAll();
    const { cid: server } = pair.server.onlyEvent();
    pair.elapse(milliseconds(40));
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.deliverAll();
    expect(counted(pair.client).some((count) => count > 0)).toBe(false);
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.elapse(milliseconds(4));
    pair.deliverAll();
    const { establishing } = pair.client.manager.counters;
    expect(counted(pair.client)[bucketOf(43)]).toBe(1);
    expect(establishing.sum).toBe(milliseconds(43));
    expect(counted(pair.server)[bucketOf(44)]).toBe(1);
    expect(pair.server.manager.counters.establishing.sum).toBe(milliseconds(44));
  });

  test('is not counted again when an alternate path was loaded', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.established();
    const { path } = pair.request();
    pair.client.owner.sendLap(client, { path }, pair.now);
    pair.deliverAll();
    pair.server.events();
    pair.server.owner.sendApr(server, { status: 0 }, pair.now);
    pair.deliverAll();
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
    for (const side of [pair.client, pair.server]) {
      expect(counted(side).reduce((sum, count) => sum + count)).toBe(1);
    }
  });

  test('has a bucket for whatever takes longer than all bounds', () => {
    const { establishing } = new Pair().client.manager.counters;
    establishing.count(DURATION_BOUNDS[0] as (typeof DURATION_BOUNDS)[0]);
    establishing.count(milliseconds(3_600_000));
    expect([establishing.counts[0], establishing.counts[DURATION_BOUNDS.length]]).toEqual([1, 1]);
  });
});

describe('REJs', () => {
  test('are counted by reason, at either side', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendRej(server, { reason: REJECT_REASONS.noResources }, pair.now);
    pair.deliverAll();
    expect(pair.server.manager.counters.rejectsSent).toMatchObject({ noResources: 1, timeout: 0, other: 0 });
    expect(pair.client.manager.counters.rejectsReceived).toMatchObject({ noResources: 1, consumerReject: 0 });
    expect(pair.client.manager.counters.rejectsSent.noResources).toBe(0);
  });

  test('are counted together where their reason has no name, whatever the number', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendRej(server, { reason: REJECT_REASONS.noResources }, pair.now);
    const { mad } = pair.take();
    for (const reason of [0, 34, 63, 64, 0xffff]) {
      const { fields, message } = mad as Extract<typeof mad, { message: 'REJ' }>;
      const bytes = madBytes({ message, fields: { ...fields, reason } });
      const from = { port: 1, localGid: pair.client.gid, remoteGid: pair.server.gid, trafficClass: 0, sourcePort: 0 };
      pair.client.manager.handleMad(bytes, 0, bytes.length, from, pair.now);
    }
    expect(pair.client.manager.counters.rejectsReceived.other).toBe(5);
  });
});

describe('the inspector', () => {
  test('tells addresses, service and when it began', () => {
    const pair = new Pair();
    pair.now = (2 ** 33) as Instant;
    const listener = pair.listen();
    expect(onlyCep(pair.server)).toMatchObject({
      cid: listener,
      state: 'LISTEN',
      serviceId: SERVICE,
      beganAt: pair.now,
    });
    expect(onlyCep(pair.server).path).toBeUndefined();
    pair.elapse(milliseconds(7));
    const client = pair.client.owner.create();
    const inspector = onlyCep(pair.client);
    expect(inspector.beganAt).toBeUndefined();
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    expect(inspector).toMatchObject({ beganAt: pair.now, serviceId: SERVICE });
    expect(inspector.path).toMatchObject({ port: 1, localGid: pair.client.gid, remoteGid: pair.server.gid });
  });

  test('tells when it began as long as the CEP does the same', () => {
    const pair = new Pair();
    pair.elapse(milliseconds(1));
    pair.listen();
    const began = pair.now;
    const { client } = pair.established();
    pair.elapse(milliseconds(1_000));
    const inspector = onlyCep(pair.client);
    expect(inspector).toMatchObject({ state: 'ESTABLISHED', beganAt: began });
    pair.client.owner.sendDreq(client, {}, pair.now);
    expect(inspector).toMatchObject({ state: 'DREQ_SENT', beganAt: began });
  });
});
