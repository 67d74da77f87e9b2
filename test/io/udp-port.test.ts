import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { formatAddress, isIpv4Gid, parseGid } from '../../src/base/index.js';
import { type ReceivedDatagram, type SentDatagram, UdpPort, type UdpPortOptions } from '../../src/io/index.js';
import { loadNativeSockets, type NativeSockets } from '../../src/io/native-socket.js';
import { Icrc, IDENTIFICATION_UNKNOWN } from '../../src/wire/index.js';
import { cleanUp, freshAddress, noIpv6, notLinux } from './loopback.js';

/** One contract for all kinds of sockets, over real ones. */

const native = loadNativeSockets();
const { later } = cleanUp();
const KINDS: readonly [string, Pick<UdpPortOptions, 'sockets' | 'segmentation' | 'busyPoll'>][] = [
  ['batched sockets that let the system cut messages', { sockets: 'batched', segmentation: true }],
  ['batched sockets', { sockets: 'batched', segmentation: false }],
  ['batched sockets that look all the time', { sockets: 'batched', segmentation: true, busyPoll: true }],
  ['sockets of Node', { sockets: 'dgram' }],
];

interface Seen {
  readonly bytes: Uint8Array;
  readonly from: string;
  readonly sourcePort: number;
}

/** A port that remembers what it gets. */
class Peer {
  readonly port: UdpPort;
  readonly seen: Seen[] = [];
  #wanted = Number.POSITIVE_INFINITY;
  #onAll: () => void = () => undefined;

  constructor(port: UdpPort) {
    this.port = port;
    port.onDatagram = ({ bytes, at, length, remoteGid, sourcePort }: ReceivedDatagram) => {
      this.seen.push({ bytes: bytes.slice(at, at + length), from: formatAddress(remoteGid), sourcePort });
      if (this.seen.length >= this.#wanted) this.#onAll();
    };
  }

  /** When so many have come in all. */
  async received(count: number): Promise<readonly Seen[]> {
    this.#wanted = count;
    if (this.seen.length < count) {
      await new Promise<void>((resolve) => {
        this.#onAll = resolve;
      });
    }
    return this.seen;
  }
}

const endsOf = (source: Uint8Array, destination: Uint8Array) => ({
  source,
  sourceOffset: 0,
  destination,
  destinationOffset: 0,
  sourcePort: 4791,
});

const contentOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) ^ (i >> 8));

interface Sending {
  readonly length: number;
  readonly trafficClass?: number;
  readonly sourcePort?: number;
}

/** Sends datagrams from one buffer, which is written over as soon as the port has let go of it. */
function sendAll(from: UdpPort, to: { readonly gid: Uint8Array }, datagrams: readonly Sending[]): void {
  const room = new Uint8Array(datagrams.reduce((sum, { length }) => sum + length, 0));
  const object: { -readonly [Name in keyof SentDatagram]?: SentDatagram[Name] } = { bytes: room };
  let at = 0;
  for (const [i, { length, trafficClass = 0, sourcePort = 4791 }] of datagrams.entries()) {
    room.set(contentOf(length, i), at);
    if (length >= 16) new Icrc().seal(endsOf(from.gid, to.gid), 0, room, at, at + length);
    const path = { port: 1, localGid: from.gid, remoteGid: to.gid, trafficClass, sourcePort: 0 };
    from.send(Object.assign(object, { at, length, path, sourcePort }) as SentDatagram);
    at += length;
  }
  from.flush();
  room.fill(0);
}

/** What came is what was sent, in its order; of the ICRC only that it is right. */
function expectWhole(seen: readonly Seen[], lengths: readonly number[], from: UdpPort, to: UdpPort): void {
  expect(seen.map(({ bytes }) => bytes.length)).toEqual(lengths);
  const icrc = new Icrc();
  for (const [i, { bytes, ...source }] of seen.entries()) {
    const sealed = bytes.length >= 16 ? 4 : 0;
    const end = bytes.length - sealed;
    expect(Buffer.compare(bytes.subarray(0, end), contentOf(bytes.length, i).subarray(0, end)), `datagram ${i}`).toBe(
      0,
    );
    if (sealed) {
      expect(icrc.verify(endsOf(from.gid, to.gid), IDENTIFICATION_UNKNOWN, bytes, 0, bytes.length)).toBe(true);
    }
    expect(source).toEqual({ from: formatAddress(from.gid), sourcePort: 4791 });
  }
}

