import { expect, test } from 'vitest';
import { known, Pair } from './pair.js';

/** Orders of events that the explorer found to go wrong. */

test('a REQ that comes late, after its sender began anew from the same queue pair, leaves nobody alone with a connection', () => {
  const pair = new Pair();
  pair.listen();
  const first = pair.client.owner.create();
  pair.client.owner.sendReq(first, pair.request(), pair.now);
  const late = known('REQ', pair.take());
  pair.client.owner.destroy(first, pair.now);
  pair.loseAll();

  const { client, server } = pair.requested();
  pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
  const rep = known('REP', pair.take());
  pair.deliver(late);
  expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'stale', cid: server });

  pair.deliver(rep);
  expect(pair.client.onlyEvent().type).toBe('rep_received');
  pair.client.owner.sendRtu(client, {}, pair.now);
  pair.deliverAll();
  expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', mad: { fields: { reason: 10 } } });
  expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
  expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  expect(pair.leftovers()).toEqual([{}, {}]);
});
