import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import { Pair, SERVICE } from './pair.js';

/** Ten times as many requests as can be served, from many adapters: some are refused, and nobody else notices. */

const CONNECTIONS = 20;
const BACKLOG = 8;
/** Requests that the consumer serves in a turn, and that come in it. */
const SERVED = 4;
const OFFERED = 10 * SERVED;
const TURNS = 500;
const TURN = 100_000;
const LIMITS = { maxCeps: 4_096, maxMads: 8_192, maxTransmits: 1_024 };
const NO_RESOURCES = 3;
const FIRST_STRANGER = 1_000_000;

const gidOf = (stranger: number): Uint8Array => {
  const gid = new Uint8Array(16).fill(0xaa);
  new DataView(gid.buffer).setUint32(12, stranger);
  return gid;
};

/** What became of the strangers' requests, and what the server said to its old peer, and when. */
interface Course {
  readonly toPeer: string[];
  readonly refused: number;
  readonly served: number;
}

/** Some connections stand; the server ends every other one, and its peer does not answer. */
function course(offered: number): Course {
  const pair = new Pair(LIMITS);
  const listener = pair.listen(BACKLOG);
  const connections = Array.from({ length: CONNECTIONS }, (_, each) =>
    pair.established({ qpn: 100 + each }, 0x200 + each),
  );
  const peers = new Set(pair.sent.map(({ mad }) => (mad.message === 'REQ' ? mad.fields.localCommId : undefined)));
  const toPeer: string[] = [];
  let refused = 0;
  let served = 0;
  const waiting: Cid[] = [];
  const note = (): void => {
    pair.collect();
    for (const { mad, to } of pair.wire.splice(0)) {
      if (to !== pair.client) continue;
      const { message, fields } = mad;
      const remote = 'remoteCommId' in fields ? fields.remoteCommId : undefined;
      if (peers.has(remote)) toPeer.push(`${pair.now} ${message} ${remote}`);
      else if (message === 'REJ' && fields.reason === NO_RESOURCES) refused += 1;
    }
  };
  let stranger = FIRST_STRANGER;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const ending = connections[turn * 2];
    if (ending !== undefined) pair.server.owner.sendDreq(ending.server, {}, pair.now);
    for (let each = 0; each < offered; each += 1) {
      stranger += 1;
      const from = gidOf(stranger);
      const primaryPath = { localGid: from, remoteGid: pair.server.gid, localAckTimeout: 17 };
      const ids = { localCommId: stranger, localQpn: 2 + (stranger % 0xff_0000), localCaGuid: BigInt(stranger) };
      pair.inject(pair.server, pair.forge('REQ', { ...ids, serviceId: SERVICE, primaryPath }), from);
      note();
    }
    for (const { type, cid, listener: of } of pair.server.events())
      if (type === 'req_received' && of === listener) waiting.push(cid);
    for (const cid of waiting.splice(0, SERVED)) {
      pair.server.owner.sendRep(cid, { qpn: 0x10_0000 + served, startingPsn: 1 }, pair.now);
      pair.server.owner.destroy(cid, pair.now);
      served += 1;
    }
    note();
    const until = pair.now + TURN;
    while (pair.server.manager.nextTimeout() <= until) {
      pair.now = Math.max(pair.now, pair.server.manager.nextTimeout()) as typeof pair.now;
      pair.server.manager.handleTimeout(pair.now);
      note();
    }
    pair.now = until as typeof pair.now;
  }
  return { toPeer, refused, served };
}

describe('a flood of requests, ten times as many as are served', () => {
  const calm = course(0);
  const flooded = course(OFFERED);

  test('is served as far as it can be, and the rest is refused at once', () => {
    expect(flooded.served).toBe(SERVED * (TURNS - 1) + Math.min(SERVED, BACKLOG));
    expect(flooded.refused).toBeGreaterThan((OFFERED - SERVED - 1) * (TURNS - 2));
  });

  test('changes nothing for connections that stand: what they send, they send in the same moment', () => {
    expect(calm.toPeer.length).toBeGreaterThan(3 * CONNECTIONS);
    expect(flooded.toPeer).toEqual(calm.toPeer);
  });
});
