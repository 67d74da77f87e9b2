import { describe, expect, test } from 'vitest';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { detour } from '../cep/pair.js';
import { peerOf, World } from './world.js';

/** What a connected queue pair does with each event, in the order in which all goes well; `orders.test.ts` has the others. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;
const ESTABLISHED = { state: 'RTS', connectionState: 'ESTABLISHED' };
const FREE = { state: 'RESET', connectionState: undefined };

describe('a connection', () => {
  test.each(['rc', 'uc'] as const)('leads both queue pairs to RTS (%s)', (transport) => {
    const world = new World();
    const { client, server } = world.connected({ transport });
    for (const each of [client, server]) expect(each).toMatchObject(ESTABLISHED);
    expect([peerOf(client), peerOf(server)]).toEqual([server.qpn, client.qpn]);
    expect(client.query().receivePsn).toBe(server.query().sendPsn);
    expect(world.client.told).toMatchObject([{ type: 'rep_received', state: 'RTS', failure: undefined }]);
    expect(world.server.told).toMatchObject([{ type: 'rtu_received', state: 'RTS', failure: undefined }]);
    expect(world.leftovers()).toEqual([]);
  });

  test('begins with INIT at the active side and RTR at the passive, before the peer hears of it', () => {
    const world = new World();
    const client = world.client.create('client', { accessFlags: 6 });
    const server = world.server.create('server', { minRnrTimer: 12 });
    const request = world.requested(client);
    expect(request.over).toBe(false);
    expect(client).toMatchObject({ state: 'INIT', connectionState: 'REQ_SENT' });
    expect(client.query().accessFlags).toBe(6);
    server.accept(request, { startingPsn: 7 }, world.now);
    expect(server).toMatchObject({ state: 'RTR', connectionState: 'REP_SENT' });
    expect(server.query()).toMatchObject({ minRnrTimer: 12, destinationQpn: client.qpn });
    expect(world.leftovers()).toEqual([]);
  });

  test('that data shows to stand leads to RTS without the RTU', () => {
    const world = new World();
    const server = world.server.create('server');
    server.accept(world.requested(world.client.create('client')), { startingPsn: 7 }, world.now);
    world.pair.loseAll();
    server.established(world.now);
    world.server.cm.poll(world.now);
    expect(server).toMatchObject(ESTABLISHED);
    expect(world.server.told).toMatchObject([{ type: 'rtu_received', cause: 'established' }]);
    expect(world.leftovers()).toEqual([]);
  });

  test('ends in ERR and timewait on both sides, and after it both queue pairs can be connected again', () => {
    const world = new World();
    const { client, server } = world.connected();
    world.client.types();
    world.server.types();
    client.disconnect({}, world.now);
    expect(client.state).toBe('ERR');
    world.run();
    for (const each of [client, server]) expect(each).toMatchObject({ state: 'ERR', connectionState: 'TIMEWAIT' });
    expect(() => client.connect(world.request(), world.now)).toThrow(code('QPN_IN_USE'));
    expect(client).toMatchObject({ state: 'ERR', connectionState: 'TIMEWAIT' });
    world.settle();
    for (const each of [client, server]) expect(each).toMatchObject(FREE);
    expect(world.client.types()).toEqual(['drep_received', 'timewait_exit']);
    expect(world.server.types()).toEqual(['dreq_received', 'timewait_exit']);
    server.accept(world.requested(client), { startingPsn: 9 }, world.now);
    world.run();
    for (const each of [client, server]) expect(each).toMatchObject(ESTABLISHED);
    expect(world.leftovers()).toEqual([]);
  });

  test('that ended long before anybody polls is over with the first event that says so', () => {
    const world = new World();
    const { client } = world.connected();
    client.disconnect({}, world.now);
    world.pair.exhaust();
    world.client.types();
    world.client.cm.poll(world.now);
    expect(world.client.types()).toEqual(['dreq_error']);
    expect(client).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });

  test('can be connected again from the callback that tells of its end', () => {
    const world = new World();
    const client = world.client.create('client');
    const server = world.server.create('server');
    let refused = 0;
    world.client.onEvent = (queuePair, { type }) => {
      if (type !== 'rej_received') return;
      expect(queuePair).toMatchObject(FREE);
      refused += 1;
      queuePair.connect(world.request(), world.now);
    };
    world.requested(client).reject({}, world.now);
    world.run();
    expect(refused).toBe(1);
    server.accept(world.server.fetch(), { startingPsn: 7 }, world.now);
    world.run();
    for (const each of [client, server]) expect(each).toMatchObject(ESTABLISHED);
    expect(world.leftovers()).toEqual([]);
  });

  test('of peers that ask each other connects the two queue pairs that asked', () => {
    const world = new World();
    const [client, server] = [world.client.create('client'), world.server.create('server')];
    client.connect(world.request({ peerToPeer: true, initiatorDepth: 3, responderResources: 5 }), world.now);
    server.connect(world.opposite({ peerToPeer: true }), world.now);
    world.run();
    for (const each of [client, server]) expect(each).toMatchObject(ESTABLISHED);
    expect([peerOf(client), peerOf(server)]).toEqual([server.qpn, client.qpn]);
    expect(client.query()).toMatchObject({ initiatorDepth: 3, responderResources: 5 });
    expect(world.client.types()).toEqual(['req_received', 'rtu_received']);
    expect(world.server.types()).toEqual(['rep_received']);
    expect(world.leftovers()).toEqual([]);
  });

  test('whose consumer answers itself waits for it', () => {
    const world = new World();
    const client = world.client.create('client', { automatic: false });
    const server = world.server.create('server', { automatic: false });
    const request = world.requested(client);
    request.delay({}, world.now);
    world.run();
    expect(world.client.types()).toEqual(['mra_received']);
    server.accept(request, { startingPsn: 7 }, world.now);
    world.run();
    expect(client).toMatchObject({ state: 'INIT', connectionState: 'REP_RCVD' });
    client.sendRtu({ privateData: Uint8Array.of(1) }, world.now);
    world.run();
    for (const each of [client, server]) expect(each).toMatchObject(ESTABLISHED);
    server.disconnect({}, world.now);
    world.run();
    expect(client).toMatchObject({ state: 'ERR', connectionState: 'DREQ_RCVD' });
    client.sendDrep({}, world.now);
    expect(client.connectionState).toBe('TIMEWAIT');
    expect(world.leftovers()).toEqual([]);
  });

  test('can be refused by the active side, too', () => {
    const world = new World();
    const client = world.client.create('client', { automatic: false });
    const server = world.server.create('server');
    server.accept(world.requested(client), { startingPsn: 7 }, world.now);
    world.run();
    client.sendRej({ reason: REJECT_REASONS.consumerReject }, world.now);
    expect(client).toMatchObject({ state: 'ERR', connectionState: 'TIMEWAIT' });
    world.run();
    expect(world.server.told).toMatchObject([{ type: 'rej_received' }]);
    world.settle();
    for (const each of [client, server]) expect(each).toMatchObject(FREE);
    expect(world.leftovers()).toEqual([]);
  });

  test('goes on without the alternate path that the passive side refuses', () => {
    const world = new World();
    const { client, server } = world.connected({ minRnrTimer: 9 });
    expect(client.query().minRnrTimer).toBe(9);
    client.sendLap({ path: detour(world.pair) }, world.now);
    world.run();
    server.sendApr({ status: 3 }, world.now);
    world.run();
    for (const each of [client, server]) {
      expect(each).toMatchObject(ESTABLISHED);
      expect(each.query().alternatePath).toBeUndefined();
    }
    expect(world.leftovers()).toEqual([]);
  });

  test('that is disconnected before its consumer was told that it stands does not stand any more', () => {
    const world = new World();
    const server = world.server.create('server');
    const client = world.client.create('client');
    server.accept(world.requested(client), { startingPsn: 7 }, world.now);
    world.pair.deliverAll();
    world.client.cm.poll(world.now);
    world.pair.deliverAll();
    server.disconnect({}, world.now);
    world.server.cm.poll(world.now);
    expect(world.server.told).toMatchObject([{ type: 'rtu_received', state: 'ERR', failure: undefined }]);
    expect(world.leftovers()).toEqual([]);
  });

  test('moves to its alternate path and back', () => {
    const world = new World();
    const { client, server } = world.connected();
    const path = client.query().path;
    client.sendLap({ path: detour(world.pair) }, world.now);
    world.run();
    server.sendApr({}, world.now);
    world.run();
    expect(world.client.types()).toEqual(['rep_received', 'apr_received']);
    for (const each of [client, server]) expect(each.query().alternatePath).toBeDefined();
    const alternatePath = client.query().alternatePath;
    client.migrate(world.now);
    expect(client.query()).toMatchObject({ state: 'RTS', path: alternatePath, alternatePath: path });
    client.migrate(world.now);
    expect(client.query()).toMatchObject({ state: 'RTS', path, alternatePath });
    expect(world.leftovers()).toEqual([]);
  });
});