describe.skipIf(notLinux || typeof native === 'string').each(KINDS)('A port with %s', (_, kind) => {
  const open = async (address = freshAddress()): Promise<Peer> => {
    const port = await UdpPort.open({ gid: parseGid(address), onWarning: () => undefined, ...kind });
    later(() => port.close());
    return new Peer(port);
  };

  it('says what it has', async () => {
    const { port } = await open();
    expect([port.sockets, port.segmentation]).toEqual([kind.sockets, kind.segmentation === true]);
  });

  it('brings datagrams of all lengths, whole and in order, with their senders', async () => {
    const [a, b] = [await open(), await open()];
    const lengths = [0, 1, 15, 16, 280, 280, 280, 1_056, 1_500, 9_000, 280, 60_000, 65_507, 17];
    sendAll(
      a.port,
      b.port,
      lengths.map((length) => ({ length })),
    );
    expectWhole(await b.received(lengths.length), lengths, a.port, b.port);
    expect(a.seen).toEqual([]);
  });

  it('brings bursts of equal datagrams whole and in order, and to itself as well', async () => {
    const [a, b] = [await open(), await open()];
    for (const to of [b, a]) {
      const lengths = Array.from({ length: 700 }, (__, i) => (i === 699 ? 100 : 280));
      sendAll(
        a.port,
        to.port,
        lengths.map((length) => ({ length })),
      );
      expectWhole(await to.received(lengths.length), lengths, a.port, to.port);
    }
    const packets = Array<number>(100).fill(4_128);
    sendAll(
      b.port,
      a.port,
      packets.map((length) => ({ length })),
    );
    expectWhole((await a.received(800)).slice(700), packets, b.port, a.port);
  });

  it.skipIf(noIpv6)('brings them over IPv6', async () => {
    // There is one ::1 only: whoever has it just now, has it.
    const peer = await open('::1').catch((error: Error) => error);
    if (peer instanceof Error) return;
    const lengths = [16, ...Array<number>(200).fill(280), 1_500, 20];
    sendAll(
      peer.port,
      peer.port,
      lengths.map((length) => ({ length })),
    );
    expectWhole(await peer.received(lengths.length), lengths, peer.port, peer.port);
  });

  it('sends from the source port that is asked for, also from one that is still being opened', async () => {
    const [a, b] = [await open(), await open()];
    const sourcePort = 20_000 + ((process.pid + KINDS.findIndex(([, each]) => each === kind)) % 20_000);
    sendAll(a.port, b.port, [
      { length: 20, sourcePort },
      { length: 21, sourcePort },
    ]);
    await b.received(2);
    await a.port.prepare(sourcePort);
    sendAll(a.port, b.port, [{ length: 22, sourcePort }, { length: 23 }]);
    const seen = await b.received(4);
    expect(seen.map(({ bytes }) => bytes.length).toSorted()).toEqual([20, 21, 22, 23]);
    for (const { bytes, sourcePort: from } of seen) expect(from).toBe(bytes.length === 23 ? 4791 : sourcePort);
    // Nobody reads what comes to it.
    sendAll(b.port, a.port, [{ length: 30 }]);
    expect((await a.received(1)).map(({ bytes }) => bytes.length)).toEqual([30]);
  });

  it('marks each datagram with its traffic class', async () => {
    const receiver = new MarkedReceiver(native as NativeSockets, parseGid(freshAddress()));
    later(() => receiver.close());
    const { port } = await open();
    const trafficClasses = [0, 0x68, 0x68, 0, 0xff, 0x01, 0x01];
    // Some equal and of one length, so that they could be one message.
    for (const trafficClass of trafficClasses) {
      sendAll(port, receiver, [
        { length: 40, trafficClass },
        { length: 40, trafficClass },
      ]);
      expect(await receiver.next()).toBe(trafficClass);
      expect(await receiver.next()).toBe(trafficClass);
    }
  });

  it('counts by its error what the system does not send, and sends the rest', async () => {
    const [a, b] = [await open(), await open()];
    const nowhere = { gid: parseGid('192.0.2.1') };
    sendAll(a.port, b.port, [{ length: 280 }, { length: 65_508 }, { length: 281 }]);
    sendAll(a.port, nowhere, [{ length: 280 }, { length: 280 }]);
    sendAll(a.port, b.port, [{ length: 282 }]);
    expect((await b.received(3)).map(({ bytes }) => bytes.length)).toEqual([280, 281, 282]);
    expect([...a.port.sendErrors].toSorted()).toEqual([
      ['EINVAL', 2],
      ['EMSGSIZE', 1],
    ]);
    expect(a.port.segmentation).toBe(kind.segmentation === true);
  });

  it('gives everything back at once when it is closed, and is silent then', async () => {
    const address = freshAddress();
    const [a, b] = [await open(address), await open()];
    await a.port.close();
    await a.port.close();
    sendAll(a.port, b.port, [{ length: 20 }]);
    const again = await open(address);
    sendAll(b.port, again.port, [{ length: 21 }]);
    expect((await again.received(1)).map(({ bytes }) => bytes.length)).toEqual([21]);
    sendAll(again.port, b.port, [{ length: 22 }]);
    expect((await b.received(1)).map(({ bytes }) => bytes.length)).toEqual([22]);
    expect([a.seen, a.port.sendErrors.size]).toEqual([[], 0]);
  });
});

