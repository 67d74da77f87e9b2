import { describe, expect, test } from 'vitest';
import type { Cid } from '../../src/base/index.js';
import type { ReqPath } from '../../src/wire/index.js';
import { type Known, known, madBytes, Pair, SERVICE } from './pair.js';

/** The side that listens. */

describe('a REQ', () => {
  test('makes a CEP of the listener’s owner, which gets the message and the listener', () => {
    const pair = new Pair();
    const listener = pair.listen();
    const client = pair.client.owner.create();
    pair.client.owner.sendReq(client, pair.request({ privateData: Uint8Array.of(1) }), pair.now);
    pair.deliverAll();
    const event = pair.server.onlyEvent();
    expect(event).toMatchObject({ type: 'req_received', cause: 'message', listener });
    expect(event.mad?.fields).toMatchObject({ localQpn: 0x100, serviceId: SERVICE });
    expect(event.cid).not.toBe(listener);
    expect(pair.server.owner.state(event.cid)).toBe('REQ_RCVD');
    expect(pair.server.owner.state(listener)).toBe('LISTEN');
    expect(pair.server.owner.size).toBe(2);
  });

  test('that is repeated is dropped while the consumer thinks, and counted', () => {
    const pair = new Pair();
    pair.listen();
    pair.requested();
    expect(pair.advanceToTransmission()).toEqual(['REQ']);
    pair.deliverAll();
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.manager.usage().ceps).toBe(2);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
    expect(pair.server.manager.counters.duplicates.REQ).toBe(1);
  });

  test('that is repeated after our MRA gets the MRA again', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendMra(server, { serviceTimeout: 20, privateData: Uint8Array.of(8) }, pair.now);
    const mra = pair.take();
    expect(pair.advanceToTransmission()).toEqual(['REQ']);
    pair.deliver(pair.take());
    expect(pair.take().bytes).toEqual(mra.bytes);
    expect(pair.server.manager.counters.duplicates.REQ).toBe(1);
    expect(pair.server.drops()).toEqual({});
    expect(pair.server.owner.state(server)).toBe('REQ_MRA_SENT');
  });

  test.each([
    ['REP_SENT', (pair: Pair) => pair.replied()],
    ['ESTABLISHED', (pair: Pair) => pair.established()],
    ['DREQ_RCVD', (pair: Pair) => pair.disconnecting()],
  ])('that comes late, in %s, is dropped', (state, reach) => {
    const pair = new Pair();
    pair.listen();
    const { server } = reach(pair);
    pair.deliver(pair.first('REQ'));
    expect(pair.onWire()).toEqual([]);
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.owner.state(server)).toBe(state);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
    expect(pair.server.manager.counters.duplicates.REQ).toBe(1);
  });

  test('of the same comm ID during our timewait is refused as stale; a new one from the same queue pair is welcome', () => {
    const pair = new Pair();
    pair.listen();
    pair.ended();
    const req = pair.first('REQ');
    pair.deliver(req);
    const { mad } = pair.take();
    const remoteCommId = req.mad.fields.localCommId;
    expect(mad.fields).toMatchObject({ reason: 10, messageRejected: 0, remoteCommId });
    expect(mad.header.transactionId).toBe(req.mad.header.transactionId);
    pair.inject(pair.server, pair.altered(req, { localCommId: 0x4242 }), pair.client.gid);
    expect(pair.server.onlyEvent().type).toBe('req_received');
  });

  test('to an unbound CEP in timewait is refused as stale', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.ended();
    pair.server.owner.destroy(server, pair.now);
    pair.deliver(pair.first('REQ'));
    expect(pair.take().mad.fields).toMatchObject({ reason: 10, messageRejected: 0 });
  });
});

