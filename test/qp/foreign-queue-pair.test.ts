import { describe, expect, test } from 'vitest';
import { peerOf, World } from './world.js';

/** Connections of queue pairs that are elsewhere: only their numbers are known here. */

const code = (name: string): object => expect.objectContaining({ code: name }) as object;

describe('a queue pair that is elsewhere', () => {
  test('is connected to one of ours, and says what state and attributes it ought to have there', () => {
    const world = new World();
    const client = world.client.createForeign(0x1234, 'client');
    const server = world.server.create('server');
    client.connect(world.request({ startingPsn: 5 }), world.now);
    expect(client).toMatchObject({ qpn: 0x1234, state: 'INIT' });
    world.run();
    server.accept(world.server.fetch(), { startingPsn: 7 }, world.now);
    world.run();
    expect(peerOf(server)).toBe(0x1234);
    expect(client.query()).toMatchObject({
      state: 'RTS',
      destinationQpn: server.qpn,
      receivePsn: 5,
      sendPsn: 7,
      mtu: server.query().mtu,
    });
    client.disconnect({}, world.now);
    expect([client.state, client.query().destinationQpn]).toEqual(['ERR', server.qpn]);
    world.settle();
    expect(client.query()).toEqual({ state: 'RESET' });
    expect(world.leftovers()).toEqual([]);
  });

  test('R3: R7: is refused while its number is in use or in timewait, like any other', () => {
    const world = new World();
    const [client, same] = ['client', 'same'].map((name) => world.client.createForeign(0x1234, name));
    client?.connect(world.request(), world.now);
    expect(() => same?.connect(world.request(), world.now)).toThrow(code('QPN_IN_USE'));
    world.run();
    world.server.create('server').accept(world.server.fetch(), { startingPsn: 7 }, world.now);
    world.run();
    client?.abort(world.now);
    expect(() => client?.connect(world.request(), world.now)).toThrow(code('QPN_IN_USE'));
    world.settle();
    same?.connect(world.request(), world.now);
    expect(same?.connectionState).toBe('REQ_SENT');
    expect(world.leftovers()).toEqual([]);
  });

  test('R11: R15: R22: is gone when its connection is, and then refuses every call', () => {
    const world = new World();
    const client = world.client.createForeign(0x1234, 'client');
    client.connect(world.request(), world.now);
    world.client.destroy(client, world.now);
    expect([client.state, client.destroyed, world.client.gone]).toEqual(['ERR', true, []]);
    world.client.cm.poll(world.now);
    expect(world.client.gone).toEqual(['client']);
    for (const call of [
      () => client.connect(world.request(), world.now),
      () => client.abort(world.now),
      () => client.destroy(world.now),
    ])
      expect(call).toThrow(code('DESTROYED'));
    expect(world.leftovers()).toEqual([]);
  });

  test('is of a connection as well, not of datagrams', () => {
    const world = new World();
    expect(() => world.client.createForeign(5, 'client', { transport: 'ud' as 'rc' })).toThrow(
      code('INVALID_TRANSPORT'),
    );
    expect(world.leftovers()).toEqual([]);
  });
});
