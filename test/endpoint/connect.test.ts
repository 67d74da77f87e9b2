import { describe, expect, it } from 'vitest';
import type { EndpointError, RejectedError } from '../../src/endpoint/index.js';
import { IP_CM_HEADER_BYTES, REJECT_REASONS, type RejectReason } from '../../src/wire/index.js';
import { established, eventsOf, fixture, nextRequest, PORT, requested, target } from './fixture.js';

const made = fixture();
const bytes = (length: number, first = 1): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
const padded = (data: Uint8Array, length: number): Uint8Array => {
  const whole = new Uint8Array(length);
  whole.set(data);
  return whole;
};

describe('A connection', () => {
  it('is made with three messages, and both ends agree on who they are', async () => {
    const { ours, theirs } = await established(made, { qpn: 0x111, startingPsn: 7 }, { qpn: 0x222, startingPsn: 9 });
    expect(made.net.messages()).toEqual(['REQ', 'REP', 'RTU']);
    expect(ours.local).toMatchObject({ address: '10.0.0.1', qpn: 0x111, startingPsn: 7 });
    expect(ours.remote).toMatchObject({ address: '10.0.0.2', port: PORT, qpn: 0x222, startingPsn: 9 });
    expect(theirs.local).toEqual(ours.remote);
    expect(theirs.remote).toEqual(ours.local);
    expect(ours.local.port).toBeGreaterThanOrEqual(49_152);
    expect(ours.closeCause).toBeUndefined();
  });

  it('names itself as its messages and events do, for those who read logs and captures', async () => {
    const { request, connecting } = await requested(made);
    const accepting = request.accept();
    const [ours, theirs] = [await made.net.value(connecting), await made.net.value(accepting)];
    const [req, rep] = made.net.sent.map(({ mad }) => mad.fields);
    expect(req).toMatchObject({ localCommId: ours.local.commId });
    expect(rep).toMatchObject({ localCommId: theirs.local.commId, remoteCommId: ours.local.commId });
    expect(ours.remote.commId).toBe(theirs.local.commId);
    expect(request.local.commId).toBe(theirs.local.commId);
    expect(request.remote).toEqual(ours.local);
    expect(request.cid).toBe(theirs.cid);
    for (const [host, { cid, role, local }] of [
      [made.client, ours],
      [made.server, theirs],
    ] as const) {
      const cep = host.adapter.cep.inspect();
      expect(cep.find(cid)).toBe(true);
      expect([cep.localCommId, cep.isActive]).toEqual([local.commId, role === 'active']);
    }
  });

  it('crosses what the two sides offer and want', async () => {
    const { ours, theirs } = await established(
      made,
      { responderResources: 3, initiatorDepth: 4 },
      { responderResources: 2, initiatorDepth: 1 },
    );
    expect([theirs.responderResources, theirs.initiatorDepth]).toEqual([2, 1]);
    expect([ours.responderResources, ours.initiatorDepth]).toEqual([1, 2]);
  });

  it('gives the peer what it asks for when the acceptor says nothing', async () => {
    const { ours, theirs } = await established(made, { responderResources: 3, initiatorDepth: 4 });
    expect([theirs.responderResources, theirs.initiatorDepth]).toEqual([4, 3]);
    expect([ours.responderResources, ours.initiatorDepth]).toEqual([3, 4]);
  });

  it('carries 56 bytes of private data in the REQ and 196 in the REP', async () => {
    const { ours, theirs } = await established(made, { privateData: bytes(56) }, { privateData: bytes(196, 99) });
    expect(theirs.privateData).toEqual(bytes(56));
    expect(ours.privateData).toEqual(bytes(196, 99));
  });

  it('shows the whole field when less was sent, since lengths are not on the wire', async () => {
    const { ours, theirs } = await established(made, { privateData: bytes(3) }, { privateData: bytes(5) });
    expect(theirs.privateData).toEqual(padded(bytes(3), 56));
    expect(ours.privateData).toEqual(padded(bytes(5), 196));
  });

  it('takes 220 bytes of private data along when it ends', async () => {
    const { ours, theirs } = await established(made);
    const seen: (Uint8Array | undefined)[] = [];
    theirs.addEventListener('close', ({ privateData }) => seen.push(privateData));
    await made.net.value(ours.disconnect({ privateData: bytes(220) }));
    expect(seen).toEqual([bytes(220)]);
  });

  it('over IPv6 works as over IPv4', async () => {
    const client = made.net.host('fd00::1', { seed: 11, caGuid: 5n });
    const server = made.net.host('fd00::2', { seed: 12, caGuid: 6n });
    const { ours, theirs } = await established({ net: made.net, client, server }, { host: 'fd00::2' });
    expect(ours.remote.address).toBe('fd00::2');
    expect(theirs.remote.address).toBe('fd00::1');
    expect(await made.net.value(theirs.disconnect())).toBe('disconnected');
  });

  it('of an adapter with itself works', async () => {
    const { ours, theirs } = await established({ ...made, client: made.server });
    expect(ours.local.qpn).not.toBe(theirs.local.qpn);
    const seen = eventsOf(theirs);
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    expect(seen).toEqual(['close: peer']);
  });

  it('of an adapter with itself works when answers come before send returns', async () => {
    const server = made.net.host('10.0.0.9', { seed: 20, instant: true });
    const { ours, theirs } = await established({ ...made, client: server, server }, { host: '10.0.0.9' });
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    expect(theirs.closeCause).toBe('peer');
  });

  it('with a host that answers before send returns works', async () => {
    const client = made.net.host('10.0.0.8', { seed: 20, caGuid: 8n, instant: true });
    const server = made.net.host('10.0.0.9', { seed: 21, caGuid: 9n, instant: true });
    const { ours, theirs } = await established({ ...made, client, server }, { host: '10.0.0.9' });
    expect(await made.net.value(theirs.disconnect())).toBe('disconnected');
    expect(ours.closeCause).toBe('peer');
  });

  it.each([
    [{ trafficClass: 0x68 }, (req: typeof req0) => req.primaryPath.trafficClass, 0x68],
    [{ ackTimeout: 22 }, (req: typeof req0) => req.primaryPath.localAckTimeout, 22],
    [{ pKey: 0x8123 }, (req: typeof req0) => req.pKey, 0x8123],
    [{ mtu: 4096 as const }, (req: typeof req0) => req.pathPacketPayloadMtu, 5],
    [{}, (req: typeof req0) => req.pathPacketPayloadMtu, 3],
    [{ retryCount: 3 }, (req: typeof req0) => req.retryCount, 3],
    [{ rnrRetryCount: 2 }, (req: typeof req0) => req.rnrRetryCount, 2],
    [{ responderResources: 17 }, (req: typeof req0) => req.responderResources, 17],
    [{ initiatorDepth: 18 }, (req: typeof req0) => req.initiatorDepth, 18],
    [{ retries: 4 }, (req: typeof req0) => req.maxCmRetries, 4],
    [{ retries: 200 }, (req: typeof req0) => req.maxCmRetries, 15],
    // 1,000 ms become 4.096 µs × 2^18, the next larger.
    [{}, (req: typeof req0) => req.remoteCmResponseTimeout, 18],
    [{ responseTimeoutMs: 4_000 }, (req: typeof req0) => req.localCmResponseTimeout, 20],
    [{ qpn: 0xff_ffff }, (req: typeof req0) => req.localQpn, 0xff_ffff],
    [{ startingPsn: 0xff_ffff }, (req: typeof req0) => req.startingPsn, 0xff_ffff],
  ])('puts the option %j into the REQ', async (options, field, value) => {
    const { request } = await requested(made, options);
    expect(field(request.req)).toBe(value);
  });

  it('sends from the source port and with the traffic class that were asked for, and so does the peer', async () => {
    const { ours } = await established(made, { trafficClass: 0x68, sourcePort: 50_000 });
    await made.net.value(ours.disconnect());
    const own = made.net.sent.filter(({ from }) => from === '10.0.0.1');
    expect(new Set(own.map(({ sourcePort }) => sourcePort))).toEqual(new Set([50_000]));
    expect(new Set(made.net.sent.map(({ trafficClass }) => trafficClass))).toEqual(new Set([0x68]));
    expect(made.client.prepared).toEqual([50_000]);
  });

  it('begins the REQ with the addresses, as rdma_cm does', async () => {
    const { request } = await requested(made, { privateData: bytes(2) });
    const { privateData } = request.req;
    expect(privateData[1]).toBe(0x40);
    expect([...privateData.subarray(16, 20)]).toEqual([10, 0, 0, 1]);
    expect([...privateData.subarray(32, 36)]).toEqual([10, 0, 0, 2]);
    expect([...privateData.subarray(IP_CM_HEADER_BYTES, 38)]).toEqual([1, 2]);
    expect(request.remote.address).toBe('10.0.0.1');
    expect(request.local).toMatchObject({ address: '10.0.0.2', port: PORT });
  });

  it('draws queue pair numbers that differ, and skips those that the user has taken', async () => {
    const { listener, request } = await requested(made);
    const next = request.req.localQpn + 1;
    void made.client.endpoint.connect(target({ qpn: next })).catch(() => undefined);
    await nextRequest(made.net, listener);
    void made.client.endpoint.connect(target()).catch(() => undefined);
    const third = await nextRequest(made.net, listener);
    expect(third.req.localQpn).toBe(next + 1);
  });

  it('skips, when accepting, queue pair numbers that the user has taken', async () => {
    const { ours, theirs, listener } = await established(made);
    expect(ours.closeCause).toBeUndefined();
    const taken = theirs.local.qpn + 1;
    const connecting = made.client.endpoint.connect(target());
    const accepting = (await nextRequest(made.net, listener)).accept({ qpn: taken });
    await made.net.value(Promise.all([connecting, accepting]));
    const again = made.client.endpoint.connect(target());
    const third = (await nextRequest(made.net, listener)).accept();
    await made.net.value(again);
    expect((await made.net.value(third)).local.qpn).toBe(taken + 1);
  });
});