describe('a REQ that is refused at once', () => {
  function refusal(fields: object, listening = true): Known<'REJ'>['mad'] {
    const pair = new Pair();
    if (listening) pair.listen();
    const client = pair.client.owner.create();
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    const req = known('REQ', pair.take());
    const before = pair.server.manager.usage();
    pair.inject(pair.server, pair.altered(req, fields), pair.client.gid);
    const { mad } = known('REJ', pair.take());
    expect(mad.header.transactionId).toBe(req.mad.header.transactionId);
    expect(mad.fields).toMatchObject({
      localCommId: 0,
      remoteCommId: req.mad.fields.localCommId,
      messageRejected: 0,
    });
    expect(pair.server.events()).toEqual([]);
    pair.server.manager.pollTransmit();
    expect(pair.server.manager.usage()).toEqual(before);
    pair.inject(pair.client, pair.last('REJ').bytes, pair.server.gid);
    expect(pair.client.onlyEvent().type).toBe('rej_received');
    expect(pair.client.owner.state(client)).toBe('IDLE');
    return mad;
  }

  test('nothing listens: 8', () => {
    expect(refusal({}, false).fields).toMatchObject({ reason: 8, rejectInfoLength: 0 });
    expect(refusal({ serviceId: SERVICE + 1n }).fields).toMatchObject({ reason: 8 });
  });

  test('the remote GID is not ours: 12, with ours', () => {
    const remoteGid = new Uint8Array(16).fill(9);
    const pair = new Pair();
    const path = { ...primaryPathOf(pair), remoteGid };
    const { fields } = refusal({ primaryPath: path });
    expect(fields).toMatchObject({ reason: 12, rejectInfoLength: 16 });
    expect(fields.additionalRejectInformation.slice(0, 16)).toEqual(pair.server.gid);
  });

  test('queue pair 0, reliable datagram and unknown extended transports: 9', () => {
    expect(refusal({ localQpn: 0 }).fields).toMatchObject({ reason: 9 });
    expect(refusal({ transportServiceType: 2 }).fields).toMatchObject({ reason: 9 });
    expect(refusal({ transportServiceType: 3 }).fields).toMatchObject({ reason: 9 });
    expect(refusal({ transportServiceType: 3, extendedTransportType: 2 }).fields).toMatchObject({ reason: 9 });
  });

  test('XRC: 5, unsupported', () => {
    expect(refusal({ transportServiceType: 3, extendedTransportType: 1 }).fields).toMatchObject({ reason: 5 });
  });

  test('a REQ whose own GID is not its sender’s is dropped: the answer would go to a stranger', () => {
    const pair = new Pair();
    pair.listen();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
    const req = pair.take();
    pair.inject(pair.server, req.bytes, new Uint8Array(16).fill(7));
    expect(pair.onWire()).toEqual([]);
    expect(pair.server.drops()).toEqual({ spoofedPath: 1 });
    expect(pair.server.manager.usage().ceps).toBe(1);
  });

  test('a REQ for unreliable connected transport is as good as any', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.requested({ transport: 'uc' });
    expect(pair.sent[0]?.mad.fields).toMatchObject({ transportServiceType: 1 });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
  });
});

function primaryPathOf(pair: Pair): ReqPath {
  pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
  return known('REQ', pair.take()).mad.fields.primaryPath;
}

