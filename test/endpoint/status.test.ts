import { describe, expect, it } from 'vitest';
import { gidEquals, parseGid } from '../../src/base/index.js';
import type { CloseDetails, Connection } from '../../src/endpoint/index.js';
import { encodeIpCmHeader, IP_CM_HEADER_BYTES, serviceIdOfPort } from '../../src/wire/index.js';
import { established, failure, fixture, nextRequest, PORT } from './fixture.js';

/** What a connection says of itself, and how its end is waited for. */

const made = fixture();

describe('A connection, when it is asked', () => {
  it('tells both ends, who began, and what was agreed on', async () => {
    const { ours, theirs } = await established(
      made,
      {
        responderResources: 3,
        initiatorDepth: 4,
        mtu: 4096,
        sourcePort: 50_000,
        retryCount: 5,
        privateData: Uint8Array.of(1),
      },
      { rnrRetryCount: 6, privateData: Uint8Array.of(2) },
    );
    const mine = ours.query();
    expect(mine).toMatchObject({
      role: 'active',
      state: 'ESTABLISHED',
      closeCause: undefined,
      queuePairState: 'RTS',
      local: ours.local,
      remote: ours.remote,
      responderResources: 3,
      initiatorDepth: 4,
      attributes: { mtu: 5, retryCount: 5, rnrRetryCount: 6, pKey: 0xffff, destinationQpn: theirs.local.qpn },
    });
    expect(mine.privateData[0]).toBe(2);
    expect(mine.attributes.path?.sourcePort).toBe(50_000);
    expect(gidEquals(mine.attributes.path?.remoteGid ?? new Uint8Array(16), 0, parseGid('10.0.0.2'), 0)).toBe(true);
    const yours = theirs.query();
    expect(yours).toMatchObject({ role: 'passive', local: mine.remote, remote: mine.local, responderResources: 4 });
    expect(yours.attributes).toMatchObject({ retryCount: 5, sendPsn: mine.attributes.receivePsn });
    expect(yours.attributes.ackTimeout).toBeGreaterThan(0);
  });

  it('tells where its end has got to, and the same of itself when all is over', async () => {
    const { ours, theirs } = await established(made);
    const before = ours.query();
    made.net.fate = ({ mad }) => (mad.message === 'DREP' ? 'lose' : 'deliver');
    const disconnecting = ours.disconnect({ timeoutMs: 1_500 });
    await made.net.settle();
    expect(ours.query()).toMatchObject({ state: 'DREQ_SENT', queuePairState: 'ERR', closeCause: undefined });
    expect(theirs.query()).toMatchObject({ state: 'TIMEWAIT', queuePairState: 'ERR', closeCause: 'peer' });
    await made.net.value(disconnecting);
    expect(ours.query()).toMatchObject({ state: 'TIMEWAIT', closeCause: 'unacknowledged' });
    await made.net.elapse(60_000);
    const after = { state: undefined, queuePairState: 'ERR', closeCause: 'unacknowledged' };
    expect(ours.query()).toEqual({ ...before, ...after });
    await made.net.value(made.client.endpoint.close());
    expect(ours.query()).toEqual({ ...before, ...after });
  });
});

describe('The end of a connection', () => {
  /** What the connection says once it is over. */
  const ends: readonly [cause: CloseDetails['cause'], end: (ours: Connection, theirs: Connection) => unknown][] = [
    ['peer', (_, theirs) => theirs.disconnect({ privateData: Uint8Array.of(7) })],
    ['disconnected', (ours) => ours.disconnect()],
    ['closed', (ours) => ours.close()],
    [
      'unacknowledged',
      (ours) => {
        made.server.kill();
        return ours.disconnect({ timeoutMs: 100 });
      },
    ],
  ];

  it.each(ends)('is waited for: %s', async (cause, end) => {
    const { ours, theirs } = await established(made);
    const { closed } = ours;
    void end(ours, theirs);
    const details = await made.net.value(closed);
    expect(details.cause).toBe(cause);
    expect(details.privateData?.[0]).toBe({ peer: 7, disconnected: 0 }[cause as string]);
    expect(await ours.closed).toBe(details);
  });

  it('is told only once it has come, and to everybody who waits', async () => {
    const { ours, theirs } = await established(made);
    const told: string[] = [];
    for (const who of ['one', 'two']) void ours.closed.then(({ cause }) => told.push(`${who}: ${cause}`));
    await made.net.elapse(1_000);
    expect(told).toEqual([]);
    await made.net.value(theirs.disconnect());
    expect(told).toEqual(['one: peer', 'two: peer']);
  });
});

describe('Aborting a disconnect', () => {
  it('before it begins rejects with the reason, and the connection stands', async () => {
    const { ours } = await established(made);
    expect(await made.net.error<unknown>(ours.disconnect({ signal: AbortSignal.abort('no') }))).toBe('no');
    expect([ours.query().state, made.net.messages().includes('DREQ')]).toEqual(['ESTABLISHED', false]);
  });

  it('while it waits rejects with the reason, and the connection ends all the same', async () => {
    const { ours, theirs } = await established(made);
    const abort = new AbortController();
    made.net.fate = () => 'lose';
    const waiting = failure(ours.disconnect({ signal: abort.signal, timeoutMs: 3_000 }));
    const other = ours.disconnect();
    await made.net.settle();
    abort.abort('enough');
    expect(await made.net.value(waiting)).toBe('enough');
    expect([ours.closeCause, made.net.ms]).toEqual([undefined, 0]);
    made.net.fate = () => 'deliver';
    expect(await made.net.value(other)).toBe('disconnected');
    expect(theirs.closeCause).toBe('peer');
  });

  it('after it has ended does nothing', async () => {
    const { ours } = await established(made);
    const abort = new AbortController();
    expect(await made.net.value(ours.disconnect({ signal: abort.signal }))).toBe('disconnected');
    abort.abort();
    expect(ours.closeCause).toBe('disconnected');
  });
});

describe('A peer that proposes an alternate path', () => {
  it('and gets no answer is disconnected like any other', async () => {
    const { client, server, net } = made;
    const [localGid, remoteGid] = [parseGid('10.0.0.1'), parseGid('10.0.0.2')];
    const privateData = new Uint8Array(IP_CM_HEADER_BYTES);
    encodeIpCmHeader({ ipVersion: 4, sourcePort: 9, source: localGid, destination: remoteGid }, privateData);
    const listener = await server.endpoint.listen({ port: PORT });
    const owner = client.adapter.cep.openOwner();
    const cid = owner.create();
    const path = { localGid, remoteGid };
    const request = { path, serviceId: serviceIdOfPort('tcp', PORT), qpn: 9, startingPsn: 1, privateData };
    owner.sendReq(cid, request, net.now);
    client.wake();
    const accepting = (await nextRequest(net, listener)).accept();
    await net.settle();
    owner.pollEvent();
    owner.sendRtu(cid, {}, net.now);
    client.wake();
    const connection = await net.value(accepting);
    owner.sendLap(cid, { path: { ...path, trafficClass: 8 } }, net.now);
    client.wake();
    await net.settle();
    expect(connection.query().state).toBe('LAP_RCVD');
    const disconnecting = connection.disconnect();
    await net.settle();
    expect(owner.pollEvent()?.type).toBe('dreq_received');
    owner.sendDrep(cid, {}, net.now);
    client.wake();
    expect(await net.value(disconnecting)).toBe('disconnected');
    owner.close(net.now);
  });
});