declare const req0: Awaited<ReturnType<typeof requested>>['request']['req'];

describe('Connecting', () => {
  it.each([
    ['privateData', { privateData: bytes(57) }, 'PRIVATE_DATA_TOO_LONG'],
    ['qpn', { qpn: 1 }, 'INVALID_ARGUMENT'],
    ['qpn', { qpn: 2 ** 24 }, 'INVALID_ARGUMENT'],
    ['startingPsn', { startingPsn: -1 }, 'INVALID_ARGUMENT'],
    ['port', { port: 0 }, 'INVALID_ARGUMENT'],
    ['port', { port: 65_536 }, 'INVALID_ARGUMENT'],
    ['port', { port: 1.5 }, 'INVALID_ARGUMENT'],
    ['ackTimeout', { ackTimeout: 0 }, 'INVALID_ARGUMENT'],
    ['ackTimeout', { ackTimeout: 32 }, 'INVALID_ARGUMENT'],
    ['trafficClass', { trafficClass: 256 }, 'INVALID_ARGUMENT'],
    ['sourcePort', { sourcePort: 0 }, 'INVALID_ARGUMENT'],
    ['pKey', { pKey: 65_536 }, 'INVALID_ARGUMENT'],
    ['retryCount', { retryCount: 8 }, 'INVALID_ARGUMENT'],
    ['rnrRetryCount', { rnrRetryCount: 8 }, 'INVALID_ARGUMENT'],
    ['responderResources', { responderResources: 256 }, 'INVALID_ARGUMENT'],
    ['initiatorDepth', { initiatorDepth: 256 }, 'INVALID_ARGUMENT'],
    ['mtu', { mtu: 1500 as 1024 }, 'INVALID_ARGUMENT'],
    ['timeoutMs', { timeoutMs: 0 }, 'INVALID_ARGUMENT'],
    ['timeoutMs', { timeoutMs: Number.NaN }, 'INVALID_ARGUMENT'],
    ['responseTimeoutMs', { responseTimeoutMs: Number.POSITIVE_INFINITY }, 'INVALID_ARGUMENT'],
    ['retries', { retries: 256 }, 'INVALID_ARGUMENT'],
  ])('with a wrong %s fails before the name is looked up, and sends nothing', async (_, options, code) => {
    const error = await made.net.error<EndpointError>(
      made.client.endpoint.connect(target({ host: 'no such name', ...options })),
    );
    expect(error).toMatchObject({ name: 'EndpointError', code });
    expect(made.net.sent).toEqual([]);
  });

  it('with too much private data says the limit and why', async () => {
    const error = await made.net.error(made.client.endpoint.connect(target({ privateData: bytes(57) })));
    expect(error.message).toBe(
      "private data has 57 bytes; a REQ carries at most 56: 36 of the REQ's 92 hold the IP addresses",
    );
  });

  it('with a queue pair that is in use fails, and leaves nothing behind', async () => {
    await requested(made, { qpn: 0x500 });
    const before = made.client.adapter.cep.usage();
    const error = await made.net.error(made.client.endpoint.connect(target({ qpn: 0x500 })));
    expect(error).toMatchObject({ name: 'CepError', code: 'QPN_IN_USE' });
    expect(made.client.adapter.cep.usage()).toEqual(before);
  });

  it('to an unknown name fails with what the host says', async () => {
    const error = await made.net.error(made.client.endpoint.connect(target({ host: 'nowhere.example' })));
    expect(error).toMatchObject({ code: 'ADDRESS_SYNTAX' });
  });
});

