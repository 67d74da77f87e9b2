import { describe, expect, test } from 'vitest';
import type { Cid, ServiceId } from '../../src/base/index.js';
import type { SidrReqParameters } from '../../src/cep/index.js';
import { expectPeriodic, exponent, moments } from './moments.js';
import { known, Pair, SERVICE } from './pair.js';

/** SIDR: which queue pair serves a service ID. */

const INVALID = expect.objectContaining({ code: 'INVALID_PARAMETER' }) as object;

function question(pair: Pair, overrides: Partial<SidrReqParameters> = {}): SidrReqParameters {
  return { path: { localGid: pair.client.gid, remoteGid: pair.server.gid }, serviceId: SERVICE, ...overrides };
}

function ask(pair: Pair, overrides: Partial<SidrReqParameters> = {}): Cid {
  const cid = pair.client.owner.create();
  pair.client.owner.sendSidrReq(cid, question(pair, overrides), pair.now);
  return cid;
}

describe('a SIDR_REQ', () => {
  test('carries a request ID, the P_Key, the service ID and private data, and is told to the listener’s owner', () => {
    const pair = new Pair();
    const listener = pair.listen();
    ask(pair, { pKey: 0x8001, privateData: Uint8Array.of(1, 2, 3) });
    const req = known('SIDR_REQ', pair.take());
    expect(req.mad.fields).toMatchObject({ pKey: 0x8001, serviceId: SERVICE });
    expect(req.mad.fields.requestId).not.toBe(0);
    expect([...req.mad.fields.privateData.slice(0, 4)]).toEqual([1, 2, 3, 0]);
    pair.deliver(req);
    const event = pair.server.onlyEvent();
    expect(event).toMatchObject({ type: 'sidr_req_received', cause: 'message', listener, mad: req.mad });
    expect(pair.server.owner.state(event.cid)).toBe('SIDR_REQ_RCVD');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('has the default P_Key, and a request ID that nobody can foresee', () => {
    const ids = [1, 2, 3].map((seed) => {
      const pair = new Pair({}, seed);
      ask(pair);
      const { fields } = known('SIDR_REQ', pair.take()).mad;
      expect(fields.pKey).toBe(0xffff);
      return fields.requestId;
    });
    expect(new Set(ids).size).toBe(3);
  });

  test('is answered with a queue pair and its Q_Key, in the same transaction, and both CEPs are idle again', () => {
    const pair = new Pair();
    pair.listen();
    const client = ask(pair);
    pair.deliverAll();
    const server = pair.server.onlyEvent().cid;
    const answer = { qpn: 0x300, qKey: 0x0123_4567, privateData: Uint8Array.of(9) };
    pair.server.owner.sendSidrRep(server, answer, pair.now);
    const rep = known('SIDR_REP', pair.take());
    const req = pair.first('SIDR_REQ');
    expect(rep.mad.header.transactionId).toBe(req.mad.header.transactionId);
    const { requestId } = req.mad.fields;
    expect(rep.mad.fields).toMatchObject({ requestId, status: 0, qpn: 0x300, qKey: 0x0123_4567, serviceId: SERVICE });
    pair.deliver(rep);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'sidr_rep_received', cid: client, mad: rep.mad });
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(pair.server.owner.state(server)).toBe('IDLE');
    pair.server.owner.destroy(server, pair.now);
    pair.client.owner.sendSidrReq(client, question(pair), pair.now);
    expect(known('SIDR_REQ', pair.take()).mad.fields.requestId).not.toBe(requestId);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('is refused with the status and the information that the consumer gives', () => {
    const pair = new Pair();
    pair.listen();
    ask(pair);
    pair.deliverAll();
    const additionalInformation = Uint8Array.of(7, 8);
    pair.server.owner.sendSidrRep(pair.server.onlyEvent().cid, { status: 3, additionalInformation }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ status: 3, additionalInformationLength: 2, qpn: 0 });
  });

  test('that is repeated is dropped while the consumer thinks; after the answer it is asked anew', () => {
    const pair = new Pair();
    pair.listen();
    ask(pair);
    const req = pair.take();
    pair.deliver(req);
    pair.deliver(req);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
    expect(pair.server.manager.counters.duplicates.SIDR_REQ).toBe(1);
    const { cid } = pair.server.onlyEvent();
    pair.server.owner.sendSidrRep(cid, { qpn: 0x300 }, pair.now);
    pair.loseAll();
    pair.deliver(req);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'sidr_req_received' });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('with the request ID of another source is another question', () => {
    const pair = new Pair();
    pair.listen();
    ask(pair);
    const req = pair.take();
    pair.deliver(req);
    pair.inject(pair.server, req.bytes, new Uint8Array(16).fill(0xee));
    expect(pair.server.events().map(({ type }) => type)).toEqual(['sidr_req_received', 'sidr_req_received']);
  });

  test('for a service that nobody listens for gets status 1, and leaves nothing behind', () => {
    const pair = new Pair();
    const client = ask(pair);
    const req = known('SIDR_REQ', pair.take());
    pair.deliver(req);
    const rep = known('SIDR_REP', pair.take());
    const { requestId } = req.mad.fields;
    expect(rep.mad.fields).toMatchObject({ requestId, status: 1, serviceId: SERVICE, qpn: 0 });
    expect(rep.mad.header.transactionId).toBe(req.mad.header.transactionId);
    pair.deliver(rep);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'sidr_rep_received', cid: client });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test.each([
    ['reject', 2],
    ['silence', undefined],
  ] as const)('beyond the backlog of a listener that is to %s gets status %s', (atBacklog, status) => {
    const pair = new Pair();
    pair.listen(1, atBacklog);
    ask(pair);
    ask(pair);
    pair.deliverAll();
    const { cid } = pair.server.onlyEvent();
    if (status === undefined) {
      expect(pair.server.drops()).toEqual({ backlogFull: 1 });
      pair.server.owner.sendSidrRep(cid, { qpn: 0x300 }, pair.now);
      pair.deliverAll();
      pair.advanceToTransmission();
      pair.deliverAll();
      expect(pair.server.onlyEvent().type).toBe('sidr_req_received');
    } else {
      expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ status });
    }
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that finds no CEP free gets status 2', () => {
    const pair = new Pair({ maxCeps: 1 });
    pair.listen();
    ask(pair);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ status: 2 });
  });
});

