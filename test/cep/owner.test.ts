import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { CepManager, type CepOwner } from '../../src/cep/index.js';
import { Pair, SERVICE } from './pair.js';

const code = (expected: string): object => expect.objectContaining({ code: expected }) as object;
const NOW = 0 as never;

/** Every call that takes a CID. */
const CALLS: Readonly<Record<string, (owner: CepOwner, cid: Cid, pair: Pair) => unknown>> = {
  listen: (owner, cid) => owner.listen(cid, { serviceId: SERVICE, backlog: 1 }, NOW),
  sendReq: (owner, cid, pair) => owner.sendReq(cid, pair.request(), NOW),
  sendRep: (owner, cid) => owner.sendRep(cid, { qpn: 0x300, startingPsn: 0 }, NOW),
  sendRtu: (owner, cid) => owner.sendRtu(cid, {}, NOW),
  sendRej: (owner, cid) => owner.sendRej(cid, { reason: 28 }, NOW),
  sendMra: (owner, cid) => owner.sendMra(cid, {}, NOW),
  sendDreq: (owner, cid) => owner.sendDreq(cid, {}, NOW),
  sendDrep: (owner, cid) => owner.sendDrep(cid, {}, NOW),
  established: (owner, cid) => owner.established(cid, NOW),
  destroy: (owner, cid) => owner.destroy(cid, NOW),
  state: (owner, cid) => owner.state(cid),
};

describe('R19: a CID', () => {
  test.each(Object.entries(CALLS))(
    'that is not a CEP of the owner is refused by %s, and nothing has changed',
    (_, call) => {
      const pair = new Pair();
      pair.listen();
      const { client } = pair.established();
      const stranger = pair.client.manager.openOwner();
      const own = stranger.create();
      stranger.destroy(own, NOW);
      const before = pair.client.manager.usage();
      const invented = [0, -1, 1, 2 ** 20, 2 ** 21 + 1, 2 ** 52, 0.5, Number.NaN, Number.POSITIVE_INFINITY] as Cid[];
      for (const cid of [client, own, ...invented])
        expect(() => call(stranger, cid, pair)).toThrow(code('INVALID_CID'));
      expect(pair.client.manager.usage()).toEqual(before);
      expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
      expect(pair.onWire()).toEqual([]);
    },
  );

  test('is never given twice, though its place is', () => {
    const pair = new Pair({ maxCeps: 2 });
    const seen = new Set<Cid>();
    for (let time = 0; time < 100; time += 1) {
      const cid = pair.client.owner.create();
      expect(seen.has(cid)).toBe(false);
      seen.add(cid);
      pair.client.owner.destroy(cid, NOW);
      expect(() => pair.client.owner.destroy(cid, NOW)).toThrow(code('INVALID_CID'));
    }
  });

  test('of an unbound CEP means nothing to anyone, while the CEP goes on', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.established();
    pair.client.owner.destroy(client, pair.now);
    expect(pair.client.manager.usage().ceps).toBe(1);
    expect(() => pair.client.owner.state(client)).toThrow(code('INVALID_CID'));
    expect(() => pair.client.owner.destroy(client, pair.now)).toThrow(code('INVALID_CID'));
  });
});

describe('events', () => {
  test('come in order for each CEP, and no CEP waits for another to be read out', () => {
    const pair = new Pair();
    pair.listen();
    const first = pair.requested();
    const second = pair.requested({ qpn: 0x101 });
    for (const { server } of [first, first, second]) pair.server.owner.sendMra(server, {}, pair.now);
    pair.server.owner.sendRep(first.server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    expect(pair.client.events().map(({ type, cid }) => [type, cid])).toEqual([
      ['mra_received', first.client],
      ['mra_received', second.client],
      ['mra_received', first.client],
      ['rep_received', first.client],
    ]);
  });

  test('go to the owner of the CEP only', () => {
    const pair = new Pair();
    const other = pair.server.manager.openOwner();
    const listener = other.create();
    other.listen(listener, { serviceId: SERVICE, backlog: 4 }, pair.now);
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
    pair.deliverAll();
    expect(pair.server.owner.pollEvent()).toBeUndefined();
    expect(other.pollEvent()).toMatchObject({ type: 'req_received', listener });
    expect(other.pollEvent()).toBeUndefined();
    other.close(pair.now);
  });

  test('lend their message until the next poll, whatever happens meanwhile', () => {
    const pair = new Pair();
    pair.listen();
    const client = pair.client.owner.create();
    pair.client.owner.sendReq(client, pair.request({ privateData: Uint8Array.of(42) }), pair.now);
    pair.deliverAll();
    const event = pair.server.owner.pollEvent();
    if (event === undefined) throw new Error('an event');
    const { bytes, at, cid } = event;
    // An echo: the private data of the answer lies in the lent buffer.
    const privateData = bytes.subarray(at + 24 + 140, at + 24 + 232);
    pair.server.owner.sendRep(cid, { qpn: 0x200, startingPsn: 0, privateData }, pair.now);
    pair.deliverAll();
    expect(bytes[at + 24 + 140]).toBe(42);
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ localQpn: 0x200 });
    expect(pair.first('REP').mad.fields.privateData[0]).toBe(42);
  });
});

describe('closing an owner', () => {
  test('R21: ends every CEP it has, each as its state demands, and nothing is left over', () => {
    const pair = new Pair();
    pair.listen();
    pair.established();
    pair.replied({ qpn: 0x101 }, 0x201);
    pair.requested({ qpn: 0x102 });
    pair.client.owner.create();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn: 0x103 }), pair.now);
    pair.server.owner.close(pair.now);
    expect(pair.onWire().toSorted()).toEqual(['DREQ', 'REJ', 'REJ', 'REQ']);
    expect(pair.server.manager.usage()).toMatchObject({ listens: 0, events: 0, owners: 0 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('ends the requests nobody has polled', () => {
    const pair = new Pair();
    pair.listen();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
    pair.deliverAll();
    pair.server.owner.close(pair.now);
    expect(pair.loseAll()).toEqual(['REJ']);
    pair.server.manager.pollTransmit();
    expect(Object.values(pair.server.manager.usage()).every((count) => count === 0)).toBe(true);
  });

  test('leaves other owners alone', () => {
    const pair = new Pair();
    const other = pair.client.manager.openOwner();
    const cid = other.create();
    pair.client.owner.create();
    pair.client.owner.close(pair.now);
    expect(other.state(cid)).toBe('IDLE');
    expect(other.size).toBe(1);
  });

  test('twice is harmless; any other call on it is refused', () => {
    const pair = new Pair();
    const { owner } = pair.client;
    const cid = owner.create();
    owner.close(NOW);
    owner.close(NOW);
    expect(() => owner.create()).toThrow(code('OWNER_CLOSED'));
    expect(() => owner.pollEvent()).toThrow(code('OWNER_CLOSED'));
    expect(() => owner.size).toThrow(code('OWNER_CLOSED'));
    for (const call of Object.values(CALLS)) expect(() => call(owner, cid, pair)).toThrow(code('OWNER_CLOSED'));
    // Nor does it come to life again with the next owner.
    pair.client.manager.openOwner();
    expect(() => owner.create()).toThrow(code('OWNER_CLOSED'));
  });

  test('a hundred thousand times leaves no trace', () => {
    const { manager } = new Pair().client;
    for (let time = 0; time < 100_000; time += 1) manager.openOwner().close(NOW);
    expect(manager).toBeInstanceOf(CepManager);
    expect(manager.usage().owners).toBe(1);
  });
});
