import { describe, expect, test } from 'vitest';
import type { EndpointError, EndpointEvent, LookupRejectedError } from '../../src/endpoint/index.js';
import { IP_CM_HEADER_BYTES } from '../../src/wire/index.js';
import { VirtualNetwork } from './virtual-network.js';

/** Who serves datagrams where: look-ups and what answers them. */

const PORT = 7_472;
const to = { host: '10.0.0.2', port: PORT };
const octets = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value);

async function first<T>(iterable: AsyncIterable<T>): Promise<T> {
  for await (const each of iterable) return each;
  throw new Error('nothing came');
}

describe('a look-up', () => {
  test('finds the queue pair and Q_Key that the service tells, with private data both ways', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const found = client.endpoint.lookup({ ...to, privateData: octets(180) });
    const request = await network.value(first(listener));
    expect(request).toMatchObject({
      remote: { address: '10.0.0.1' },
      local: { address: '10.0.0.2', port: PORT },
      pKey: 0xffff,
      privateData: octets(180),
      isPending: true,
    });
    expect(request.accept({ qpn: 0x1234, qKey: 0x8001_0203, privateData: octets(136, 9) })).toEqual({
      qpn: 0x1234,
      qKey: 0x8001_0203,
    });
    expect(await network.value(found)).toEqual({
      address: '10.0.0.2',
      port: PORT,
      qpn: 0x1234,
      qKey: 0x8001_0203,
      privateData: octets(136, 9),
    });
    expect(network.messages()).toEqual(['SIDR_REQ', 'SIDR_REP']);
    expect(await network.leftovers()).toEqual([]);
  });

  test('names both addresses in rdma_cm’s header and the port in the UDP port space, as Linux does', async () => {
    const network = new VirtualNetwork();
    const { client } = network.pair();
    void client.endpoint.lookup({ ...to, privateData: Uint8Array.of(0xaa) }).catch(() => undefined);
    await network.settle();
    const { mad } = network.first('SIDR_REQ');
    const { serviceId, privateData } = mad.fields as { serviceId: bigint; privateData: Uint8Array };
    expect(serviceId).toBe(0x0111_0000n + BigInt(PORT));
    expect([...privateData.subarray(0, 2)]).toEqual([0, 0x40]);
    expect([...privateData.subarray(16, 20)]).toEqual([10, 0, 0, 1]);
    expect([...privateData.subarray(32, 36)]).toEqual([10, 0, 0, 2]);
    expect(privateData[IP_CM_HEADER_BYTES]).toBe(0xaa);
    await network.leftovers();
  });

  test('gets a number and rdma_cm’s Q_Key if the service says nothing else', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const found = client.endpoint.lookup(to);
    const told = (await network.value(first(listener))).accept();
    expect(told.qKey).toBe(0x0123_4567);
    expect(await network.value(found)).toMatchObject(told);
    expect(await network.leftovers()).toEqual([]);
  });

  test.each([
    [undefined, 2, 'rejected'],
    ['noQp', 3, 'noQp'],
    [77, 77, undefined],
  ] as const)('that is rejected with %s says status %i', async (status, number, statusName) => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const found = client.endpoint.lookup(to);
    (await network.value(first(listener))).reject({ ...(status && { status }), privateData: Uint8Array.of(1, 2) });
    const error = await network.error<LookupRejectedError>(found);
    expect(error).toMatchObject({ code: 'REJECTED', name: 'LookupRejectedError' });
    expect(error.details).toMatchObject({ peer: `10.0.0.2:${PORT}`, status: number, statusName });
    expect([...error.details.privateData.subarray(0, 3)]).toEqual([1, 2, 0]);
    expect(await network.leftovers()).toEqual([]);
  });

  test('of a port that nothing serves says so, and a listener for connections serves no datagrams', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    await server.endpoint.listen({ port: PORT });
    const error = await network.error<LookupRejectedError>(client.endpoint.lookup(to));
    expect(error.message).toBe(
      `10.0.0.2:${PORT} rejected the look-up: serviceIdUnsupported (1): nothing serves datagrams on that port there`,
    );
    expect(await network.leftovers()).toEqual([]);
  });

  test('asks again when its question or the answer is lost, and gives up in the end', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const serve = (async () => {
      for await (const request of listener) request.accept({ qpn: 0x99 });
    })();
    const lost = new Set<string>();
    network.fate = ({ mad }) => {
      if (lost.has(mad.message)) return 'deliver';
      lost.add(mad.message);
      return 'lose';
    };
    expect(await network.value(client.endpoint.lookup(to))).toMatchObject({ qpn: 0x99 });
    expect(network.messages()).toEqual(['SIDR_REQ', 'SIDR_REQ', 'SIDR_REP', 'SIDR_REQ', 'SIDR_REP']);

    network.fate = () => 'lose';
    const error = await network.error<EndpointError>(client.endpoint.lookup({ ...to, timeoutMs: 2_500 }));
    expect(error).toMatchObject({ code: 'TIMEOUT', details: { transmissions: 3, peer: `10.0.0.2:${PORT}` } });
    network.fate = () => 'deliver';
    expect(await network.leftovers()).toEqual([]);
    await serve;
  });

  test('ends with the signal’s reason, or when the adapter is closed, and leaves nothing', async () => {
    const network = new VirtualNetwork();
    const { client } = network.pair();
    network.fate = () => 'lose';
    const reason = new Error('changed my mind');
    await expect(client.endpoint.lookup({ ...to, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const aborted = client.endpoint.lookup({ ...to, signal: controller.signal });
    const closed = client.endpoint.lookup(to);
    const outcomes = Promise.allSettled([aborted, closed]);
    await network.settle();
    controller.abort(reason);
    await client.endpoint.close();
    expect(await outcomes).toMatchObject([{ reason }, { reason: { code: 'CLOSED' } }]);
    await expect(client.endpoint.lookup(to)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await network.leftovers()).toEqual([]);
  });

  test.each([
    ['port', { ...to, port: 0 }],
    ['trafficClass', { ...to, trafficClass: 256 }],
    ['sourcePort', { ...to, sourcePort: 0 }],
    ['pKey', { ...to, pKey: -1 }],
  ])('with a wrong %s is refused before anything is sent', async (name, options) => {
    const network = new VirtualNetwork();
    const { client } = network.pair();
    const error = await network.error(client.endpoint.lookup(options));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', details: { name } });
    const long = await network.error(client.endpoint.lookup({ ...to, privateData: octets(181) }));
    expect(long).toMatchObject({ code: 'PRIVATE_DATA_TOO_LONG', details: { maximum: 180 } });
    expect(network.sent).toEqual([]);
    expect(await network.leftovers()).toEqual([]);
  });
});

describe('a request', () => {
  test('is answered once; what can be corrected leaves it pending', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const found = client.endpoint.lookup(to);
    const request = await network.value(first(listener));
    expect(() => request.accept({ qpn: 1 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => request.accept({ qKey: 2 ** 32 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => request.reject({ status: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => request.accept({ privateData: octets(137) })).toThrow(
      expect.objectContaining({ code: 'PRIVATE_DATA_TOO_LONG', details: expect.objectContaining({ maximum: 136 }) }),
    );
    expect(request.isPending).toBe(true);
    request.accept({ qpn: 0x55 });
    expect(request.isPending).toBe(false);
    for (const again of [() => request.accept(), () => request.reject()])
      expect(again).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(await network.value(found)).toMatchObject({ qpn: 0x55 });
    expect(await network.leftovers()).toEqual([]);
  });

  test('that nobody took is rejected when the listener is closed; one that was taken can still be answered', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    const listener = await server.endpoint.listenDatagram({ port: PORT });
    const [taken, left] = [client.endpoint.lookup(to), client.endpoint.lookup(to)];
    const outcomes = Promise.allSettled([taken, left]);
    const request = await network.value(first(listener));
    await network.settle();
    listener.close();
    request.accept({ qpn: 0x66 });
    expect(await network.value(outcomes)).toMatchObject([
      { value: { qpn: 0x66 } },
      { reason: { code: 'REJECTED', details: { status: 2 } } },
    ]);
    for await (const _ of listener) throw new Error('a closed listener has no requests');
    expect(await network.leftovers()).toEqual([]);
  });

  test('whose header makes no sense, and one to connect, is refused by the listener itself', async () => {
    const network = new VirtualNetwork();
    const { client, server } = network.pair();
    await server.endpoint.listenDatagram({ port: PORT });
    const { cep } = client.adapter;
    const owner = cep.openOwner();
    const path = { localGid: client.adapter.gid(1), remoteGid: server.adapter.gid(1) };
    const serviceId = (0x0111_0000n + BigInt(PORT)) as never;
    owner.sendSidrReq(owner.create(), { path, serviceId, privateData: octets(40, 0xff) }, network.now);
    owner.sendReq(owner.create(), { path, serviceId, qpn: 0x700, startingPsn: 1 }, network.now);
    client.wake();
    await network.settle();
    const types = [owner.pollEvent()?.type, owner.pollEvent()?.type].sort();
    expect(types).toEqual(['rej_received', 'sidr_rep_received']);
    owner.close(network.now);
    expect(await network.leftovers()).toEqual([]);
  });
});

test('one port serves connections and datagrams; two listeners for the same are one too many', async () => {
  const network = new VirtualNetwork();
  const { server } = network.pair();
  await server.endpoint.listen({ port: PORT });
  await server.endpoint.listenDatagram({ port: PORT });
  await expect(server.endpoint.listenDatagram({ port: PORT })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  expect(await network.leftovers()).toEqual([]);
});

test('whoever watches sees look-ups too', async () => {
  const seen: string[] = [];
  const onEvent = ({ type }: EndpointEvent): void => void seen.push(type);
  const network = new VirtualNetwork();
  const { client, server } = network.pair({ client: { onEvent }, server: { onEvent } });
  const listener = await server.endpoint.listenDatagram({ port: PORT });
  const found = client.endpoint.lookup(to);
  (await network.value(first(listener))).accept();
  await network.value(found);
  expect(seen).toEqual(['sidr_req_received', 'sidr_rep_received']);
  expect(await network.leftovers()).toEqual([]);
});