describe('Sockets', () => {
  it.skipIf(notLinux || typeof native === 'string')('are batched where that can be had', async () => {
    const port = await UdpPort.open({ gid: parseGid(freshAddress()), onWarning: () => undefined });
    later(() => port.close());
    expect([port.sockets, port.segmentation]).toEqual(['batched', true]);
  });
});

const IP_RECVTOS = 13;
/** Polls for a datagram this often: other tests may use the machine. */
const ATTEMPTS = 2_000;

/** A socket that sees the traffic class of what it receives, which none of ours does. */
class MarkedReceiver {
  readonly gid: Uint8Array;
  readonly #native: NativeSockets;
  readonly #descriptor: number;
  readonly #recvmsg: (descriptor: number, message: Uint8Array, flags: number) => number;

  constructor(sockets: NativeSockets, gid: Uint8Array) {
    if (!isIpv4Gid(gid)) throw new RangeError('IPv4 only');
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    this.#recvmsg = koffi.load(null).func('int64_t recvmsg(int fd, uint8_t *message, int flags)');
    this.#native = sockets;
    this.gid = gid;
    this.#descriptor = sockets.open(gid, 4791);
    sockets.libc.setsockopt(this.#descriptor, 0, IP_RECVTOS, Int32Array.of(1), 4);
  }

  /** The traffic class of the next datagram. */
  async next(): Promise<number> {
    const { libc } = this.#native;
    const memory = new ArrayBuffer(4_096);
    const words = new BigUint64Array(memory);
    const base = BigInt(libc.addressOf(memory));
    words.set([0n, 0n, base + 64n, 1n, base + 80n, 64n, 0n]);
    // The vector, with its place for data.
    words.set([base + 256n, 2_048n], 8);
    for (let i = 0; i < ATTEMPTS; i += 1) {
      if (this.#recvmsg(this.#descriptor, new Uint8Array(memory), MSG_DONTWAIT) >= 0) {
        return new Uint8Array(memory)[96] as number;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error('nothing came');
  }

  close(): void {
    this.#native.close(this.#descriptor);
  }
}
const MSG_DONTWAIT = 0x40;
