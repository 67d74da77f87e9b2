import { describe, expect, test } from 'vitest';
import type { RepParameters, ReqParameters } from '../../src/cep/index.js';
import { Pair, SERVICE } from './pair.js';

/** A call with a value that does not fit throws, and has changed nothing. */

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object;
const INVALID = code('INVALID_PARAMETER');

function expectUnchanged(pair: Pair, side: 'client' | 'server', call: () => unknown, error: object): void {
  const before = pair[side].manager.usage();
  expect(call).toThrow(error);
  expect(pair[side].manager.usage()).toEqual(before);
  expect(pair.onWire()).toEqual([]);
}

const path = (overrides: object): ((pair: Pair) => Partial<ReqParameters>) => {
  return (pair) => ({ path: { localGid: pair.client.gid, remoteGid: pair.server.gid, ...overrides } });
};
const timing = (overrides: object): (() => Partial<ReqParameters & RepParameters>) => {
  return () => ({ timing: { responseTimeout: 1_000 as never, retries: 1, ...overrides } });
};

const TIMINGS: [string, () => object][] = [
  ['a response timeout that is no number', timing({ responseTimeout: Number.NaN })],
  ['a negative response timeout', timing({ responseTimeout: -1 })],
  ['more retries than can be counted', timing({ retries: 256 })],
  ['half a retry', timing({ retries: 0.5 })],
  ['a deadline that is no number', timing({ deadline: Number.NaN })],
  ['a deadline in the past', timing({ deadline: -5 })],
];

test('what is null, as untyped code may have it, is left out', () => {
  const names = ['qKey', 'retryCount', 'mtu', 'pKey', 'rnrRetryCount', 'maxCmRetries', 'transport', 'flowControl'];
  const pathNames = ['localLid', 'remoteLid', 'flowLabel', 'packetRate', 'trafficClass', 'hopLimit', 'sl'];
  const none = (all: readonly string[]): object => Object.fromEntries(all.map((name) => [name, null]));
  const reqs = [{}, { ...none(names), path: none(pathNames) }].map((overrides: { path?: object }) => {
    const pair = new Pair();
    const request = pair.request();
    const all = { ...request, ...overrides, path: { ...request.path, ...overrides.path } };
    pair.client.owner.sendReq(pair.client.owner.create(), all, pair.now);
    return pair.client.transmits();
  });
  expect(reqs[1]).toEqual(reqs[0]);
});

describe('sendReq refuses', () => {
  const cases: [string, (pair: Pair) => object, object][] = [
    ['queue pair 0', () => ({ qpn: 0 }), INVALID],
    ['queue pair 1', () => ({ qpn: 1 }), INVALID],
    ['a queue pair of 25 bits', () => ({ qpn: 2 ** 24 }), code('VALUE_OUT_OF_RANGE')],
    ['a starting PSN of 25 bits', () => ({ startingPsn: 2 ** 24 }), code('VALUE_OUT_OF_RANGE')],
    ['private data of 93 bytes', () => ({ privateData: new Uint8Array(93) }), code('TOO_LONG')],
    ['16 retries', () => ({ maxCmRetries: 16 }), code('VALUE_OUT_OF_RANGE')],
    ['a response timeout of 32', () => ({ remoteCmResponseTimeout: 32 }), code('VALUE_OUT_OF_RANGE')],
    ['half a GID', path({ remoteGid: new Uint8Array(8) }), code('VALUE_OUT_OF_RANGE')],
    ['a transport that there is not', () => ({ transport: 'xx' }), code('VALUE_OUT_OF_RANGE')],
    ['retries in words', () => ({ retryCount: '3' }), code('VALUE_OUT_OF_RANGE')],
    ['a packet life beyond 31', path({ packetLife: 32 }), INVALID],
    ['a negative packet life', path({ packetLife: -1 }), INVALID],
    ['a packet life that is no number', path({ packetLife: Number.NaN }), INVALID],
    ['an ACK timeout of 0, which is 8 µs to Linux', path({ localAckTimeout: 0 }), INVALID],
    ['port 0', path({ port: 0 }), INVALID],
    ['a port that is no number', path({ port: Number.NaN }), INVALID],
    ['a UDP port of 17 bits', path({ sourcePort: 65_536 }), INVALID],
    ...TIMINGS.map(([name, value]): [string, () => object, object] => [name, value, INVALID]),
  ];
  test.each(cases)('%s', (_, overrides, error) => {
    const pair = new Pair();
    const cid = pair.client.owner.create();
    expectUnchanged(
      pair,
      'client',
      () => pair.client.owner.sendReq(cid, pair.request(overrides(pair)), pair.now),
      error,
    );
    expect(pair.client.owner.state(cid)).toBe('IDLE');
    pair.client.owner.sendReq(cid, pair.request(), pair.now);
    const twin = new Pair();
    twin.client.owner.sendReq(twin.client.owner.create(), twin.request(), twin.now);
    // Not even a comm ID or a transaction was used up.
    expect(pair.take().bytes).toEqual(twin.take().bytes);
  });
});

