import { describe, expect, test } from 'vitest';
import type { CepLimits } from '../../src/cep/index.js';
import { Pair } from './pair.js';

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object;

describe('maxCeps', () => {
  test('is how many CEPs there can be, those in timewait included', () => {
    const pair = new Pair({ maxCeps: 2 });
    pair.listen();
    const { client } = pair.ended();
    pair.client.owner.destroy(client, pair.now);
    pair.client.owner.create();
    const before = pair.client.manager.usage();
    expect(() => pair.client.owner.create()).toThrow(code('LIMIT_REACHED'));
    expect(pair.client.manager.usage()).toEqual(before);
    while (pair.advance());
    pair.client.owner.create();
  });

  test('refuses a REQ beyond it with "no resources"', () => {
    const pair = new Pair({ maxCeps: 2 });
    pair.listen();
    pair.requested();
    const client = pair.client.owner.create();
    pair.client.owner.sendReq(client, pair.request({ qpn: 0x101 }), pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 3, messageRejected: 0 });
    expect(pair.server.events()).toEqual([]);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('maxMads', () => {
  /** A pair whose client has so few buffers that it has run out: all hold REQs nobody answers. */
  function exhausted(): Pair {
    const pair = new Pair({ maxMads: 8 });
    pair.listen();
    pair.established({ qpn: 0x50 });
    for (let qpn = 0x100; pair.client.manager.usage().mads < 6; qpn += 1) {
      pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn }), pair.now);
    }
    return pair;
  }

  test('fails calls that need a buffer, and changes nothing', () => {
    const pair = exhausted();
    const cid = pair.client.owner.create();
    const before = pair.client.manager.usage();
    expect(() => pair.client.owner.sendReq(cid, pair.request(), pair.now)).toThrow(code('LIMIT_REACHED'));
    expect(pair.client.manager.usage()).toEqual(before);
    expect(pair.client.owner.state(cid)).toBe('IDLE');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('drops what comes in, counted; the peer’s repetition gets through later', () => {
    const pair = exhausted();
    const rep = pair.first('REP').mad.fields;
    const fields = { localCommId: rep.localCommId, remoteCommId: rep.remoteCommId, remoteQpnEecn: 0x50 };
    pair.inject(pair.client, pair.forge('DREQ', fields), pair.server.gid);
    expect(pair.client.drops()).toEqual({ noBuffers: 1 });
    expect(pair.client.events()).toEqual([]);
    pair.exhaust();
    pair.client.events();
    pair.inject(pair.client, pair.forge('DREQ', fields), pair.server.gid);
    expect(pair.client.onlyEvent().type).toBe('dreq_received');
  });

  test('never keeps a CEP from being destroyed: a DREQ that finds no buffer is made at its retry', () => {
    const pair = new Pair({ maxMads: 5 });
    pair.listen();
    const cids = [0, 1, 2].map((each) => pair.established({ qpn: 0x50 + each }, 0x200 + each).client);
    for (const qpn of [0x60, 0x61, 0x62]) {
      pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn, maxCmRetries: 0 }), pair.now);
    }
    for (const cid of cids) pair.client.owner.destroy(cid, pair.now);
    expect(pair.client.drops()).toEqual({ noBuffers: 1 });
    pair.exhaust();
    const dreqs = pair.sent.map(({ mad }) => mad).filter(({ message }) => message === 'DREQ');
    const third = dreqs.filter(({ fields }) => (fields as { remoteQpnEecn: number }).remoteQpnEecn === 0x202);
    expect(third.length).toBeGreaterThan(12);
    expect(new Set(dreqs.map(({ header }) => header.transactionId)).size).toBe(3);
    expect(pair.client.manager.counters.retries.DREQ).toBe(3 * 15);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('with every connection destroyed at once and no buffer at all, still ends every one of them', () => {
    const pair = new Pair({ maxMads: 4, maxCeps: 20 });
    pair.listen();
    for (let each = 0; each < 8; each += 1) pair.established({ qpn: 0x100 + each }, 0x200 + each);
    pair.client.owner.close(pair.now);
    let told = 0;
    for (let round = 0; round < 20; round += 1) {
      pair.deliverAll();
      for (const { type, cid } of pair.server.events()) {
        if (type !== 'dreq_received') continue;
        told += 1;
        pair.server.owner.sendDrep(cid, {}, pair.now);
        pair.collect();
        pair.server.manager.pollTransmit();
      }
      pair.deliverAll();
      pair.elapse(4_900_000);
    }
    expect(told).toBe(8);
    expect(pair.client.manager.usage().ceps).toBe(0);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('maxTransmits', () => {
  test('loses what is queued beyond it, as a full link would; the retries make up for it', () => {
    const pair = new Pair({ maxTransmits: 2 });
    pair.listen();
    for (const qpn of [0x100, 0x101, 0x102, 0x103]) {
      pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn }), pair.now);
    }
    expect(pair.client.drops()).toEqual({ transmitQueueFull: 2 });
    expect(pair.client.manager.counters.sent.REQ).toBe(2);
    pair.deliverAll();
    expect(pair.server.events()).toHaveLength(2);
    pair.advanceToTransmission();
    pair.deliverAll();
    pair.advanceToTransmission();
    pair.deliverAll();
    for (let more = 0; pair.server.manager.usage().remoteIds < 4 && more < 20; more += 1) {
      pair.advanceToTransmission();
      pair.deliverAll();
    }
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('as great as one likes: a message may be queued more often than 16 bits can count', () => {
    const pair = new Pair({ maxTransmits: 70_000 });
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendMra(server, {}, pair.now);
    pair.loseAll();
    pair.server.manager.pollTransmit();
    const req = pair.first('REQ');
    for (let time = 0; time < 65_536; time += 1) pair.deliver(req);
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    expect(pair.server.manager.usage().mads).toBe(2);
    const [first] = pair.server.transmits();
    expect(first?.[17]).toBe(0x11);
    expect(pair.server.manager.usage().mads).toBe(0);
  });
});

describe('events', () => {
  test('unread keep a CEP from beginning anything new, but not from being destroyed', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    for (let time = 0; time < 4; time += 1) pair.server.owner.sendMra(server, {}, pair.now);
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    expect(() => pair.client.owner.sendRtu(client, {}, pair.now)).toThrow(code('LIMIT_REACHED'));
    expect(pair.client.owner.state(client)).toBe('REP_RCVD');
    pair.client.event();
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.client.owner.destroy(client, pair.now);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('of all that end a connection find room, however few the consumer reads', () => {
    const pair = new Pair({ maxCeps: 2 });
    pair.listen();
    const { client, server } = pair.requested();
    // The event that is lent is out of the queue, and must not take a place from those in it.
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    pair.client.onlyEvent();
    for (let time = 0; time < 6; time += 1) pair.client.owner.sendMra(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.drops()).toEqual({ eventsUnread: 2 });
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    const { localCommId, remoteCommId } = pair.first('RTU').mad.fields;
    pair.inject(pair.server, pair.forge('DREP', { localCommId, remoteCommId }), pair.client.gid);
    while (pair.server.owner.state(server) !== 'IDLE' && pair.advance());
    expect(pair.server.events().map(({ type }) => type)).toEqual([
      'mra_received',
      'mra_received',
      'mra_received',
      'mra_received',
      'rtu_received',
      'dreq_received',
      'drep_received',
      'timewait_exit',
    ]);
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('that are lent take no place: any number of owners may have one', () => {
    const pair = new Pair({ maxCeps: 1 });
    for (let each = 0; each < 12; each += 1) {
      const owner = pair.client.manager.openOwner();
      const cid = owner.create();
      owner.sendReq(cid, pair.request({ maxCmRetries: 0 }), pair.now);
      pair.exhaust();
      expect(owner.pollEvent()).toMatchObject({ type: 'req_error', cause: 'retriesExhausted', cid });
      owner.destroy(cid, pair.now);
      expect(pair.client.manager.usage()).toMatchObject({ events: 0, mads: 0, ceps: 0 });
    }
  });
});

test.each<[keyof CepLimits, unknown, string]>([
  ['maxCeps', 0, 'from 1 to 1048575'],
  ['maxCeps', 2 ** 20, 'from 1 to 1048575'],
  ['maxCeps', 1.5, 'an integer'],
  ['maxCeps', undefined, 'an integer'],
  ['maxMads', 3, 'from 4 to 4194303'],
  ['maxMads', Number.NaN, 'an integer'],
  ['maxMads', 2 ** 22, 'from 4 to 4194303'],
  ['maxMads', Number.POSITIVE_INFINITY, 'an integer'],
  ['maxTransmits', 0, 'from 1 to 4194303'],
  ['maxTransmits', 2 ** 22, 'from 1 to 4194303'],
  ['maxRequestsPerSecond', 0.5, 'at least 1 a second'],
  ['maxRequestsPerSecond', Number.NaN, 'at least 1 a second'],
  ['maxRequestsPerSecond', undefined, 'at least 1 a second'],
  ['maxStrayAnswersPerSecond', 0, 'at least 1 a second'],
  ['maxStrayAnswersPerSecond', -1, 'at least 1 a second'],
])('%s = %s is the caller’s fault, and the error names the limit and what it may be', (name, value, range) => {
  const parameter = `limits.${name}`;
  expect(() => new Pair({ [name]: value })).toThrow(
    expect.objectContaining({
      name: 'CepError',
      code: 'INVALID_PARAMETER',
      message: expect.stringMatching(new RegExp(`^${parameter} is ${String(value)}; it must be .*${range}`)),
      details: { parameter },
    }),
  );
});
