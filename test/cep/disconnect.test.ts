import { describe, expect, test } from 'vitest';
import { madBytes, Pair } from './pair.js';

/** DREQ, DREP and timewait. */

describe('a DREQ', () => {
  test('names the queue pair of the peer, and both comm IDs', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.established();
    pair.client.owner.sendDreq(client, { privateData: Uint8Array.of(3) }, pair.now);
    const { mad } = pair.take();
    const rep = pair.first('REP').mad.fields;
    expect(mad.fields).toMatchObject({
      localCommId: rep.remoteCommId,
      remoteCommId: rep.localCommId,
      remoteQpnEecn: 0x200,
    });
    expect(pair.client.owner.state(client)).toBe('DREQ_SENT');
  });

  test('is answered when the consumer answers, with its private data', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.disconnecting();
    expect(pair.server.owner.state(server)).toBe('DREQ_RCVD');
    expect(pair.advanceToTransmission()).toEqual(['DREQ']);
    pair.deliverAll();
    expect(pair.server.events()).toEqual([]);
    expect(pair.server.drops()).toEqual({ duplicate: 1 });
    expect(pair.server.manager.counters.duplicates.DREQ).toBe(1);
    pair.server.owner.sendDrep(server, { privateData: Uint8Array.of(1) }, pair.now);
    pair.deliverAll();
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'drep_received', cause: 'message' });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  });

  test.each([
    ['without private data', undefined],
    ['with private data', Uint8Array.of(1, 2)],
  ])('that is repeated in timewait gets the DREP again, %s', (_, privateData) => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.disconnecting();
    pair.server.owner.sendDrep(server, privateData === undefined ? {} : { privateData }, pair.now);
    const lost = pair.take();
    for (let time = 1; time <= 2; time += 1) {
      pair.deliver(pair.first('DREQ'));
      expect(pair.take().bytes).toEqual(lost.bytes);
      expect(pair.server.manager.counters.duplicates.DREQ).toBe(time);
    }
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
    expect(pair.server.events()).toEqual([]);
  });

  test('to a side that disconnected itself and is in timewait is answered', () => {
    const pair = new Pair();
    pair.listen();
    const { server } = pair.ended();
    const ids = pair.first('REP').mad.fields;
    const fields = { localCommId: ids.localCommId, remoteCommId: ids.remoteCommId, remoteQpnEecn: 0x100 };
    pair.inject(pair.client, madBytes({ message: 'DREQ', header: { transactionId: 99n }, fields }), pair.server.gid);
    const { mad } = pair.take();
    expect(mad).toMatchObject({ message: 'DREP', header: { transactionId: 99n } });
    expect(mad.fields).toMatchObject({ localCommId: ids.remoteCommId, remoteCommId: ids.localCommId });
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  });

  test('for no connection is answered from its own two comm IDs, in its transaction', () => {
    const pair = new Pair();
    const fields = { localCommId: 0x11, remoteCommId: 0x22, remoteQpnEecn: 0x100 };
    pair.inject(pair.server, madBytes({ message: 'DREQ', header: { transactionId: 5n }, fields }), pair.client.gid);
    const { mad } = pair.take();
    expect(mad).toMatchObject({ message: 'DREP', header: { transactionId: 5n } });
    expect(mad.fields).toMatchObject({ localCommId: 0x22, remoteCommId: 0x11 });
    pair.server.manager.pollTransmit();
    expect(pair.server.manager.usage()).toMatchObject({ ceps: 0, mads: 0, paths: 0 });
  });

  test('can come from the server', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.established();
    pair.server.owner.sendDreq(server, {}, pair.now);
    pair.collect();
    expect(pair.wire[0]?.mad.fields).toMatchObject({ remoteQpnEecn: 0x100 });
    pair.deliverAll();
    expect(pair.client.onlyEvent().type).toBe('dreq_received');
    pair.client.owner.sendDrep(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('drep_received');
    expect(pair.leftovers()).toEqual([{}, {}]);
  });
});