describe('a SIDR_REQ without an answer', () => {
  test.each([
    [16, 20, 15],
    [14, 18, 2],
    [0, 0, 0],
  ])('packet life %i, response timeout %i, %i retries: at every 2 × life + timeout', (packetLife, timeout, retries) => {
    const pair = new Pair();
    const path = { localGid: pair.client.gid, remoteGid: pair.server.gid, packetLife };
    const cid = ask(pair, { path, responseTimeout: timeout, retries });
    const seen = moments(pair);
    expect(seen.map(({ message }) => message)).toEqual(Array.from({ length: retries + 1 }, () => 'SIDR_REQ'));
    expectPeriodic(seen, 2 * exponent(packetLife) + exponent(timeout));
    expect(pair.client.onlyEvent()).toMatchObject({
      type: 'sidr_req_error',
      cause: 'retriesExhausted',
      transmissions: retries + 1,
    });
    expect(pair.client.owner.state(cid)).toBe('IDLE');
    expect(pair.client.manager.counters.retries.SIDR_REQ).toBe(retries);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('ends at the deadline of its policy, and a late answer is for nobody', () => {
    const pair = new Pair();
    pair.listen();
    const timing = { responseTimeout: 1_000_000 as never, retries: 100, deadline: 2_500_000 as never };
    const cid = ask(pair, { timing });
    pair.deliverAll();
    while (pair.client.owner.state(cid) !== 'IDLE') pair.advance();
    expect(pair.now).toBeGreaterThanOrEqual(2_500_000);
    expect(pair.now).toBeLessThan(2_500_256);
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'sidr_req_error', cause: 'deadline', transmissions: 3 });
    pair.server.owner.sendSidrRep(pair.server.onlyEvent().cid, { qpn: 0x300 }, pair.now);
    pair.deliverAll();
    expect(pair.client.drops()).toEqual({ unknownCommId: 1 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('destroying', () => {
  test('one that asks sends nothing', () => {
    const pair = new Pair();
    const cid = ask(pair);
    pair.loseAll();
    pair.client.owner.destroy(cid, pair.now);
    expect(pair.onWire()).toEqual([]);
    expect(pair.client.manager.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('one that is asked answers with status 2', () => {
    const pair = new Pair();
    pair.listen();
    ask(pair);
    pair.deliverAll();
    pair.server.owner.destroy(pair.server.onlyEvent().cid, pair.now);
    expect(known('SIDR_REP', pair.take()).mad.fields).toMatchObject({ status: 2, serviceId: SERVICE });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('the listener answers those that nobody has seen; those that were polled live on', () => {
    const pair = new Pair();
    const listener = pair.listen();
    ask(pair);
    pair.deliverAll();
    const seen = pair.server.onlyEvent().cid;
    ask(pair);
    pair.deliverAll();
    pair.server.owner.destroy(listener, pair.now);
    const { requestId } = known('SIDR_REP', pair.take()).mad.fields;
    expect(requestId).toBe(pair.last('SIDR_REP').mad.fields.requestId);
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.owner.state(seen)).toBe('SIDR_REQ_RCVD');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('a peer whose CA GUID is 0', () => {
  const wire = (pair: Pair): object => ({
    localCaGuid: 0n,
    serviceId: SERVICE,
    localQpn: 0x100,
    primaryPath: { localGid: pair.client.gid, remoteGid: pair.server.gid, localAckTimeout: 17 },
  });

  test('may ask for a connection with a comm ID that is one of its request IDs', () => {
    const pair = new Pair();
    pair.listen();
    pair.inject(pair.server, pair.forge('SIDR_REQ', { requestId: 5, serviceId: SERVICE }), pair.client.gid);
    pair.inject(pair.server, pair.forge('REQ', { ...wire(pair), localCommId: 5 }), pair.client.gid);
    expect(pair.server.events().map(({ type }) => type)).toEqual(['sidr_req_received', 'req_received']);
    expect(pair.server.drops()).toEqual({});
  });

  test('may ask for a service with a request ID that is one of its comm IDs', () => {
    const pair = new Pair();
    pair.listen();
    pair.inject(pair.server, pair.forge('REQ', { ...wire(pair), localCommId: 5 }), pair.client.gid);
    pair.inject(pair.server, pair.forge('SIDR_REQ', { requestId: 5, serviceId: SERVICE }), pair.client.gid);
    pair.inject(pair.server, pair.forge('SIDR_REQ', { requestId: 5, serviceId: SERVICE }), pair.client.gid);
    expect(pair.server.events().map(({ type }) => type)).toEqual(['req_received', 'sidr_req_received']);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
  });

  test('cannot take a question back with a REJ for a timeout', () => {
    const pair = new Pair();
    pair.listen();
    pair.inject(pair.server, pair.forge('SIDR_REQ', { requestId: 5, serviceId: SERVICE }), pair.client.gid);
    const rej = { localCommId: 5, remoteCommId: 0, messageRejected: 2, reason: 4, rejectInfoLength: 8 };
    pair.inject(pair.server, pair.forge('REJ', rej), pair.client.gid);
    expect(pair.server.drops()).toEqual({ unknownCommId: 1 });
  });
});

describe('sendSidrReq refuses', () => {
  const path = (overrides: object) => (pair: Pair) => ({ path: { ...question(pair).path, ...overrides } });
  const cases: [string, (pair: Pair) => object, object][] = [
    ['half a GID, though the message has none', path({ remoteGid: new Uint8Array(8) }), INVALID],
    ['a GID that is a text', path({ localGid: '0123456789abcdef' }), INVALID],
    ['a traffic class of 9 bits', path({ trafficClass: 256 }), INVALID],
    ['a packet life beyond 31', path({ packetLife: 32 }), INVALID],
    ['a response timeout beyond 31', () => ({ responseTimeout: 32 }), INVALID],
    ['more retries than can be counted', () => ({ retries: 256 }), INVALID],
    ['half a retry', () => ({ retries: 0.5 }), INVALID],
    ['a service ID of 65 bits', () => ({ serviceId: (2n ** 64n) as ServiceId }), expect.anything()],
    [
      '217 bytes of private data',
      () => ({ privateData: new Uint8Array(217) }),
      expect.objectContaining({ code: 'TOO_LONG' }),
    ],
  ];
  test.each(cases)('%s', (_, overrides, error) => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    const before = pair.client.manager.usage();
    expect(() => pair.client.owner.sendSidrReq(cid, question(pair, overrides(pair)), pair.now)).toThrow(error as Error);
    expect(pair.client.manager.usage()).toEqual(before);
    expect(pair.client.owner.state(cid)).toBe('IDLE');
  });
});
