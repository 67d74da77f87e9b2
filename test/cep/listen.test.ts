import { describe, expect, test } from 'vitest';
import { parseGid, type ServiceId } from '../../src/base/index.js';
import type { ListenParameters } from '../../src/cep/index.js';
import { encodeIpCmHeader, IP_CM_HEADER_BYTES } from '../../src/wire/index.js';
import { Pair, SERVICE } from './pair.js';

/** Which listener gets a request: by service ID under a mask, by port, and by a slice of the private data. */

const CONFLICT = expect.objectContaining({ code: 'LISTEN_CONFLICT' }) as object;
const ALL = 0xffff_ffff_ffff_ffffn;
const service = (id: bigint): ServiceId => id as ServiceId;

/** Listeners of a server, by name. */
class Listeners {
  readonly pair = new Pair();
  readonly #names = new Map<unknown, string>();
  #qpn = 0x100;

  add(name: string, parameters: Partial<ListenParameters>): ServiceId {
    const { owner } = this.pair.server;
    const cid = owner.create();
    try {
      const serviceId = owner.listen(cid, { serviceId: SERVICE, backlog: 99, ...parameters }, this.pair.now);
      this.#names.set(cid, name);
      return serviceId;
    } catch (error) {
      owner.destroy(cid, this.pair.now);
      throw error;
    }
  }