describe('DREQs that cross', () => {
  function crossing(): { pair: Pair } & ReturnType<Pair['established']> {
    const pair = new Pair();
    pair.listen();
    const both = pair.established();
    pair.client.owner.sendDreq(both.client, {}, pair.now);
    pair.server.owner.sendDreq(both.server, {}, pair.now);
    pair.deliverAll();
    return { pair, ...both };
  }

  test('make both sides DREQ_RCVD, and neither is repeated', () => {
    const { pair, client, server } = crossing();
    expect(pair.client.onlyEvent().type).toBe('dreq_received');
    expect(pair.server.onlyEvent().type).toBe('dreq_received');
    expect(pair.client.owner.state(client)).toBe('DREQ_RCVD');
    expect(pair.server.owner.state(server)).toBe('DREQ_RCVD');
    expect(pair.exhaust()).toEqual([]);
  });

  test('a DREP then ends the other side, which need not answer any more', () => {
    const { pair, client, server } = crossing();
    pair.client.events();
    pair.server.events();
    pair.client.owner.sendDrep(client, {}, pair.now);
    pair.deliverAll();
    expect(pair.server.onlyEvent().type).toBe('drep_received');
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
    expect(() => pair.server.owner.sendDrep(server, {}, pair.now)).toThrow(
      expect.objectContaining({ code: 'INVALID_STATE' }),
    );
    expect(pair.leftovers()).toEqual([{}, {}]);
  });

  test('both may answer at once', () => {
    const { pair, client, server } = crossing();
    pair.client.owner.sendDrep(client, {}, pair.now);
    pair.server.owner.sendDrep(server, {}, pair.now);
    pair.deliverAll();
    expect(pair.client.drops()).toEqual({ unexpected: 1 });
    while (pair.advance());
    expect(pair.client.events().map(({ type }) => type)).toEqual(['dreq_received', 'timewait_exit']);
    expect(pair.server.events().map(({ type }) => type)).toEqual(['dreq_received', 'timewait_exit']);
  });
});

describe('a REJ', () => {
  test.each([
    ['ESTABLISHED', (pair: Pair) => pair.established()],
    [
      'DREQ_SENT',
      (pair: Pair) => {
        const both = pair.established();
        pair.client.owner.sendDreq(both.client, {}, pair.now);
        pair.loseAll();
        return both;
      },
    ],
  ])('in %s ends in timewait, with or without the reason "stale connection"', (state, reach) => {
    for (const reason of [28, 10]) {
      const pair = new Pair();
      pair.listen();
      const { client } = reach(pair);
      expect(pair.client.owner.state(client)).toBe(state);
      const rep = pair.first('REP').mad.fields;
      const fields = {
        localCommId: rep.localCommId,
        remoteCommId: rep.remoteCommId,
        messageRejected: 2,
        reason,
      };
      pair.inject(pair.client, madBytes({ message: 'REJ', fields }), pair.server.gid);
      expect(pair.client.onlyEvent()).toMatchObject({ type: 'rej_received', cause: 'message' });
      expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
      expect(pair.client.manager.usage()).toMatchObject({ timers: 1, remoteQpns: 0, remoteIds: 1, localQpns: 1 });
      expect(pair.leftovers()).toEqual([{}, {}]);
    }
  });
});

describe('timewait', () => {
  test('holds our queue pair and the peer’s comm ID, and frees the peer’s queue pair', () => {
    const pair = new Pair();
    pair.listen();
    pair.ended();
    for (const side of [pair.client, pair.server]) {
      expect(side.manager.usage()).toMatchObject({ localQpns: 1, remoteIds: 1, remoteQpns: 0, timers: 1, mads: 0 });
    }
    // Another queue pair of the client's, that is: the same number after a restart.
    pair.inject(pair.server, pair.altered(pair.first('REQ'), { localCommId: 0x4343 }), pair.client.gid);
    const request = pair.server.onlyEvent();
    expect(request.type).toBe('req_received');
    expect(() => pair.server.owner.sendRep(request.cid, { qpn: 0x200, startingPsn: 0 }, pair.now)).toThrow(
      expect.objectContaining({ code: 'QPN_IN_USE' }),
    );
    pair.server.owner.sendRep(request.cid, { qpn: 0x201, startingPsn: 0 }, pair.now);
  });

  test('ends with an event, in IDLE, and the queue pair and the CEP are free', () => {
    const pair = new Pair();
    pair.listen();
    const { client } = pair.ended();
    while (pair.advance());
    expect(pair.client.onlyEvent()).toMatchObject({ type: 'timewait_exit', cause: 'elapsed', cid: client });
    expect(pair.client.owner.state(client)).toBe('IDLE');
    expect(pair.client.manager.usage()).toMatchObject({ localQpns: 0, remoteIds: 0, timers: 0, paths: 0, timings: 0 });
    pair.client.owner.sendReq(client, pair.request(), pair.now);
    expect(pair.client.owner.state(client)).toBe('REQ_SENT');
  });

  test('drops what comes late, and stays', () => {
    const pair = new Pair();
    pair.listen();
    const { client, server } = pair.ended();
    const [, rep, rtu, , drep] = pair.sent;
    for (const flight of [rep, rtu, drep]) if (flight) pair.deliver(flight);
    expect(pair.onWire()).toEqual([]);
    expect(pair.client.drops()).toEqual({ unexpected: 2 });
    expect(pair.server.drops()).toEqual({ unexpected: 1 });
    expect(pair.client.owner.state(client)).toBe('TIMEWAIT');
    expect(pair.server.owner.state(server)).toBe('TIMEWAIT');
  });
});
