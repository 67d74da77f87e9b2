import { describe, expect, test } from 'vitest';
import type { ConnectedQueuePair } from '../../src/qp/index.js';
import { races } from './race.js';
import type { World } from './world.js';

/** Somebody else acts between two steps of `accept` or `connect`, at every place where that is thinkable. */

const INTRUDERS = {
  'destroys the queue pair': (world: World, name: 'client' | 'server', queuePair: ConnectedQueuePair<string>) =>
    world[name].destroy(queuePair, world.now),
  'gives the connection up': (world: World, _: 'client' | 'server', queuePair: ConnectedQueuePair<string>) =>
    queuePair.abort(world.now),
  'closes the interface': (world: World, name: 'client' | 'server') => world[name].cm.close(world.now),
};
const NAMES = Object.keys(INTRUDERS) as (keyof typeof INTRUDERS)[];
/** What a call may end with. */
const ENDS: Readonly<Record<keyof typeof INTRUDERS, readonly string[]>> = {
  'destroys the queue pair': ['none', 'DESTROYED'],
  'gives the connection up': ['none', 'INVALID_ID', 'INVALID_TRANSITION'],
  'closes the interface': ['none', 'CLOSED'],
};

describe.each(NAMES)('R8: R9: R15: somebody %s', (name) => {
  test('while it accepts: either that fails and the CEP is rejected, or it succeeds and the CEP is destroyed with the queue pair', () => {
    const all = races((world) => {
      const server = world.server.create('server');
      const request = world.requested(world.client.create('client'));
      return {
        end: world.server,
        call: () => server.accept(request, { startingPsn: 7 }, world.now),
        intruder: () => INTRUDERS[name](world, 'server', server),
      };
    });
    // formatRep, bind, three times getQpAttr, sendFormattedRep: before and after.
    expect(all).toHaveLength(12);
    for (const { error, wrong, world } of all) {
      expect(wrong).toEqual([]);
      expect(ENDS[name]).toContain(error?.code ?? 'none');
      const told = world.client.types();
      if (error !== undefined) expect(told).toEqual(['rej_received']);
      else if (name === 'destroys the queue pair') expect(told.join()).toMatch(/rej_received|dreq_received/);
    }
  });

  test('while it connects', () => {
    const all = races((world) => {
      const client = world.client.create('client');
      return {
        end: world.client,
        call: () => client.connect(world.request(), world.now),
        intruder: () => INTRUDERS[name](world, 'client', client),
      };
    });
    expect(all).toHaveLength(6);
    for (const { error, wrong } of all) {
      expect(wrong).toEqual([]);
      expect(ENDS[name]).toContain(error?.code ?? 'none');
    }
  });
});