  destroy(name: string): void {
    for (const [cid, each] of this.#names)
      if (each === name) this.pair.server.owner.destroy(cid as never, this.pair.now);
  }

  /** Who gets a REQ; undefined if it is refused because nobody listens. */
  get(serviceId: bigint, port = 1, privateData: Uint8Array = new Uint8Array(0)): string | undefined {
    this.#qpn += 1;
    const { pair } = this;
    const { client, server } = pair;
    client.owner.sendReq(
      client.owner.create(),
      pair.request({ serviceId: service(serviceId), qpn: this.#qpn, privateData }),
      0 as never,
    );
    const { bytes } = pair.take();
    const from = { port, localGid: server.gid, remoteGid: client.gid, trafficClass: 0, sourcePort: 0 };
    server.manager.handleMad(bytes, 0, bytes.length, from, pair.now);
    const event = server.event();
    if (event === undefined) pair.deliverAll();
    return this.#names.get(event?.listener);
  }
}

describe('a listen under a mask', () => {
  test('gets every service ID that has its bits, and no other', () => {
    const listeners = new Listeners();
    listeners.add('tcp', { serviceId: service(0x0106_0000n), serviceMask: ALL ^ 0xffffn });
    expect(listeners.get(0x0106_0000n)).toBe('tcp');
    expect(listeners.get(0x0106_ffffn)).toBe('tcp');
    expect(listeners.get(0x0107_0000n)).toBeUndefined();
    expect(listeners.get(0x1_0106_0000n)).toBeUndefined();
  });

  test('of no bit gets everything; bits outside of the mask mean nothing', () => {
    const listeners = new Listeners();
    listeners.add('all', { serviceId: service(0x1234n), serviceMask: 0n });
    expect(listeners.get(0xffff_0000_1234_5678n)).toBe('all');
    expect(() => listeners.add('too', { serviceId: service(0x9999n), serviceMask: 0n })).toThrow(CONFLICT);
  });

  test('gives way to a narrower one, in whatever order they came', () => {
    for (const reverse of [false, true]) {
      const listeners = new Listeners();
      const masks = { all: 0n, space: ALL ^ 0xffffn, port: ALL };
      const names = Object.keys(masks) as (keyof typeof masks)[];
      for (const name of reverse ? names.toReversed() : names) {
        listeners.add(name, { serviceId: service(0x0106_0007n), serviceMask: masks[name] });
      }
      expect(listeners.get(0x0106_0007n)).toBe('port');
      expect(listeners.get(0x0106_0008n)).toBe('space');
      expect(listeners.get(0x0111_0007n)).toBe('all');
      listeners.destroy('port');
      expect(listeners.get(0x0106_0007n)).toBe('space');
      listeners.destroy('space');
      expect(listeners.get(0x0106_0007n)).toBe('all');
      listeners.destroy('all');
      expect(listeners.get(0x0106_0007n)).toBeUndefined();
      expect(listeners.pair.leftovers()).toEqual([{}, {}]);
    }
  });

  test('is refused beside one of as many bits that some ID would match as well', () => {
    const listeners = new Listeners();
    listeners.add('low', { serviceId: service(0x00_11n), serviceMask: 0x00ffn });
    expect(() => listeners.add('high', { serviceId: service(0x22_00n), serviceMask: 0xff00n })).toThrow(CONFLICT);
    listeners.add('other', { serviceId: service(0x22_12n), serviceMask: 0x0fffn });
    // The bits that both look at differ.
    listeners.add('apart', { serviceId: service(0x03n), serviceMask: 0xff_000fn });
    expect(() => listeners.add('together', { serviceId: service(0x02n), serviceMask: 0xff0_000fn })).toThrow(CONFLICT);
    expect(listeners.get(0x22_11n)).toBe('low');
  });

  test('is as good as another on another port, or for other data, however their masks overlap', () => {
    const listeners = new Listeners();
    listeners.add('low', { serviceId: service(0x11n), serviceMask: 0x00ffn, port: 1 });
    listeners.add('high', { serviceId: service(0x22_00n), serviceMask: 0xff00n, port: 2 });
    expect(listeners.get(0x22_11n, 1)).toBe('low');
    expect(listeners.get(0x22_11n, 2)).toBe('high');
  });
});

describe('a listen on a port', () => {
  test('gets what comes in there, and goes before one on all ports', () => {
    const listeners = new Listeners();
    listeners.add('any', {});
    listeners.add('second', { port: 2 });
    expect(listeners.get(SERVICE, 1)).toBe('any');
    expect(listeners.get(SERVICE, 2)).toBe('second');
    expect(() => listeners.add('second too', { port: 2 })).toThrow(CONFLICT);
    listeners.destroy('any');
    expect(listeners.get(SERVICE, 1)).toBeUndefined();
    listeners.destroy('second');
    listeners.add('second again', { port: 2 });
    expect(listeners.get(SERVICE, 2)).toBe('second again');
  });
});

describe('a listen that compares private data', () => {
  const slice = (offset: number, ...data: number[]): Partial<ListenParameters> => ({
    compare: { offset, data: Uint8Array.from(data) },
  });

  test('tells apart by the destination address of RDMA’s IP CM, and goes before one that does not', () => {
    const listeners = new Listeners();
    const address = (text: string): Uint8Array => parseGid(text).slice(12);
    // In the last 4 of the 16 bytes that begin at 20.
    listeners.add('first', { compare: { offset: 32, data: address('10.0.0.2') } });
    listeners.add('second', { compare: { offset: 32, data: address('10.0.0.3') } });
    listeners.add('any', {});
    const to = (text: string): Uint8Array => {
      const privateData = new Uint8Array(IP_CM_HEADER_BYTES);
      encodeIpCmHeader(
        { ipVersion: 4, sourcePort: 9, source: parseGid('10.0.0.1'), destination: parseGid(text) } as never,
        privateData,
      );
      return privateData;
    };
    expect(listeners.get(SERVICE, 1, to('10.0.0.2'))).toBe('first');
    expect(listeners.get(SERVICE, 1, to('10.0.0.3'))).toBe('second');
    expect(listeners.get(SERVICE, 1, to('10.0.0.4'))).toBe('any');
  });

  test('tells apart by what its user put behind the IP CM’s header, to the last byte', () => {
    const listeners = new Listeners();
    listeners.add('one', slice(36, 1));
    listeners.add('two', slice(36, 2));
    const data = (...user: number[]): Uint8Array => Uint8Array.from([...new Uint8Array(36), ...user]);
    expect(listeners.get(SERVICE, 1, data(1))).toBe('one');
    expect(listeners.get(SERVICE, 1, data(2, 9))).toBe('two');
    expect(listeners.get(SERVICE, 1, data(3))).toBeUndefined();
    const last = new Uint8Array(92);
    last[91] = 5;
    listeners.destroy('one');
    listeners.destroy('two');
    listeners.add('last', slice(91, 5));
    expect(listeners.get(SERVICE, 1, last)).toBe('last');
    expect(listeners.get(SERVICE, 1)).toBeUndefined();
  });

  test('is refused beside one that some data would match as well', () => {
    const listeners = new Listeners();
    listeners.add('one', slice(36, 1, 2));
    expect(() => listeners.add('same', slice(36, 1, 2))).toThrow(CONFLICT);
    expect(() => listeners.add('longer', slice(36, 1, 2, 3))).toThrow(CONFLICT);
    expect(() => listeners.add('elsewhere', slice(38, 1))).toThrow(CONFLICT);
    listeners.add('overlapping, but different', slice(37, 3, 2));
    listeners.add('on a port', { ...slice(36, 1, 2), port: 1 });
    expect(listeners.get(SERVICE, 1, Uint8Array.from([...new Uint8Array(36), 1, 2]))).toBe('on a port');
    expect(listeners.get(SERVICE, 2, Uint8Array.from([...new Uint8Array(36), 1, 2]))).toBe('one');
  });

  test('has its own copy of the data, even if it is given a Buffer', () => {
    const listeners = new Listeners();
    const data = Buffer.from([1]);
    listeners.add('one', { compare: { offset: 0, data } });
    data[0] = 2;
    expect(listeners.get(SERVICE, 1, Uint8Array.of(1))).toBe('one');
  });

  test('works for datagram services too', () => {
    const { pair } = new Listeners();
    const cid = pair.server.owner.create();
    const compare = { offset: 91, data: Uint8Array.of(1) };
    pair.server.owner.listen(cid, { serviceId: SERVICE, backlog: 1, compare }, pair.now);
    const path = pair.request().path;
    const privateData = new Uint8Array(92);
    for (const value of [0, 1]) {
      privateData[91] = value;
      pair.client.owner.sendSidrReq(pair.client.owner.create(), { path, serviceId: SERVICE, privateData }, pair.now);
    }
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ status: 1 });
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'sidr_req_received', listener: cid });
  });
});

