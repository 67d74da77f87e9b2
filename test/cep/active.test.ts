import { describe, expect, test } from 'vitest';
import { known, madBytes, Pair, SERVICE } from './pair.js';

/** The side that sends the REQ. */

describe('REQ', () => {
  test('carries what the consumer gave, and what Linux would send where it gave nothing', () => {
    const pair = new Pair();
    const client = pair.client.owner.create();
    const privateData = Uint8Array.of(1, 2, 3);
    pair.client.owner.sendReq(
      client,
      pair.request({ privateData, responderResources: 4, initiatorDepth: 5 }),
      pair.now,
    );
    const { mad } = pair.take();
    expect(mad.header.attributeModifier).toBe(0);
    expect(mad.fields).toMatchObject({
      serviceId: SERVICE,
      localCaGuid: 0x1111n,
      localQKey: 0,
      localQpn: 0x100,
      responderResources: 4,
      initiatorDepth: 5,
      remoteCmResponseTimeout: 20,
      transportServiceType: 0,
      endToEndFlowControl: 0,
      startingPsn: 0x123456,
      localCmResponseTimeout: 20,
      retryCount: 7,
      pKey: 0xffff,
      pathPacketPayloadMtu: 3,
      rnrRetryCount: 7,
      maxCmRetries: 15,
      srq: 0,
      primaryPath: {
        localLid: 0xffff,
        remoteLid: 0xffff,
        localGid: pair.client.gid,
        remoteGid: pair.server.gid,
        hopLimit: 64,
        localAckTimeout: 17,
      },
      alternatePath: { localLid: 0, remoteLid: 0, hopLimit: 0, localAckTimeout: 0 },
    });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
  });

  test('is repeated unchanged, in the same transaction', () => {
    const pair = new Pair();
    pair.client.owner.sendReq(pair.client.owner.create(), pair.request(), pair.now);
    const first = pair.take();
    pair.advanceToTransmission();
    expect(pair.take().bytes).toEqual(first.bytes);
    expect(pair.client.manager.counters.retries.REQ).toBe(1);
  });

  test('has a transaction ID of its own', () => {
    const pair = new Pair();
    for (const qpn of [0x100, 0x101, 0x102]) {
      pair.client.owner.sendReq(pair.client.owner.create(), pair.request({ qpn }), pair.now);
    }
    const ids = pair.collect().map(({ mad }) => mad.header.transactionId);
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain(0n);
  });

  test('has a transaction ID that its MRA, REP and RTU repeat, and a DREQ does not', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.sendMra(server, {}, pair.now);
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.deliverAll();
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.client.owner.sendDreq(client, {}, pair.now);
    pair.deliverAll();
    pair.server.owner.sendDrep(server, {}, pair.now);
    pair.deliverAll();
    const [req, mra, rep, rtu, dreq, drep] = pair.sent.map(({ mad }) => mad.header.transactionId);
    expect([mra, rep, rtu]).toEqual([req, req, req]);
    expect(dreq).not.toBe(req);
    expect(drep).toBe(dreq);
  });
});