describe('sendRep refuses', () => {
  const cases: [string, () => object, object][] = [
    ['queue pair 0', () => ({ qpn: 0 }), INVALID],
    ['private data of 197 bytes', () => ({ privateData: new Uint8Array(197) }), code('TOO_LONG')],
    ['an ACK delay of 32', () => ({ targetAckDelay: 32 }), code('VALUE_OUT_OF_RANGE')],
    ['half a PSN', () => ({ startingPsn: 0.5 }), code('VALUE_OUT_OF_RANGE')],
    ...TIMINGS.map(([name, value]): [string, () => object, object] => [name, value, INVALID]),
  ];
  test.each(cases)('%s', (_, overrides, error) => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    const reply = { qpn: 0x200, startingPsn: 0 };
    expectUnchanged(
      pair,
      'server',
      () => pair.server.owner.sendRep(server, { ...reply, ...overrides() }, pair.now),
      error,
    );
    expect(pair.server.owner.state(server)).toBe('REQ_RCVD');
    pair.server.owner.sendRep(server, reply, pair.now);
    expect(pair.onWire()).toEqual(['REP']);
  });
});

describe('R3: a queue pair that is in use', () => {
  test('is refused by sendReq while it is connecting, connected or in timewait, and on its own port only', () => {
    const pair = new Pair();
    pair.listen();
    const other = pair.client.owner.create();
    const refused = (): void =>
      expectUnchanged(
        pair,
        'client',
        () => pair.client.owner.sendReq(other, pair.request(), pair.now),
        code('QPN_IN_USE'),
      );
    const { client, server } = pair.requested();
    refused();
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    refused();
    pair.client.onlyEvent();
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    refused();
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    refused();
    pair.server.events();
    pair.server.owner.sendDrep(server, {}, pair.now);
    pair.deliverAll();
    refused();
    expect(pair.client.owner.state(other)).toBe('IDLE');
    const overrides = path({ port: 2 })(pair);
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(overrides), pair.now);
    expect(pair.loseAll()).toEqual(['REQ']);
    pair.client.owner.destroy(client, pair.now);
    refused();
    while (pair.client.manager.usage().localQpns > 1) pair.advance();
    pair.client.owner.sendReq(other, pair.request(), pair.now);
  });

  test('is refused by sendRep likewise; another one is taken', () => {
    const pair = new Pair();
    pair.listen();
    pair.established();
    const { server } = pair.requested({ qpn: 0x101 });
    const reply = { qpn: 0x200, startingPsn: 0 };
    expectUnchanged(pair, 'server', () => pair.server.owner.sendRep(server, reply, pair.now), code('QPN_IN_USE'));
    expect(pair.server.owner.state(server)).toBe('REQ_RCVD');
    pair.server.owner.sendRep(server, { ...reply, qpn: 0x201 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rep_received');
  });
});

describe('the other calls refuse what does not fit', () => {
  test('listen: a service ID of 65 bits, a negative one, a number, and a backlog that cannot be counted', () => {
    const pair = new Pair();
    const cid = pair.server.owner.create();
    for (const serviceId of [2n ** 64n, -1n, 5] as never[]) {
      expectUnchanged(
        pair,
        'server',
        () => pair.server.owner.listen(cid, { serviceId, backlog: 1 }, pair.now),
        INVALID,
      );
    }
    for (const backlog of [-1, 0.5, Number.NaN, 2 ** 32]) {
      const call = (): unknown => pair.server.owner.listen(cid, { serviceId: SERVICE, backlog }, pair.now);
      expectUnchanged(pair, 'server', call, INVALID);
    }
    expect(pair.server.owner.state(cid)).toBe('IDLE');
  });

  test('sendRtu, sendMra, sendRej, sendDreq and sendDrep: private data that is too long', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    const privateData = new Uint8Array(233);
    const tooLong = code('TOO_LONG');
    expectUnchanged(pair, 'client', () => pair.client.owner.sendRtu(client, { privateData }, pair.now), tooLong);
    expectUnchanged(pair, 'client', () => pair.client.owner.sendMra(client, { privateData }, pair.now), tooLong);
    expectUnchanged(
      pair,
      'client',
      () => pair.client.owner.sendRej(client, { reason: 28, privateData }, pair.now),
      tooLong,
    );
    expectUnchanged(
      pair,
      'client',
      () => pair.client.owner.sendRej(client, { reason: 65_536 }, pair.now),
      code('VALUE_OUT_OF_RANGE'),
    );
    expect(pair.client.owner.state(client)).toBe('REP_RCVD');
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    expectUnchanged(pair, 'client', () => pair.client.owner.sendDreq(client, { privateData }, pair.now), tooLong);
    for (const [, wrong] of TIMINGS) {
      expectUnchanged(pair, 'client', () => pair.client.owner.sendDreq(client, wrong(), pair.now), INVALID);
    }
    // A repeated RTU is still in the transaction of the REQ.
    pair.deliver(pair.first('REP'));
    expect(pair.take().mad.header.transactionId).toBe(pair.first('REQ').mad.header.transactionId);
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    expectUnchanged(pair, 'server', () => pair.server.owner.sendDrep(server, { privateData }, pair.now), tooLong);
    expect(pair.server.owner.state(server)).toBe('DREQ_RCVD');
  });
});

test('a REJ for a timeout names our CA whatever the consumer adds', () => {
  const pair = new Pair();
  pair.listen();
  const { server } = pair.requested();
  pair.server.owner.sendRej(server, { reason: 4, additionalInformation: Uint8Array.of(1, 2, 3) }, pair.now);
  const { fields } = pair.take().mad;
  expect(fields).toMatchObject({ reason: 4, rejectInfoLength: 8 });
  expect([...pair.last('REJ').mad.fields.additionalRejectInformation.slice(0, 8)]).toEqual([
    0, 0, 0, 0, 0, 0, 0x22, 0x22,
  ]);
});