describe('A rejection', () => {
  it.each(Object.entries(REJECT_REASONS) as [RejectReason, number][])('names its reason %s', async (name, number) => {
    const { request, connecting } = await requested(made);
    request.reject({ reason: name });
    const error = await made.net.error<RejectedError>(connecting);
    expect(error).toMatchObject({ name: 'RejectedError', code: 'REJECTED' });
    expect(error.details).toMatchObject({ peer: '10.0.0.2:7471', reason: number, reasonName: name });
    expect(error.message).toContain(`${name} (${number})`);
  });

  it('by the consumer says so, and carries 148 bytes', async () => {
    const { request, connecting } = await requested(made);
    request.reject({ privateData: bytes(148) });
    const error = await made.net.error<RejectedError>(connecting);
    expect(error.message).toMatch(/^rejected by the consumer at 10\.0\.0\.2:7471: consumerReject \(28\)/);
    expect(error.details.by).toBe('consumer');
    expect(error.details.privateData).toEqual(bytes(148));
    expect(made.net.messages()).toEqual(['REQ', 'REJ']);
  });

  it('by the CM, because nothing listens, says so and what to look at', async () => {
    const error = await made.net.error<RejectedError>(made.client.endpoint.connect(target()));
    expect(error.details).toMatchObject({ by: 'cm', reasonName: 'invalidServiceId' });
    expect(error.message).toBe(
      'rejected by the CM at 10.0.0.2:7471: invalidServiceId (8): nothing listens on that port there',
    );
  });

  it('with a number that IBTA does not know is passed on as it is', async () => {
    const { request, connecting } = await requested(made);
    request.reject({ reason: 0xfffe });
    const error = await made.net.error<RejectedError>(connecting);
    expect(error.message).toBe('rejected by the CM at 10.0.0.2:7471: unknown reason (65534)');
    expect(error.details.reasonName).toBeUndefined();
  });

  it('over IPv6 keeps address and port apart', async () => {
    made.net.host('fd00::2', { seed: 12, caGuid: 6n });
    const client = made.net.host('fd00::1', { seed: 11, caGuid: 5n });
    const error = await made.net.error(client.endpoint.connect(target({ host: 'fd00::2' })));
    expect(error.message).toContain('at [fd00::2]:7471:');
  });

  it.each([
    ['privateData', { privateData: bytes(149) }, 'PRIVATE_DATA_TOO_LONG'],
    ['reason', { reason: 0 }, 'INVALID_ARGUMENT'],
    ['reason', { reason: 65_536 }, 'INVALID_ARGUMENT'],
    ['reason', { reason: 'because' as RejectReason }, 'INVALID_ARGUMENT'],
  ])('with a wrong %s fails, and the request can still be answered', async (_, options, code) => {
    const { request, connecting } = await requested(made);
    expect(() => request.reject(options)).toThrow(expect.objectContaining({ code }));
    expect(request.isPending).toBe(true);
    request.reject();
    expect(await made.net.error(connecting)).toMatchObject({ code: 'REJECTED' });
  });
});