describe('the answer to a REQ', () => {
  test('a REP makes REP_RCVD, and the consumer gets the message', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 7, privateData: Uint8Array.of(9) }, pair.now);
    pair.deliverAll();
    const event = pair.client.onlyEvent();
    expect(event).toMatchObject({ type: 'rep_received', cause: 'message', cid: client });
    expect(event.mad?.fields).toMatchObject({ localQpn: 0x200, startingPsn: 7, localCaGuid: 0x2222n });
    expect(pair.client.owner.state(client)).toBe('REP_RCVD');
    // Nothing waits for an answer, and the REQ is not needed any more.
    expect(pair.client.manager.usage()).toMatchObject({ timers: 0, mads: 0 });
  });

  test('an MRA makes REQ_MRA_RCVD, from which a REP is accepted as well', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.sendMra(server, { privateData: Uint8Array.of(5) }, pair.now);
    pair.deliverAll();
    const event = pair.client.onlyEvent();
    expect(event.type).toBe('mra_received');
    expect(event.mad?.fields).toMatchObject({ messageMraed: 0, serviceTimeout: 24 });
    expect(pair.client.owner.state(client)).toBe('REQ_MRA_RCVD');
    pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 7 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rep_received');
    expect(pair.client.owner.state(client)).toBe('REP_RCVD');
  });

  test.each(['REQ_SENT', 'REQ_MRA_RCVD'])(
    'a REJ in %s ends in IDLE: the CEP and its queue pair can be used again',
    (state) => {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.requested();
      if (state === 'REQ_MRA_RCVD') pair.delay(pair.server, server);
      expect(pair.client.owner.state(client)).toBe(state);
      pair.server.owner.sendRej(server, { reason: 28, privateData: Uint8Array.of(1) }, pair.now);
      pair.deliverAll();
      const event = pair.client.onlyEvent();
      expect(event).toMatchObject({ type: 'rej_received', cause: 'message' });
      expect(event.mad?.fields).toMatchObject({ reason: 28, messageRejected: 0 });
      expect(pair.client.owner.state(client)).toBe('IDLE');
      expect(pair.client.manager.usage()).toMatchObject({ ceps: 1, timers: 0, localQpns: 0, paths: 0, mads: 0 });
      pair.client.owner.sendReq(client, pair.request(), pair.now);
      pair.deliverAll();
      expect(pair.server.onlyEvent().type).toBe('req_received');
    },
  );

  test.each(['REQ_SENT', 'REQ_MRA_RCVD'])(
    'a REJ "stale connection" in %s ends in timewait, which holds our queue pair',
    (state) => {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.requested();
      if (state === 'REQ_MRA_RCVD') pair.delay(pair.server, server);
      pair.server.owner.sendRej(server, { reason: 10 }, pair.now);
      pair.deliverAll();
      expect(pair.client.onlyEvent().type).toBe('rej_received');
      expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
      const other = pair.client.owner.create();
      expect(() => pair.client.owner.sendReq(other, pair.request(), pair.now)).toThrow(
        expect.objectContaining({ code: 'QPN_IN_USE' }),
      );
      while (pair.advance());
      expect(pair.client.onlyEvent().type).toBe('timewait_exit');
      pair.client.owner.sendReq(other, pair.request(), pair.now);
    },
  );

  test('a DREQ in the timewait after "stale connection" is answered with its own two comm IDs', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.requested();
    pair.server.owner.sendRej(server, { reason: 10 }, pair.now);
    pair.deliverAll();
    const remoteCommId = pair.first('REQ').mad.fields.localCommId;
    const fields = { localCommId: 0x77, remoteCommId, remoteQpnEecn: 0x100 };
    pair.inject(pair.client, madBytes({ message: 'DREQ', header: { transactionId: 5n }, fields }), pair.server.gid);
    const { mad } = pair.take();
    expect(mad).toMatchObject({ message: 'DREP', header: { transactionId: 5n } });
    expect(mad.fields).toMatchObject({ localCommId: remoteCommId, remoteCommId: 0x77 });
  });

  test('an MRA that answers something else than a REQ is dropped', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.requested();
    pair.server.owner.sendMra(server, {}, pair.now);
    const mra = pair.take();
    for (const messageMraed of [1, 2, 3]) {
      pair.inject(pair.client, pair.altered(mra, { messageMraed }), pair.server.gid);
    }
    expect(pair.client.drops()).toEqual({ wrongMessage: 3 });
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
    expect(pair.client.events()).toEqual([]);
  });
});

