import { expect, test } from 'vitest';
import { Pair } from './pair.js';

test('a connection is made and ended from the active side, and nothing is left over', () => {
  const pair = new Pair();
  pair.listen();
  const { client, server } = pair.established();
  expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
  expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
  pair.client.owner.sendDreq(client, {}, pair.now);
  pair.deliverAll();
  expect(pair.server.onlyEvent().type).toBe('dreq_received');
  pair.server.owner.sendDrep(server, {}, pair.now);
  pair.deliverAll();
  expect(pair.client.onlyEvent().type).toBe('drep_received');
  while (pair.advance());
  expect(pair.client.onlyEvent()).toMatchObject({ type: 'timewait_exit', cause: 'elapsed' });
  expect(pair.server.onlyEvent()).toMatchObject({ type: 'timewait_exit', cause: 'elapsed' });
  expect(pair.sent.map(({ mad }) => mad.message)).toEqual(['REQ', 'REP', 'RTU', 'DREQ', 'DREP']);
  expect(pair.leftovers()).toEqual([{}, {}]);
});

test('an absent peer costs retries + 1 REQs and a REJ, and ends with req_error', () => {
  const pair = new Pair();
  const client = pair.client.owner.create();
  pair.client.owner.sendReq(client, pair.request({ maxCmRetries: 3 }), pair.now);
  expect(pair.exhaust()).toEqual(['REQ', 'REQ', 'REQ', 'REQ', 'REJ']);
  expect(pair.client.onlyEvent()).toMatchObject({ type: 'req_error', cause: 'retriesExhausted', transmissions: 4 });
  expect(pair.leftovers()).toEqual([{}, {}]);
});
