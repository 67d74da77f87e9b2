import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { EndpointError } from '../../src/endpoint/index.js';
import {
  caGuidOf,
  type IoError,
  openAdapter,
  PortWrapper,
  type RocePort,
  type SentDatagram,
} from '../../src/io/index.js';
import { decodeMad, type Req } from '../../src/wire/index.js';
import {
  adapters,
  cleanUp,
  connect,
  freshAddress,
  nextDatagram,
  noIpv6,
  notLinux,
  plainSocket,
  sendTo,
} from './loopback.js';

const open = adapters();
const { later } = cleanUp();
const MAD_OFFSET = 20;

const failure = (promise: Promise<unknown>): Promise<IoError> =>
  promise.then(
    () => {
      throw new Error('an error was expected');
    },
    (error: unknown) => error as IoError,
  );

async function plain(address: string, port = 4791): ReturnType<typeof plainSocket> {
  const socket = await plainSocket(address, port);
  later(() => socket.close());
  return socket;
}

describe.skipIf(notLinux)('An adapter on IPv4', () => {
  it('connects to another, and both hear of the end', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const { ours, theirs } = await connect(client, server, { privateData: Buffer.from('hello') });
    expect(Buffer.from(theirs.privateData).toString()).toMatch(/^hello\0+$/);
    expect(theirs.remote).toEqual(ours.local);
    const closed = once(theirs as never, 'close');
    expect(await ours.disconnect()).toBe('disconnected');
    await closed;
    expect(theirs.closeCause).toBe('peer');
  });

  it.each([
    ['Node’s sockets', 'batched ones', { sockets: 'dgram' }, {}],
    ['batched sockets', 'Node’s', {}, { sockets: 'dgram' }],
    ['sockets that let the system cut messages', 'such that do not', { segmentation: true }, { segmentation: false }],
  ] as const)('with %s moves data to and from one with %s', async (_, __, ours, theirs) => {
    const [client, server] = await Promise.all([open(ours), open(theirs)]);
    const both = await connect(client, server);
    const data = Uint8Array.from({ length: 50_000 }, (___, i) => i * 7);
    for (const [from, to] of [
      [both.ours, both.theirs],
      [both.theirs, both.ours],
    ] as const) {
      const region = to.register(new Uint8Array(data.length), { remoteWrite: true });
      await from.write(region, data);
      expect(Buffer.compare(region.bytes, data)).toBe(0);
    }
    expect(await both.ours.disconnect()).toBe('disconnected');
  });

  it('that disconnects as soon as it has a message has acknowledged it', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const { ours, theirs } = await connect(client, server);
    const sent = theirs.send(Uint8Array.of(1));
    expect((await ours.receive())?.data).toEqual(Uint8Array.of(1));
    expect(await ours.disconnect()).toBe('disconnected');
    await sent;
  });

  it('connects to itself', async () => {
    const adapter = await open();
    const { ours, theirs } = await connect(adapter, adapter);
    expect(await theirs.disconnect()).toBe('disconnected');
    expect(ours.closeCause).toBe('peer');
  });

  it('hears at once that nobody listens', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const error = await failure(client.connect({ host: server.address, port: 1 }));
    expect(error.message).toContain('rejected by the CM');
  });

  it('fails in its time when nobody answers, and says so', async () => {
    const client = await open();
    const nobody = freshAddress();
    const error = await failure(client.connect({ host: nobody, port: 1, timeoutMs: 60, responseTimeoutMs: 25 }));
    expect(error.code).toBe('TIMEOUT');
    expect(error.message).toMatch(new RegExp(`^${nobody}:1 did not answer: asked [23] times in \\d+ ms\\. `));
  });

  it('disconnects in its time when the peer has gone', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const { ours } = await connect(client, server);
    const closed = once(ours as never, 'close');
    await server.close({ timeoutMs: 0 });
    await closed;
    expect(await ours.disconnect()).toBe('peer');
  });

  it('disconnects in its time when the peer has gone without a word', async () => {
    let dead = false;
    const mortal = (port: RocePort): RocePort => {
      const { send } = port;
      port.send = (datagram) => {
        if (!dead) send.call(port, datagram);
      };
      return port;
    };
    const [client, server] = await Promise.all([open(), open({ wrapPort: mortal })]);
    const { ours } = await connect(client, server);
    dead = true;
    expect(await ours.disconnect({ timeoutMs: 50 })).toBe('unacknowledged');
  });

  it('can be opened again on the address that it gave back, with the same CA GUID and other comm IDs', async () => {
    const address = freshAddress();
    const peerAddress = freshAddress();
    const peer = await plain(peerAddress);
    const reqs: Req[] = [];
    for (let run = 0; run < 2; run += 1) {
      const adapter = await openAdapter({ address });
      const connecting = failure(adapter.connect({ host: peerAddress, port: 1 }));
      const { bytes } = await nextDatagram(peer);
      const mad = decodeMad(bytes.subarray(MAD_OFFSET, -4));
      if (mad instanceof Error || mad.message !== 'REQ') throw new Error('a REQ expected');
      reqs.push(mad.fields);
      await adapter.close();
      expect(await connecting).toMatchObject({ code: 'CLOSED' });
      // The REJ of the attempt that was given up.
      await nextDatagram(peer);
    }
    const [first, second] = reqs as [Req, Req];
    expect(first.localCaGuid).toBe(caGuidOf(parseGid(address)));
    expect(second.localCaGuid).toBe(first.localCaGuid);
    expect(second.localCommId).not.toBe(first.localCommId);
  });

  it('has the CA GUID that it was given', async () => {
    const peer = await plain(freshAddress());
    const adapter = await open({ caGuid: 2n ** 64n - 1n });
    const connecting = failure(adapter.connect({ host: peer.address().address, port: 1 }));
    const { bytes } = await nextDatagram(peer);
    expect(decodeMad(bytes.subarray(MAD_OFFSET, -4))).toMatchObject({ fields: { localCaGuid: 2n ** 64n - 1n } });
    await adapter.close();
    await connecting;
  });

  it('sends from port 4791, or from the source port that was asked for, to port 4791', async () => {
    const peer = await plain(freshAddress());
    const adapter = await open();
    const sourcePort = 20_000 + (process.pid % 20_000);
    for (const [options, expected] of [
      [{}, 4791],
      [{ sourcePort: 4791 }, 4791],
      [{ sourcePort }, sourcePort],
      [{ sourcePort, trafficClass: 0x68 }, sourcePort],
    ] as const) {
      const abort = new AbortController();
      const connecting = failure(
        adapter.connect({ host: peer.address().address, port: 1, signal: abort.signal, ...options }),
      );
      const { from, bytes } = await nextDatagram(peer);
      expect([from.address, from.port, bytes.length]).toEqual([adapter.address, expected, 280]);
      const rejected = nextDatagram(peer);
      abort.abort(new Error('seen'));
      expect(await connecting).toEqual(new Error('seen'));
      expect((await rejected).from.port).toBe(expected);
    }
  });

  it('says at once that a source port is taken', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const taken = await plain(client.address, 0);
    const { port } = taken.address();
    const error = await failure(client.connect({ host: server.address, port: 1, sourcePort: port }));
    expect(error.code).toBe('PORT_IN_USE');
    expect(error.message).toBe(
      `UDP port ${port} of ${client.address} is in use: find its owner with "ss -ulpn sport = :${port}"`,
    );
  });

  it('uses one socket for several connections from one source port that begin at once', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const sourcePort = 20_000 + ((process.pid + 1) % 20_000);
    const connecting = [1, 2, 3].map((port) => failure(client.connect({ host: server.address, port, sourcePort })));
    const errors = await Promise.all(connecting);
    expect(errors.map(({ code }) => code)).toEqual(['REJECTED', 'REJECTED', 'REJECTED']);
  });

  it('ends an attempt with an abort, also while the name is looked up', async () => {
    const client = await open();
    const abort = new AbortController();
    const connecting = failure(client.connect({ host: 'localhost', port: 1, signal: abort.signal }));
    abort.abort('enough');
    expect(await connecting).toBe('enough');
  });

  it('lets itself be closed while a source port is being opened', async () => {
    const client = await open();
    const connecting = failure(
      client.connect({ host: freshAddress(), port: 1, sourcePort: 20_000 + ((process.pid + 2) % 20_000) }),
    );
    await client.close();
    expect(await connecting).toMatchObject({ code: 'CLOSED' });
  });

  it('takes garbage of all sizes, and goes on', async () => {
    const [client, server] = await Promise.all([open(), open()]);
    const stranger = await plain(freshAddress(), 0);
    for (const length of [0, 1, 11, 12, 15, 16, 20, 279, 280, 281, 1_500, 9_000, 60_000]) {
      await sendTo(stranger, new Uint8Array(length).fill(length), server.address);
    }
    const almost = new Uint8Array(280);
    almost.set([0x64, 0, 0xff, 0xff, 0, 0, 0, 1]);
    await sendTo(stranger, almost, server.address);
    const { ours } = await connect(client, server);
    expect(await ours.disconnect()).toBe('disconnected');
  });
});