describe('a REP that names what another connection has', () => {
  function secondRep(fields: object): { pair: Pair; second: number } {
    const pair = new Pair();
    pair.listen();
    pair.established();
    const { client, server } = pair.requested({ qpn: 0x101 });
    pair.server.owner.sendRep(server, { qpn: 0x201, startingPsn: 0 }, pair.now);
    const rep = pair.take();
    pair.inject(pair.client, pair.altered(rep, fields), pair.server.gid);
    return { pair, second: client };
  }

  test('its queue pair is refused as stale, and the REQ goes on', () => {
    const { pair } = secondRep({ localQpn: 0x200 });
    const { mad } = pair.take();
    expect(mad.message).toBe('REJ');
    expect(mad.fields).toMatchObject({ reason: 10, messageRejected: 1 });
    const rep = known('REP', pair.sent.at(-2)).mad;
    expect(mad.header.transactionId).toBe(rep.header.transactionId);
    const ids = rep.fields;
    expect(mad.fields).toMatchObject({ localCommId: ids.remoteCommId, remoteCommId: ids.localCommId });
    expect(pair.client.events()).toEqual([]);
    expect(pair.client.manager.usage().remoteQpns).toBe(1);
    expect(pair.advanceToTransmission()).toContain('REQ');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('its comm ID is refused likewise', () => {
    const first = new Pair();
    first.listen();
    first.established();
    const { localCommId } = first.first('REP').mad.fields;
    const { pair } = secondRep({ localCommId });
    expect(pair.take().mad.fields).toMatchObject({ reason: 10, messageRejected: 1 });
    expect(pair.client.events()).toEqual([]);
  });
});

describe('after the REP', () => {
  test('an RTU establishes, with private data if the consumer has any', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    pair.client.owner.sendRtu(client, { privateData: Uint8Array.of(4, 5) }, pair.now);
    pair.deliverAll();
    const event = pair.server.onlyEvent();
    expect(event).toMatchObject({ type: 'rtu_received', cause: 'message', cid: server });
    expect(event.mad?.fields.privateData.slice(0, 3)).toEqual(Uint8Array.of(4, 5, 0));
    expect(pair.client.owner.state(client)).toBe('ESTABLISHED');
  });

  test.each([
    ['without private data', undefined],
    ['with private data', Uint8Array.of(4, 5)],
  ])('a repeated REP gets the same RTU again, %s', (_, privateData) => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.replied();
    pair.client.owner.sendRtu(client, privateData === undefined ? {} : { privateData }, pair.now);
    const lost = pair.take();
    for (let time = 0; time < 2; time += 1) {
      expect(pair.advanceToTransmission()).toEqual(['REP']);
      pair.deliver(pair.take());
      expect(pair.take().bytes).toEqual(lost.bytes);
    }
    expect(pair.client.events()).toEqual([]);
    expect(pair.client.manager.counters.duplicates.REP).toBe(2);
    expect(pair.client.drops()).toEqual({});
  });

  test('a repeated REP is not answered before the consumer has answered the first', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.replied();
    pair.advanceToTransmission();
    pair.deliverAll();
    expect(pair.onWire()).toEqual([]);
    expect(pair.client.events()).toEqual([]);
    expect(pair.client.owner.state(client)).toBe('REP_RCVD');
    expect(pair.client.drops()).toEqual({ duplicate: 1 });
    expect(pair.client.manager.counters.duplicates.REP).toBe(1);
  });

  test('an MRA makes the server wait; a repeated REP gets it again', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    pair.client.owner.sendMra(client, { serviceTimeout: 18 }, pair.now);
    const mra = pair.take();
    expect(mra.mad.fields).toMatchObject({ messageMraed: 1, serviceTimeout: 18 });
    expect(pair.client.owner.state(client)).toBe('REP_MRA_SENT');
    expect(pair.advanceToTransmission()).toEqual(['REP']);
    pair.deliver(pair.take());
    const again = pair.take();
    expect(again.bytes).toEqual(mra.bytes);
    pair.deliver(again);
    expect(pair.server.onlyEvent()).toMatchObject({ type: 'mra_received' });
    expect(pair.server.owner.state(server)).toBe('REP_MRA_RCVD');
    pair.client.owner.sendMra(client, {}, pair.now);
    pair.client.owner.sendRtu(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.events().map(({ type }) => type)).toEqual(['mra_received', 'rtu_received']);
    expect(pair.server.owner.state(server)).toBe('ESTABLISHED');
  });

  test.each(['REP_RCVD', 'REP_MRA_SENT'])('a REJ in %s ends in timewait: the peer may have been live', (state) => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.replied();
    if (state === 'REP_MRA_SENT') pair.client.owner.sendMra(client, {}, pair.now);
    pair.loseAll();
    pair.server.owner.sendRej(server, { reason: 28 }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('rej_received');
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  });

  test.each(['REP_RCVD', 'REP_MRA_SENT'])(
    "the consumer's own REJ in %s ends both sides in what each state owes",
    (state) => {
      const pair = new Pair();
      pair.listen();
      const { client, server } = pair.replied();
      if (state === 'REP_MRA_SENT') pair.client.owner.sendMra(client, {}, pair.now);
      pair.deliverAll();
      pair.server.events();
      pair.client.owner.sendRej(client, { reason: 28, additionalInformation: Uint8Array.of(7, 7) }, pair.now);
      pair.deliverAll();
      const event = pair.server.onlyEvent();
      expect(event.mad?.fields).toMatchObject({ reason: 28, messageRejected: 1, rejectInfoLength: 2 });
      expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
      expect(pair.server.owner.state(server)).toBe('IDLE');
    },
  );
});
