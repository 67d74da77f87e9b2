import { beforeEach, describe, expect, it } from 'vitest';
import type { DatagramSocket, TransferError } from '../../src/endpoint/index.js';
import { fixture } from './fixture.js';

/** Datagrams between sockets, and how one finds the other. */

const made = fixture();
const bytes = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, index) => from + 7 * index);
const value = <T>(promise: Promise<T>): Promise<T> => made.net.value(promise);

let ours: DatagramSocket;
let theirs: DatagramSocket;
beforeEach(async () => {
  ours = await made.client.endpoint.openDatagramSocket();
  theirs = await made.server.endpoint.openDatagramSocket({ receives: 4, receiveBytes: 1_000 });
});

describe('Datagram sockets', () => {
  it.each([0, 1, 64, 65, 1_000])('send and receive %i bytes, and say who has sent them', async (length) => {
    await value(ours.send(bytes(length), theirs, { immediate: length }));
    expect(await value(theirs.receive())).toEqual({
      data: bytes(length),
      immediate: length,
      from: { address: '10.0.0.1', qpn: ours.qpn },
    });
  });

  it('find each other by name and port', async () => {
    const listener = await made.server.endpoint.listenDatagram({ port: 9 });
    const looking = made.client.endpoint.lookup({ host: '10.0.0.2', port: 9 });
    const { value: request } = await value(listener[Symbol.asyncIterator]().next());
    request?.accept({ qpn: theirs.qpn, qKey: theirs.qKey });
    const service = await value(looking);
    await value(ours.send(bytes(3), service));
    const { data, from } = (await value(theirs.receive())) ?? {};
    expect(data).toEqual(bytes(3));
    // And back, to whom it came from.
    if (from === undefined) throw new Error('nothing came');
    await value(theirs.send(bytes(4), { ...from, qKey: ours.qKey }));
    expect((await value(ours.receive()))?.data).toEqual(bytes(4));
  });

  it('speak over IPv6, and to themselves', async () => {
    const dual = made.net.host(['10.0.0.9', 'fd00::9'], { seed: 9, caGuid: 0x9999n });
    const socket = await dual.endpoint.openDatagramSocket({ address: 'fd00::9' });
    expect(socket.address).toBe('fd00::9');
    await value(socket.send(bytes(5), socket));
    expect(await value(socket.receive())).toMatchObject({
      data: bytes(5),
      from: { address: 'fd00::9', qpn: socket.qpn },
    });
    expect(await made.net.error(socket.send(bytes(5), ours))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('drop what they have no room for, and what has the wrong key', async () => {
    await value(ours.send(bytes(1), { address: theirs.address, qpn: theirs.qpn, qKey: 1 }));
    await value(ours.send(bytes(1_001), theirs));
    for (let n = 0; n < 6; n += 1) await value(ours.send(bytes(2, n), theirs));
    for (let n = 0; n < 4; n += 1) expect((await value(theirs.receive()))?.data).toEqual(bytes(2, n));
    await value(ours.send(bytes(2, 9), theirs));
    expect((await value(theirs.receive()))?.data).toEqual(bytes(2, 9));
  });

  it('are of no use after a datagram that is too long to be sent, and say so', async () => {
    const error = await made.net.error<TransferError>(ours.send(bytes(1_025), theirs));
    expect(error.code).toBe('LOCAL_LENGTH_ERROR');
  });

  it('that are closed take nothing and leave nobody waiting', async () => {
    const waiting = theirs.receive();
    theirs.close();
    theirs.close();
    expect(await value(waiting)).toBeUndefined();
    expect(await made.net.error(theirs.send(bytes(1), ours))).toMatchObject({ code: 'CLOSED' });
    const left = ours.receive();
    await value(made.client.endpoint.close());
    expect(await value(left)).toBeUndefined();
    expect(await made.net.error(made.client.endpoint.openDatagramSocket())).toMatchObject({ code: 'CLOSED' });
  });

  it('refuse what cannot be', async () => {
    const wrong = [{ qKey: -1 }, { qKey: 2 ** 32 }, { pKey: 65_536 }, { address: '1.2.3.4' }, { receives: -1 }];
    for (const options of wrong) {
      const refused = made.client.endpoint.openDatagramSocket(options);
      expect(await made.net.error(refused)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    for (const to of [{ qpn: 2 ** 24 }, { qKey: 1.5 }]) {
      const refused = ours.send(bytes(1), { address: '10.0.0.2', qpn: 2, qKey: 1, ...to });
      expect(await made.net.error(refused)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await made.net.error(ours.send(bytes(1), { address: 'here', qpn: 2, qKey: 1 }))).toBeInstanceOf(Error);
  });
});