describe('a listen without a service ID', () => {
  test('gets one that nobody has, each its own, administered locally', () => {
    const listeners = new Listeners();
    const { owner } = listeners.pair.server;
    const ids = [1, 2, 3].map(() => owner.listen(owner.create(), { backlog: 1 }, 0 as never));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id >> 56n).toBe(2n);
  });

  test('is not given what somebody asked for by number', () => {
    const listeners = new Listeners();
    const { owner } = listeners.pair.server;
    const [first = 0n] = [owner.listen(owner.create(), { backlog: 1 }, 0 as never)];
    listeners.add('squatter', { serviceId: service(first + 1n) });
    listeners.add('squatter on a port', { serviceId: service(first + 2n), port: 2 });
    const second = owner.listen(owner.create(), { backlog: 1 }, 0 as never);
    expect(second).toBe(first + 3n);
    expect(listeners.get(first + 1n)).toBe('squatter');
  });

  test('has no mask either', () => {
    const { owner } = new Listeners().pair.server;
    const call = (): unknown => owner.listen(owner.create(), { serviceMask: 0xffn, backlog: 1 }, 0 as never);
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
  });
});

test.each<[string, object]>([
  ['a mask of 65 bits', { serviceMask: 2n ** 64n }],
  ['a mask that is a number', { serviceMask: 5 }],
  ['port 0', { port: 0 }],
  ['port 256', { port: 256 }],
  ['data to compare beyond what a REQ has', { compare: { offset: 92, data: Uint8Array.of(1) } }],
  ['data to compare that ends beyond it', { compare: { offset: 91, data: Uint8Array.of(1, 2) } }],
  ['no data to compare', { compare: { offset: 0, data: new Uint8Array(0) } }],
])('listen refuses %s', (_, parameters) => {
  const listeners = new Listeners();
  const call = (): unknown => listeners.add('none', parameters);
  expect(call).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER' }));
  expect(listeners.pair.server.manager.usage()).toMatchObject({ ceps: 0, listens: 0 });
});

describe('a listen that is cancelled', () => {
  test('ends: requests are refused from then on, and its CEP can be used for anything', () => {
    const pair = new Pair();
    const listener = pair.listen();
    pair.server.owner.cancelListen(listener, pair.now);
    expect(pair.server.owner.state(listener)).toBe('IDLE');
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 8 });
    pair.server.owner.listen(listener, { serviceId: SERVICE, backlog: 1, atBacklog: 'silence' }, pair.now);
    const { client } = pair.requested({ qpn: 0x101 });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('rejects the requests that nobody has seen, and leaves the others to their owner', () => {
    const pair = new Pair();
    const listener = pair.listen();
    const seen = pair.requested({ qpn: 0x100 });
    const unseen = pair.client.owner.create();
    pair.client.owner.sendReq(unseen, pair.request({ qpn: 0x101 }), pair.now);
    pair.deliverAll();
    pair.server.owner.cancelListen(listener, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cid: unseen });
    expect(pair.server.events()).toEqual([]);
    pair.server.owner.sendRep(seen.server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rep_received', cid: seen.client });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

test('ten thousand listeners come and go quickly', () => {
  const pair = new Pair({ maxCeps: 10_000 });
  const { owner } = pair.server;
  const cids = Array.from({ length: 10_000 }, (_, each) => {
    const cid = owner.create();
    owner.listen(cid, { serviceId: service(BigInt(each)), backlog: 1 }, pair.now);
    return cid;
  });
  expect(pair.server.manager.usage().listens).toBe(10_000);
  for (const cid of cids) owner.destroy(cid, pair.now);
  expect(pair.leftovers()).toEqual([{}, {}]);
}, 2_000);
