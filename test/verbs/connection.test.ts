import { describe, expect, test } from 'vitest';
import { type Cid, type Psn, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import { type QueuePair, QueuePairTable } from '../../src/verbs/index.js';
import { detour, Pair, type Side } from '../cep/pair.js';

/** Queue pairs led by what the CM says: `getQpAttr` into `modify`, as it is. */

const table = (seed: number): QueuePairTable =>
  new QueuePairTable({ random: new SeededRandom(seed), ledger: new ReferenceLedger() });

const ADDRESS = { flowLabel: 0, hopLimit: 64, sl: 0 };

interface End {
  readonly side: Side;
  readonly queuePair: QueuePair;
  readonly cid: Cid;
}

/** A connection that is established but for the RTU, with its queue pairs still in RESET. */
function connected(
  transport: 'rc' | 'uc',
  { alternate = false } = {},
): { readonly pair: Pair; readonly client: End; readonly server: End } {
  const pair = new Pair();
  pair.listen();
  const [ours, theirs] = [table(1).create({ transport }), table(2).create({ transport })];
  const { client, server } = pair.requested({
    transport,
    qpn: ours.qpn,
    startingPsn: 0x11,
    responderResources: 3,
    initiatorDepth: 4,
    retryCount: 5,
    rnrRetryCount: 6,
    pKey: 0x8001,
    mtu: 5,
    path: { ...pair.request().path, packetLife: 14, trafficClass: 5, sourcePort: 49_999 },
    ...(alternate && { alternatePath: { ...detour(pair), packetLife: 18 } }),
  });
  const reply = { qpn: theirs.qpn, startingPsn: 0x22, responderResources: 3, initiatorDepth: 2, failoverAccepted: 0 };
  pair.server.owner.sendRep(server, reply, pair.now);
  pair.deliverAll();
  pair.client.onlyEvent();
  return {
    pair,
    client: { side: pair.client, queuePair: ours, cid: client },
    server: { side: pair.server, queuePair: theirs, cid: server },
  };
}

describe('R2: a reliable connection’s queue pairs go to RTS with what getQpAttr says, as it is', () => {
  test.each([false, true])('with an alternate path: %s', (alternate) => {
    const { pair, client, server } = connected('rc', { alternate });
    for (const { side, queuePair, cid } of [client, server]) {
      for (const target of ['INIT', 'RTR', 'RTS'] as const) {
        queuePair.modify(side.owner.getQpAttr(cid, target, pair.now));
        expect(queuePair.state).toBe(target);
      }
    }
    const [ours, theirs] = [client.queuePair.query(), server.queuePair.query()];
    expect(ours).toMatchObject({
      pKey: 0x8001,
      port: 1,
      path: { localGid: pair.client.gid, remoteGid: pair.server.gid, trafficClass: 5, sourcePort: 49_999, ...ADDRESS },
      mtu: 5,
      destinationQpn: server.queuePair.qpn,
      receivePsn: 0x11,
      sendPsn: 0x22,
      retryCount: 5,
    });
    expect(theirs).toMatchObject({
      path: { localGid: pair.server.gid, remoteGid: pair.client.gid, ...ADDRESS },
      destinationQpn: client.queuePair.qpn,
      receivePsn: ours.sendPsn as Psn,
      sendPsn: ours.receivePsn as Psn,
    });
    // What the one may have under way, the other can hold.
    expect(ours.initiatorDepth).toBeLessThanOrEqual(theirs.responderResources ?? 0);
    expect(theirs.initiatorDepth).toBeLessThanOrEqual(ours.responderResources ?? 0);
    for (const values of [ours, theirs]) {
      expect('alternatePath' in values).toBe(alternate);
      expect('alternateAckTimeout' in values).toBe(alternate);
    }
  });

  test('and with what the consumer adds to it', () => {
    const { pair, client } = connected('rc');
    const { side, queuePair, cid } = client;
    queuePair.modify({ ...side.owner.getQpAttr(cid, 'INIT', pair.now), accessFlags: 6 });
    queuePair.modify({ ...side.owner.getQpAttr(cid, 'RTR', pair.now), minRnrTimer: 12 });
    expect(queuePair.query()).toMatchObject({ accessFlags: 6, minRnrTimer: 12 });
  });
});

test('an unreliable connection’s queue pairs do likewise: retries and depths, which they have not, are left out', () => {
  const { pair, client, server } = connected('uc', { alternate: true });
  for (const { side, queuePair, cid } of [client, server]) {
    for (const target of ['INIT', 'RTR', 'RTS'] as const) queuePair.modify(side.owner.getQpAttr(cid, target, pair.now));
    expect(queuePair.state).toBe('RTS');
  }
  expect(client.queuePair.query()).toMatchObject({ destinationQpn: server.queuePair.qpn, sendPsn: 0x22 });
});

test('a queue pair goes to ERR and RESET when its connection ends, and can be used for another', () => {
  const { pair, client } = connected('rc');
  const { side, queuePair, cid } = client;
  const lead = (): void => {
    for (const target of ['INIT', 'RTR', 'RTS'] as const) {
      queuePair.modify(side.owner.getQpAttr(cid, target, pair.now));
    }
  };
  lead();
  queuePair.modify({ state: 'ERR' });
  queuePair.modify({ state: 'RESET' });
  expect(queuePair.query()).toEqual({ state: 'RESET', accessFlags: 0, minRnrTimer: 0 });
  lead();
  expect(queuePair.state).toBe('RTS');
});
