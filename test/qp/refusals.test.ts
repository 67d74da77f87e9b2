import { describe, expect, test } from 'vitest';
import type { IbcmError } from '../../src/base/index.js';
import type { CmMad } from '../../src/wire/index.js';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { peerOf, World } from './world.js';

/** Peers that ask for what a queue pair cannot do, consumers that ask for what is not to be had, and machines without room. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;
const FREE = { state: 'RESET', connectionState: undefined };

/** A field of a message, whatever the message is. */
const field = (mad: CmMad | undefined, name: string): unknown =>
  (mad?.fields as unknown as Record<string, unknown> | undefined)?.[name];

function thrownBy(call: () => void): IbcmError {
  try {
    call();
  } catch (error) {
    return error as IbcmError;
  }
  throw new Error('an error was expected');
}

/** Changes the message on its way. */
function alter(world: World, changes: object): void {
  const flight = world.pair.take();
  world.pair.inject(flight.to, world.pair.altered(flight, changes), flight.from.gid);
}

describe('a request for what the queue pair cannot do is rejected with the reason', () => {
  test.each([
    ['invalidPathMtu', { pathPacketPayloadMtu: 0 }],
    ['invalidPathMtu', { pathPacketPayloadMtu: 6 }],
    ['unsupportedRequest', { pKey: 0 }],
    ['unsupportedRequest', { localQpn: 1 }],
    ['invalidTransportServiceType', { transportServiceType: 1 }],
  ] as const)('%s', (reason, changes) => {
    const world = new World();
    const client = world.client.create('client');
    const server = world.server.create('server');
    client.connect(world.request(), world.now);
    alter(world, changes);
    world.run();
    const request = world.server.fetch();
    expect(() => server.accept(request, { startingPsn: 7 }, world.now)).toThrow(
      code(reason === 'invalidTransportServiceType' ? 'MISSING_ATTRIBUTE' : 'INVALID_ATTRIBUTE'),
    );
    expect(request.over).toBe(true);
    expect(server).toMatchObject(FREE);
    expect(field(world.pair.take().mad, 'reason')).toBe(REJECT_REASONS[reason]);
    expect(world.leftovers()).toEqual([]);
  });
});

describe('a REP that the queue pair cannot follow', () => {
  test.each([true, false])('is rejected, and the consumer is told why (automatic: %s)', (automatic) => {
    const world = new World();
    const client = world.client.create('client', { automatic });
    const server = world.server.create('server');
    server.accept(world.requested(client), { startingPsn: 7 }, world.now);
    alter(world, { localQpn: 1 });
    world.client.cm.poll(world.now);
    if (!automatic) {
      const failure = thrownBy(() => client.sendRtu({}, world.now));
      expect(failure).toMatchObject({ code: 'INVALID_ATTRIBUTE' });
      expect(client).toMatchObject({ state: 'INIT', connectionState: 'REP_RCVD' });
      client.giveUp(failure, world.now);
    } else expect(world.client.told).toMatchObject([{ type: 'rep_received', failure: code('INVALID_ATTRIBUTE') }]);
    expect(client).toMatchObject({ state: 'ERR', connectionState: 'TIMEWAIT' });
    world.pair.collect();
    expect(field(world.pair.wire[0]?.mad, 'reason')).toBe(REJECT_REASONS.unsupportedRequest);
    world.settle();
    expect(world.client.types()).toEqual(['rep_received', 'timewait_exit']);
    for (const each of [client, server]) expect(each).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });

  test('is disconnected if there is no room for the answer, and the consumer is told', () => {
    const world = new World({ maxMads: 8 });
    const client = world.client.create('client');
    const server = world.server.create('server');
    const request = world.requested(client);
    server.accept(request, { startingPsn: 7 }, world.now);
    world.pair.deliverAll();
    // Requests that are not answered keep their buffers, until there are none.
    expect(() => {
      for (let other = 0; ; other += 1) world.client.create(`other ${other}`).connect(world.request(), world.now);
    }).toThrow(code('LIMIT_REACHED'));
    world.client.cm.poll(world.now);
    expect(world.client.told).toMatchObject([{ name: 'client', type: 'rep_received', failure: code('LIMIT_REACHED') }]);
    expect(client).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });
});