describe.skipIf(noIpv6)('An adapter on IPv6', () => {
  it('connects to itself, with private data and a traffic class', async () => {
    // There is one ::1 only: whoever has it just now, has it.
    const adapter = await open({ address: '::1' }).catch((error: IoError) => error);
    if (adapter instanceof Error) {
      expect(adapter.code).toBe('PORT_IN_USE');
      return;
    }
    expect(adapter.address).toBe('::1');
    const { ours, theirs } = await connect(adapter, adapter, { trafficClass: 0x20, privateData: Uint8Array.of(1, 2) });
    expect([...theirs.privateData.subarray(0, 3)]).toEqual([1, 2, 0]);
    expect(ours.remote.address).toBe('::1');
    expect(await ours.disconnect()).toBe('disconnected');
    const error = await failure(adapter.connect({ host: '127.0.0.1', port: 1 }));
    expect(error.code).toBe('NAME_NOT_FOUND');
    expect(error.message).toBe('"127.0.0.1" has no IPv6 address, which this adapter needs as its own is one');
  });
});

describe('Opening fails', () => {
  it.skipIf(notLinux)('when the port is taken: the message says how to find the owner', async () => {
    const { address } = await open();
    const error = await failure(openAdapter({ address }));
    expect(error).toMatchObject({ name: 'IoError', code: 'PORT_IN_USE', details: { address, port: 4791 } });
    expect(error.message).toMatch(/^UDP port 4791 of 127\..* is in use: .*("ss -ulpn sport = :4791"|"rdma link")/);
    expect(error.message).toContain('soft-RoCE');
    expect(error.cause).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('when the machine does not have the address', async () => {
    const error = await failure(openAdapter({ address: '192.0.2.1' }));
    expect(error.code).toBe('ADDRESS_NOT_LOCAL');
    expect(error.message).toBe('this machine does not have the address 192.0.2.1: "ip address" shows those it has');
  });

  it.each([
    ['0.0.0.0', 'stands for all addresses'],
    ['::', 'stands for all addresses'],
    ['0::0', 'stands for all addresses'],
    ['::ffff:0.0.0.0', 'stands for all addresses'],
    ['255.255.255.255', 'is the broadcast address'],
    ['224.0.0.1', 'is a multicast address'],
    ['ff02::1', 'is a multicast address'],
    ['fe80::1', 'is a link-local address'],
  ])('on %s, which %s', async (address, kind) => {
    const error = await failure(openAdapter({ address }));
    expect(error.code).toBe('ADDRESS_NOT_LOCAL');
    expect(error.message).toContain(`${address} ${kind}`);
    expect(error.message).toContain('RDMA peers must know the one address of this adapter');
  });

  it.each(['', 'no-such-host.invalid', '1.2.3'])('on the name "%s", which has no address', async (address) => {
    const error = await failure(openAdapter({ address }));
    // Some systems read 1.2.3 as an address, 1.2.0.3.
    expect(['NAME_NOT_FOUND', 'ADDRESS_NOT_LOCAL']).toContain(error.code);
    if (address !== '1.2.3') expect(error.message).toContain(`"${address}" has no address`);
  });

  it('on a link-local address with a zone, whose message says why', async () => {
    const error = await failure(openAdapter({ address: 'fe80::1%lo' }));
    expect(['NO_ROUTE', 'NAME_NOT_FOUND']).toContain(error.code);
    expect(error.message).toMatch(/zone does not fit into a GID|has no address/);
  });

  it.each([0n, -1n, 2n ** 64n, 5 as unknown as bigint])('with the CA GUID %s', async (caGuid) => {
    const error = (await failure(openAdapter({ address: freshAddress(), caGuid }))) as unknown as EndpointError;
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.message).toBe(`caGuid is ${caGuid}; it must be a bigint from 1 to 2^64 - 1`);
  });

  it.skipIf(notLinux).each([
    [
      'wrapPort throws',
      {
        wrapPort: () => {
          throw new Error('no');
        },
      },
    ],
    ['a limit is impossible', { limits: { maxCeps: 0 } }],
  ])('when %s, and leaves no socket open', async (_, options) => {
    const address = freshAddress();
    await failure(openAdapter({ address, ...options }));
    await open({ address });
  });
});

describe.skipIf(notLinux)('Connecting fails', () => {
  it.each(['', 'no-such-host.invalid'])('to the name "%s", which has no address', async (host) => {
    const client = await open();
    const error = await failure(client.connect({ host, port: 1 }));
    expect(error.code).toBe('NAME_NOT_FOUND');
    expect(error.message).toContain(`"${host}" has no IPv4 address, which this adapter needs as its own is one`);
  });

  it('to an IPv6 address from an IPv4 one', async () => {
    const client = await open();
    const error = await failure(client.connect({ host: '2001:db8::1', port: 1 }));
    expect(error.code).toBe('NAME_NOT_FOUND');
  });

  it('where there is no route', async () => {
    const client = await open();
    // From a loopback address nothing outside can be reached.
    const error = await failure(client.connect({ host: '192.0.2.1', port: 1 }));
    expect(error.code).toBe('NO_ROUTE');
    expect(error.message).toMatch(new RegExp(`^no route to 192\\.0\\.2\\.1 from ${client.address}: E[A-Z]+$`));
    expect(error.cause).toBeInstanceOf(Error);
  });
});

describe.skipIf(notLinux)('A wrapper of the port', () => {
  it('that answers before send returns, as a loopback does, makes no difference', async () => {
    const loopback = (port: RocePort): RocePort => {
      const wrapped: RocePort = {
        gid: port.gid,
        onDatagram: () => undefined,
        send: (datagram) => wrapped.onDatagram({ ...datagram, remoteGid: port.gid }),
        flush: () => undefined,
        close: () => port.close(),
      };
      return wrapped;
    };
    const adapter = await open({ wrapPort: loopback });
    const { ours, theirs } = await connect(adapter, adapter);
    expect(await ours.disconnect()).toBe('disconnected');
    expect(theirs.closeCause).toBe('peer');
  });

  it('that throws loses the datagram, which is sent again', async () => {
    const listeners = process.listeners('uncaughtException');
    const reported: unknown[] = [];
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => reported.push(error));
    later(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    let faults = 1;
    class Faulty extends PortWrapper {
      override send(datagram: SentDatagram): void {
        faults -= 1;
        if (faults >= 0) throw new Error('a fault');
        super.send(datagram);
      }
    }
    const faulty = (port: RocePort): RocePort => new Faulty(port);
    const [client, server] = await Promise.all([open({ wrapPort: faulty }), open()]);
    const { ours } = await connect(client, server, { responseTimeoutMs: 20 });
    expect(await ours.disconnect()).toBe('disconnected');
    expect(reported).toEqual([new Error('a fault')]);
  });
});