describe('a listener', () => {
  function request(pair: Pair, qpn: number): void {
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn }), pair.now);
    pair.deliverAll();
  }

  test('with a full backlog refuses with "no resources", and accepts again when a request is answered', () => {
    const pair = new Pair();
    pair.listen(2);
    for (const qpn of [0x100, 0x101, 0x102]) request(pair, qpn);
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 3, messageRejected: 0 });
    const [first, second] = pair.server.events();
    if (first) pair.server.owner.sendRep(first.cid, { qpn: 0x200, startingPsn: 0 }, pair.now);
    request(pair, 0x103);
    expect(pair.server.onlyEvent().type).toBe('req_received');
    request(pair, 0x104);
    expect(pair.client.events().map(({ type }) => type)).toEqual(['rep_received', 'rej_received']);
    if (second) pair.server.owner.sendRej(second.cid, { reason: 28 }, pair.now);
    request(pair, 0x105);
    expect(pair.server.onlyEvent().type).toBe('req_received');
  });

  test('counts a request out of its backlog however it ends', () => {
    const pair = new Pair();
    pair.listen(1);
    const { client, server } = pair.requested();
    pair.client.owner.destroy(client, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('rej_received');
    const second = pair.requested();
    pair.server.owner.destroy(second.server, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rej_received');
    const third = pair.requested();
    expect(pair.server.owner.state(third.server)).toBe('REQ_RCVD');
    expect(pair.server.owner.state(server)).toBe('IDLE');
  });

  test('that is to be silent drops a REQ beyond the backlog, and takes its repetition when there is room', () => {
    const pair = new Pair();
    pair.listen(1, 'silence');
    const { server } = pair.requested();
    const late = pair.client.owner.create();
    pair.client.owner.sendReq(late, pair.request({ qpn: 0x101 }), pair.now);
    pair.deliverAll();
    expect(pair.server.drops()).toEqual({ backlogFull: 1 });
    expect(pair.client.events()).toEqual([]);
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    pair.deliverAll();
    pair.advanceToTransmission();
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('req_received');
    expect(pair.client.owner.state(late)).toBe('REQ_SENT');
  });

  test('with a backlog of 0 refuses everything', () => {
    const pair = new Pair();
    pair.listen(0);
    request(pair, 0x100);
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 3 });
  });

  test('cannot be told apart from another on the same service ID, until that one is gone', () => {
    const pair = new Pair();
    const first = pair.listen();
    const second = pair.server.owner.create();
    const listen = (): unknown => pair.server.owner.listen(second, { serviceId: SERVICE, backlog: 1 }, pair.now);
    expect(listen).toThrow(expect.objectContaining({ code: 'LISTEN_CONFLICT' }));
    expect(pair.server.owner.state(second)).toBe('IDLE');
    pair.server.owner.destroy(first, pair.now);
    listen();
    expect(pair.server.owner.state(second)).toBe('LISTEN');
  });

  test('destroyed, rejects the requests that nobody has seen; those that were polled live on', () => {
    const pair = new Pair();
    const listener = pair.listen();
    for (const qpn of [0x100, 0x101, 0x102]) request(pair, qpn);
    const polled = pair.server.event();
    pair.server.owner.destroy(listener, pair.now);
    pair.deliverAll();
    const rejected = pair.client.events();
    expect(rejected).toHaveLength(2);
    for (const { mad } of rejected) expect(mad?.fields).toMatchObject({ reason: 28, messageRejected: 0 });
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.manager.usage()).toMatchObject({ ceps: 1, listens: 0, remoteIds: 1, remoteQpns: 1 });
    pair.server.owner.sendRep(polled?.cid ?? (0 as never), { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rep_received');
    request(pair, 0x101);
    expect(pair.client.onlyEvent().mad?.fields).toMatchObject({ reason: 8 });
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('destroyed before its request is polled, leaves nothing to poll', () => {
    const pair = new Pair();
    const listener = pair.listen();
    request(pair, 0x100);
    pair.server.owner.destroy(listener, pair.now);
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.manager.usage().ceps).toBe(0);
  });

  test('is named 0 by a request that was withdrawn before it was polled', () => {
    const pair = new Pair();
    pair.listen();
    const client = pair.client.owner.create();
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    pair.deliverAll();
    pair.client.owner.destroy(client, pair.now);
    pair.deliverAll();
    expect(pair.server.events()).toMatchObject([{ type: 'req_received', listener: 0 }, { type: 'rej_received' }]);
  });
});