describe('a call that is refused changes nothing', () => {
  test('R3: a queue pair in a connection accepts no request; the request waits, and another one accepts it', () => {
    const world = new World();
    const { server } = world.connected();
    const peer = peerOf(server);
    const other = world.client.create('other');
    const request = world.requested(other);
    expect(() => server.accept(request, { startingPsn: 7 }, world.now)).toThrow(code('QPN_IN_USE'));
    const tooMuch = { startingPsn: 7, privateData: new Uint8Array(197) };
    const free = world.server.create('free');
    expect(() => free.accept(request, tooMuch, world.now)).toThrow(expect.objectContaining({ name: 'EncodeError' }));
    expect(request.over).toBe(false);
    expect(free).toMatchObject(FREE);
    expect(server).toMatchObject({ state: 'RTS', connectionState: 'ESTABLISHED' });
    expect(peerOf(server)).toBe(peer);
    free.accept(request, { startingPsn: 7 }, world.now);
    world.run();
    for (const each of [other, free]) expect(each).toMatchObject({ state: 'RTS', connectionState: 'ESTABLISHED' });
    expect(world.leftovers()).toEqual([]);
  });

  test('R12: a request that is given up is rejected at once, in whatever state, and giving it up again is harmless', () => {
    const world = new World();
    const client = world.client.create('client');
    const request = world.requested(client);
    expect(request.commIds.remote).not.toBe(0);
    for (const _ of [1, 2]) request.destroy(world.now);
    expect(request.over).toBe(true);
    expect(() => request.commIds).toThrow(code('REQUEST_OVER'));
    world.run();
    expect(world.client.types()).toEqual(['rej_received']);
    const accepted = world.requested(client);
    const server = world.server.create('server');
    server.accept(accepted, { startingPsn: 7 }, world.now);
    accepted.destroy(world.now);
    world.run();
    expect(server.state).toBe('RTS');
    expect(world.leftovers()).toEqual([]);
  });

  test('R3: R7: a queue pair that gave a connection up is refused until timewait is over, and can be bound then', () => {
    const world = new World();
    const { client } = world.connected();
    client.abort(world.now);
    expect(client).toMatchObject(FREE);
    expect(() => client.connect(world.request(), world.now)).toThrow(code('QPN_IN_USE'));
    expect(client).toMatchObject(FREE);
    world.settle();
    client.connect(world.request(), world.now);
    expect(client.connectionState).toBe('REQ_SENT');
    expect(world.leftovers()).toEqual([]);
  });

  test('a value that does not fit sends nothing, and leaves the queue pair in RESET', () => {
    const world = new World();
    const client = world.client.create('client');
    const tooMuch = { privateData: new Uint8Array(93) };
    expect(() => client.connect(world.request(tooMuch), world.now)).toThrow();
    expect(() => client.connect(world.request({ pKey: 0x8000 }), world.now)).toThrow(code('INVALID_ATTRIBUTE'));
    expect(() => client.connect(world.request({ path: { ...world.request().path, port: 2 } }), world.now)).toThrow(
      code('INVALID_ATTRIBUTE'),
    );
    expect(client).toMatchObject(FREE);
    expect(world.pair.onWire()).toEqual([]);
    expect(world.leftovers()).toEqual([]);
  });

  test('R15: without a connection there is nothing to do, and after the queue pair’s destruction neither', () => {
    const world = new World();
    const client = world.client.create('client');
    const calls: readonly (() => void)[] = [
      () => client.sendRep({ startingPsn: 1 }, world.now),
      () => client.sendRtu({}, world.now),
      () => client.sendMra({}, world.now),
      () => client.sendRej({ reason: 28 }, world.now),
      () => client.established(world.now),
      () => client.disconnect({}, world.now),
      () => client.sendDrep({}, world.now),
      () => client.sendLap({ path: world.request().path }, world.now),
      () => client.sendApr({}, world.now),
      () => client.migrate(world.now),
    ];
    for (const call of calls) expect(call).toThrow(code('NOT_CONNECTED'));
    client.abort(world.now);
    world.client.destroy(client, world.now);
    const late = [...calls, () => client.connect(world.request(), world.now), () => client.abort(world.now)];
    for (const call of late) expect(call).toThrow(code('DESTROYED'));
    expect(() => client.destroy(world.now)).toThrow(code('DESTROYED'));
    expect(world.leftovers()).toEqual([]);
  });

  test('a datagram queue pair has no connection', () => {
    const world = new World();
    expect(() => world.client.create('client', { transport: 'ud' as 'rc' })).toThrow(code('INVALID_TRANSPORT'));
    expect(world.leftovers()).toEqual([]);
  });
});

