import { describe, expect, test } from 'vitest';
import type { Cid, Duration } from '../../src/base/index.js';
import { REJECT_REASONS } from '../../src/wire/index.js';
import { Pair } from './pair.js';

/** What only `npm run check:table` asks for: the rare states' share of what is told elsewhere of the common ones. */

/** A server whose REP has been answered with an MRA, and the total time it was given. */
function repMraReceived(deadlineMs = 60_000): { pair: Pair; client: Cid; server: Cid } {
  const pair = new Pair();
  pair.listen();
  const { client, server } = pair.requested();
  const timing = { responseTimeout: 1_000_000 as Duration, retries: 3, deadline: (deadlineMs * 1_000) as Duration };
  pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, timing }, pair.now);
  pair.deliverAll();
  pair.client.onlyEvent();
  pair.client.owner.sendMra(client, { serviceTimeout: 24 }, pair.now);
  pair.deliverAll();
  expect(pair.server.onlyEvent().type).toBe('mra_received');
  expect(pair.server.owner.state(server)).toBe('REP_MRA_RCVD');
  return { pair, client, server };
}

describe('in REP_MRA_RCVD', () => {
  test('the total time ends the wait that the MRA made longer, and the peer is told', () => {
    const { pair, server } = repMraReceived(2_000);
    pair.elapse(2_001_000);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rep_error', cause: 'deadline' });
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
    expect(pair.take().mad).toMatchObject({ message: 'REJ', fields: { reason: REJECT_REASONS.timeout } });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('the consumer may still reject: it ends in timewait, the peer is told', () => {
    const { pair, client, server } = repMraReceived();
    pair.server.owner.sendRej(server, { reason: REJECT_REASONS.consumerReject }, pair.now);
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cid: client });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});
