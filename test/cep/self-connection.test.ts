import { expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { Pair, SERVICE, type Side } from './pair.js';

/** Both ends in one manager, as between two programs of one host. */

function deliver(pair: Pair, side: Side): void {
  for (let sent = side.transmits(); sent.length > 0; sent = side.transmits()) {
    for (const bytes of sent) pair.inject(side, bytes, side.gid);
  }
}

function connect(pair: Pair, side: Side, qpn: number): { active: Cid; passive: Cid } {
  const active = side.owner.create();
  const path = { localGid: side.gid, remoteGid: side.gid };
  side.owner.sendReq(active, pair.request({ path, qpn }), pair.now);
  deliver(pair, side);
  const request = side.onlyEvent();
  expect(request.type).toBe('req_received');
  expect(() => side.owner.sendRep(request.cid, { qpn, startingPsn: 0 }, pair.now)).toThrow(
    expect.objectContaining({ code: 'QPN_IN_USE' }),
  );
  side.owner.sendRep(request.cid, { qpn: qpn + 1, startingPsn: 0 }, pair.now);
  deliver(pair, side);
  expect(side.onlyEvent()).toMatchObject({ type: 'rep_received', cid: active });
  side.owner.sendRtu(active, {}, pair.now);
  deliver(pair, side);
  expect(side.onlyEvent()).toMatchObject({ type: 'rtu_received', cid: request.cid });
  return { active, passive: request.cid };
}

test('a manager connects with itself, more than once, and takes neither side for the other', () => {
  const pair = new Pair();
  const side = pair.server;
  const listener = side.owner.create();
  side.owner.listen(listener, { serviceId: SERVICE, backlog: 4 }, pair.now);
  const first = connect(pair, side, 0x100);
  const second = connect(pair, side, 0x110);
  side.owner.sendDreq(first.passive, {}, pair.now);
  deliver(pair, side);
  expect(side.onlyEvent()).toMatchObject({ type: 'dreq_received', cid: first.active });
  side.owner.sendDrep(first.active, {}, pair.now);
  deliver(pair, side);
  expect(side.onlyEvent()).toMatchObject({ type: 'drep_received', cid: first.passive });
  expect(side.owner.state(second.active)).toBe('ESTABLISHED');
  expect(side.owner.state(second.passive)).toBe('ESTABLISHED');
  expect(side.drops()).toEqual({});
  side.owner.close(pair.now);
  deliver(pair, side);
  while (pair.advance()) deliver(pair, side);
  expect(pair.leftovers()).toEqual([{}, {}]);
});