describe('a request', () => {
  test('that its sender takes back is over, and the consumer is told', () => {
    const world = new World();
    const client = world.client.create('client');
    const server = world.server.create('server');
    const request = world.requested(client);
    client.abort(world.now);
    world.run();
    expect(world.server.withdrawn).toEqual(['rej_received']);
    expect(request.over).toBe(true);
    expect(() => server.accept(request, { startingPsn: 7 }, world.now)).toThrow(code('REQUEST_OVER'));
    expect(() => request.reject({}, world.now)).toThrow(code('REQUEST_OVER'));
    expect(server).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });

  test('can be accepted by a queue pair of the same interface only, and afterwards still be', () => {
    const world = new World();
    const client = world.client.create('client');
    const server = world.server.create('server');
    const request = world.requested(client);
    const other = world.client.create('other');
    expect(() => other.accept(request, { startingPsn: 7 }, world.now)).toThrow(code('INVALID_ID'));
    server.accept(request, { startingPsn: 7 }, world.now);
    world.run();
    expect(client.state).toBe('RTS');
    expect(world.leftovers()).toEqual([]);
  });

  test('is rejected with the reason and the data that the consumer gives', () => {
    const world = new World();
    const client = world.client.create('client');
    const request = world.requested(client);
    request.reject({ reason: REJECT_REASONS.noResources, privateData: Uint8Array.of(9) }, world.now);
    expect(field(world.pair.first('REQ').mad, 'localQpn')).toBe(client.qpn);
    world.run();
    expect(field(world.pair.last('REJ').mad, 'reason')).toBe(REJECT_REASONS.noResources);
    expect(client).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });

  test('that asks a question (SIDR) is answered when it is rejected', () => {
    const world = new World();
    const question = world.client.cm.createId(() => {}, undefined);
    const { path, serviceId } = world.request();
    world.client.cm.sendSidrReq(question, { path, serviceId }, world.now);
    world.run();
    world.server.fetch().reject({}, world.now);
    world.run();
    expect(world.pair.last('SIDR_REP').mad.fields.status).not.toBe(0);
    world.client.cm.destroyId(question, world.now);
    expect(world.leftovers()).toEqual([]);
  });
});

test('R15: a request whose interface is closed is over at once', () => {
  const world = new World();
  const request = world.requested(world.client.create('client'));
  world.server.cm.close(world.now);
  expect(request.over).toBe(true);
  expect(() => request.reject({}, world.now)).toThrow(code('REQUEST_OVER'));
  expect(world.leftovers()).toEqual([]);
});

test('a queue pair whose interface is closed is in ERR, refuses calls, and can still be destroyed (R11)', () => {
  const world = new World();
  const { client } = world.connected();
  world.client.cm.close(world.now);
  expect(() => client.disconnect({}, world.now)).toThrow(code('CLOSED'));
  world.client.cm.poll(world.now);
  expect(client).toMatchObject({ state: 'ERR', connectionState: undefined });
  expect(() => client.connect(world.request(), world.now)).toThrow(code('CLOSED'));
  world.client.destroy(client, world.now);
  expect(world.client.gone).toEqual([]);
  world.client.cm.poll(world.now);
  expect(world.client.gone).toEqual(['client']);
  expect(world.leftovers()).toEqual([]);
});