describe('a REP', () => {
  test('carries what the consumer gave, and what Linux would send where it gave nothing', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendRep(
      server,
      { qpn: 0x200, startingPsn: 0x654321, responderResources: 3, initiatorDepth: 2, privateData: Uint8Array.of(6) },
      pair.now,
    );
    const { fields } = pair.take().mad;
    expect(fields).toMatchObject({
      remoteCommId: pair.first('REQ').mad.fields.localCommId,
      localQKey: 0,
      localQpn: 0x200,
      startingPsn: 0x654321,
      responderResources: 3,
      initiatorDepth: 2,
      targetAckDelay: 15,
      failoverAccepted: 1,
      endToEndFlowControl: 0,
      rnrRetryCount: 7,
      srq: 0,
      localCaGuid: 0x2222n,
    });
    expect(pair.server.owner.state(server)).toBe('REP_SENT');
  });

  test('can be sent after an MRA too, and is repeated unchanged', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendMra(server, {}, pair.now);
    pair.deliverAll();
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    const first = pair.take();
    expect(pair.advanceToTransmission()).toEqual(['REP']);
    expect(pair.take().bytes).toEqual(first.bytes);
  });

  test.each(['REP_SENT', 'REP_MRA_RCVD'])('in %s an RTU establishes', (state) => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    if (state === 'REP_MRA_RCVD') pair.delay(pair.client, client);
    expect(pair.server.owner.state(server)).toBe(state);
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'rtu_received', cause: 'message' });
    expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
    expect(pair.server.manager.usage()).toMatchObject({ timers: 0, mads: 0 });
  });

  test.each(['REP_SENT', 'REP_MRA_RCVD'])(
    'in %s data that arrives establishes, and the RTU is a duplicate then',
    (state) => {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.replied();
      if (state === 'REP_MRA_RCVD') pair.delay(pair.client, client);
      pair.server.owner.established(server, pair.now);
      expect(pair.server.onlyEvent()).toMatchObject({ type: 'rtu_received', cause: 'established', mad: undefined });
      expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
      pair.client.owner.sendRtu(client, {}, pair.now);
      pair.deliverAll();
      expect(pair.server.events()).toEqual([]);
      expect(pair.server.drops()).toEqual({ duplicate: 1 });
      expect(pair.server.manager.counters.duplicates.RTU).toBe(1);
    },
  );

  test.each(['REP_SENT', 'REP_MRA_RCVD'])(
    'in %s a DREQ is taken: the RTU was lost, the connection is over',
    (state) => {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.replied();
      if (state === 'REP_MRA_RCVD') pair.client.owner.sendMra(client, {}, pair.now);
      pair.deliverAll();
      pair.server.events();
      pair.client.owner.sendRtu(client, {}, pair.now);
      expect(pair.loseAll()).toEqual(['RTU']);
      pair.client.owner.sendDreq(client, {}, pair.now);
      pair.deliverAll();
      expect(pair.server.onlyEvent().type).toBe('dreq_received');
      expect(pair.server.owner.state(server)).toBe('DREQ_RCVD');
      expect(pair.server.manager.usage().timers).toBe(0);
    },
  );

  test('an MRA that answers something else than a REP is dropped', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    pair.client.owner.sendMra(client, {}, pair.now);
    const mra = pair.take();
    for (const messageMraed of [0, 2, 3])
      pair.inject(pair.server, pair.altered(mra, { messageMraed }), pair.client.gid);
    expect(pair.server.drops()).toEqual({ wrongMessage: 3 });
    expect(pair.server.owner.state(server)).toBe('REP_SENT');
  });

  test('for a comm ID that nothing has is refused, its comm IDs swapped, in its transaction', () => {
    const pair = new Pair();
    const fields = { localCommId: 0x11, remoteCommId: 0x22, localQpn: 9, localCaGuid: 0x2222n };
    pair.inject(pair.client, madBytes({ message: 'REP', header: { transactionId: 77n }, fields }), pair.server.gid);
    const { mad } = pair.take();
    expect(mad).toMatchObject({ message: 'REJ', header: { transactionId: 77n } });
    expect(mad.fields).toMatchObject({ localCommId: 0x22, remoteCommId: 0x11, messageRejected: 1, reason: 6 });
  });

  test('for a REQ that was given up clears the server', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.client.owner.destroy(client, pair.now);
    expect(pair.loseAll()).toEqual(['REJ']);
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0 }, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().mad?.fields).toMatchObject({ reason: 6, messageRejected: 1 });
    expect(pair.server.owner.state(server)).toBe('IDLE');
  });
});

describe('a REJ from the peer', () => {
  const states: [string, (pair: Pair) => { server: Cid }][] = [
    ['REQ_RCVD', (pair) => pair.requested()],
    [
      'REQ_MRA_SENT',
      (pair) => {
        const both = pair.requested();
        pair.server.owner.sendMra(both.server, {}, pair.now);
        pair.loseAll();
        return both;
      },
    ],
    ['REP_SENT', (pair) => pair.replied()],
    [
      'REP_MRA_RCVD',
      (pair) => {
        const both = pair.replied();
        pair.delay(pair.client, both.client);
        return both;
      },
    ],
  ];

  test.each(states)('in %s ends in IDLE; with the reason "stale connection" in timewait', (state, reach) => {
    for (const [reason, end] of [
      [28, 'IDLE'],
      [10, 'TIMEWAIT'],
    ] as const) {
      const pair = new Pair();
      pair.listen();
      const { server } = reach(pair);
      expect(pair.server.owner.state(server)).toBe(state);
      const { localCommId } = pair.first('REQ').mad.fields;
      const fields = { localCommId, remoteCommId: serverCommId(reach), messageRejected: 2, reason };
      pair.inject(pair.server, madBytes({ message: 'REJ', fields }), pair.client.gid);
      expect(pair.server.onlyEvent()).toMatchObject({ type: 'rej_received', cause: 'message' });
      expect(pair.server.owner.state(server)).toBe(end);
      expect(pair.server.manager.usage().timers).toBe(end === 'IDLE' ? 0 : 1);
      expect(pair.server.manager.usage().remoteQpns).toBe(0);
      expect(pair.server.manager.usage().remoteIds).toBe(end === 'IDLE' ? 0 : 1);
      expect(pair.leftovers()).toEqual([{}, {}]);
    }
  });

  /** Equal seeds give equal comm IDs: a twin reveals one that has not been on the wire yet. */
  function serverCommId(reach: (pair: Pair) => { server: Cid }): number {
    const twin = new Pair();
    twin.listen();
    const { server } = reach(twin);
    twin.server.owner.destroy(server, twin.now);
    twin.collect();
    return twin.last('REJ').mad.fields.localCommId;
  }
});
