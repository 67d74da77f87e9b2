import { describe, expect, it } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import { BatchedSocket, WAITING_MAX } from '../../src/io/batched-socket.js';
import { NativeSockets } from '../../src/io/native-socket.js';
import type { ReceivedDatagram, SentDatagram } from '../../src/io/port.js';
import { Icrc } from '../../src/wire/index.js';
import { FakeKernel, type SentMessage } from './fake-kernel.js';

const V4 = parseGid('127.0.0.5');
const PEER = parseGid('127.0.0.6');
const OTHER = parseGid('127.0.0.7');

interface Options {
  readonly gid?: Uint8Array;
  readonly receives?: boolean;
  readonly segmentation?: boolean;
  readonly busyPoll?: boolean;
  readonly onDatagram?: (datagram: ReceivedDatagram) => void;
}

function open({ gid = V4, receives = true, segmentation = true, busyPoll = false, onDatagram }: Options = {}) {
  const kernel = new FakeKernel();
  const lost: string[] = [];
  const received: { bytes: Uint8Array; from: number[]; sourcePort: number }[] = [];
  const keep = ({ bytes, at, length, remoteGid, sourcePort }: ReceivedDatagram): void => {
    received.push({ bytes: bytes.slice(at, at + length), from: [...remoteGid], sourcePort });
  };
  const user = { gid, port: 4791, receives, onDatagram: onDatagram ?? keep, onLost: (code: string) => lost.push(code) };
  const socket = new BatchedSocket(user, new NativeSockets(kernel), { segmentation, busyPoll });
  return { kernel, socket, lost, received };
}

/** A datagram in the middle of a greater buffer, sealed for identification 0. */
function datagram(length: number, seed: number, { to = PEER, trafficClass = 0, from = V4 } = {}): SentDatagram {
  const bytes = new Uint8Array(length + 24).fill(0xee);
  for (let i = 0; i < length; i += 1) bytes[8 + i] = seed * 31 + i;
  const path = { port: 1, localGid: from, remoteGid: to, trafficClass, sourcePort: 0 };
  if (length >= 16) new Icrc().seal(endsOf(from, to), 0, bytes, 8, 8 + length);
  return { bytes, at: 8, length, path, sourcePort: 4791 };
}

const endsOf = (source: Uint8Array, destination: Uint8Array) => ({
  source,
  sourceOffset: 0,
  destination,
  destinationOffset: 0,
  sourcePort: 4791,
});

/** What the kernel cuts from a message. */
function segmentsOf({ bytes, segmentBytes }: SentMessage): Uint8Array[] {
  if (segmentBytes === 0) return [bytes];
  const count = Math.ceil(bytes.length / segmentBytes);
  return Array.from({ length: count }, (_, k) => bytes.subarray(k * segmentBytes, (k + 1) * segmentBytes));
}

const bytesOf = ({ bytes, at, length }: SentDatagram): number[] => [...bytes.subarray(at, at + length)];

describe('A batched socket', () => {
  it('sends what belongs together as one message, and seals each datagram for its place in it', () => {
    const { kernel, socket } = open();
    for (let i = 0; i < 5; i += 1) socket.send(datagram(i === 4 ? 100 : 280, i));
    expect(kernel.sent).toEqual([]);
    socket.flush();
    expect(kernel.sent).toMatchObject([{ to: '127.0.0.6', port: 4791, trafficClass: 0, segmentBytes: 280 }]);
    const segments = segmentsOf(kernel.sent[0] as SentMessage);
    expect(segments.map(({ length }) => length)).toEqual([280, 280, 280, 280, 100]);
    for (const [k, segment] of segments.entries()) {
      expect(new Icrc().verify(endsOf(V4, PEER), k, segment, 0, segment.length), `segment ${k}`).toBe(true);
      expect([...segment.subarray(0, -4)]).toEqual(bytesOf(datagram(segment.length, k)).slice(0, -4));
    }
    socket.flush();
    expect(kernel.calls).toEqual([1]);
  });

  it('over IPv6, where there is no identification, leaves the ICRCs as they are', () => {
    const [from, to] = [parseGid('fd00::5'), parseGid('fd00::6')];
    const { kernel, socket } = open({ gid: from });
    const datagrams = [0, 1, 2].map((i) => datagram(280, i, { from, to, trafficClass: 0x68 }));
    for (const each of datagrams) socket.send(each);
    socket.flush();
    expect(kernel.sent).toMatchObject([{ to: 'fd00::6', port: 4791, trafficClass: 0x68, segmentBytes: 280 }]);
    expect(segmentsOf(kernel.sent[0] as SentMessage).map((each) => [...each])).toEqual(datagrams.map(bytesOf));
  });

  it('begins another message where the destination or the traffic class is another, the length grows, or there is no ICRC', () => {
    const { kernel, socket } = open();
    const all = [
      datagram(280, 1),
      datagram(280, 2, { to: OTHER }),
      datagram(280, 3, { to: OTHER, trafficClass: 4 }),
      datagram(284, 4, { to: OTHER, trafficClass: 4 }),
      datagram(15, 5),
      datagram(15, 6),
      datagram(0, 7),
      datagram(0, 8),
      datagram(280, 9),
      datagram(15, 10),
    ];
    for (const each of all) socket.send(each);
    socket.flush();
    expect(kernel.calls).toEqual([all.length]);
    expect(
      kernel.sent.map(({ to, trafficClass, segmentBytes, bytes }) => [to, trafficClass, segmentBytes, bytes.length]),
    ).toEqual([
      ['127.0.0.6', 0, 0, 280],
      ['127.0.0.7', 0, 0, 280],
      ['127.0.0.7', 4, 0, 280],
      ['127.0.0.7', 4, 0, 284],
      ['127.0.0.6', 0, 0, 15],
      ['127.0.0.6', 0, 0, 15],
      ['127.0.0.6', 0, 0, 0],
      ['127.0.0.6', 0, 0, 0],
      ['127.0.0.6', 0, 0, 280],
      ['127.0.0.6', 0, 0, 15],
    ]);
    expect(kernel.sent.map(({ bytes }) => [...bytes])).toEqual(all.map((_, i) => bytesOf(all[i] as SentDatagram)));
  });

  it('makes no message of more than 64 datagrams, nor one that is too long for UDP', () => {
    const { kernel, socket } = open();
    for (let i = 0; i < 130; i += 1) socket.send(datagram(280, i));
    socket.flush();
    for (let i = 0; i < 20; i += 1) socket.send(datagram(4_128, i));
    socket.flush();
    expect(kernel.sent.map(({ bytes, segmentBytes }) => bytes.length / segmentBytes)).toEqual([64, 64, 2, 15, 5]);
  });

  it('sends every datagram for itself if it is told to', () => {
    const { kernel, socket } = open({ segmentation: false });
    const all = Array.from({ length: 300 }, (_, i) => datagram(280, i));
    for (const each of all) socket.send(each);
    socket.flush();
    expect(kernel.calls).toEqual([256, 44]);
    expect(kernel.sent.map(({ bytes }) => [...bytes])).toEqual(all.map(bytesOf));
    // UDP_GRO would put together what others send.
    expect(kernel.options.filter(([, level, option]) => level === 17 && option === 104)).toEqual([]);
  });

  it('goes on where a call stopped half-way, and after an interruption', () => {
    const { kernel, socket, lost } = open({ segmentation: false });
    kernel.most = 2;
    const fates = ['sent', 'sent', 'EINTR'] as const;
    let next = 0;
    kernel.fate = () => fates[next++] ?? 'sent';
    for (let i = 0; i < 5; i += 1) socket.send(datagram(280, i));
    socket.flush();
    expect(kernel.sent.map(({ bytes }) => [...bytes])).toEqual([0, 1, 2, 3, 4].map((i) => bytesOf(datagram(280, i))));
    expect([kernel.calls, lost]).toEqual([[5, 3, 3, 1], []]);
  });

  it('counts what the system refuses by its error, and sends the rest', () => {
    const { kernel, socket, lost } = open({ segmentation: false });
    const fates = ['sent', 'EPERM', 'ENOBUFS', 'sent'] as const;
    let next = 0;
    kernel.fate = () => fates[next++] ?? 'sent';
    // Asked again, the first that fails fails again.
    kernel.fate = ({ bytes }) => fates[(bytes[0] as number) / 31] ?? 'sent';
    for (let i = 0; i < 4; i += 1) socket.send(datagram(280, i));
    socket.flush();
    expect([kernel.sent.length, lost]).toEqual([2, ['EPERM', 'ENOBUFS']]);
  });

  it.each(['EIO', 'EINVAL', 'EMSGSIZE'] as const)(
    'whose system refuses to cut messages with %s loses nothing, and asks no more',
    (refusal) => {
      const { kernel, socket, lost } = open();
      kernel.fate = ({ segmentBytes }) => (segmentBytes > 0 ? refusal : 'sent');
      const all = [0, 1, 2, 3].map((i) => datagram(280, i, i < 3 ? {} : { to: OTHER }));
      expect(socket.segmentation).toBe(true);
      for (const each of all) socket.send(each);
      socket.flush();
      expect(kernel.sent.map(({ bytes }) => [...bytes])).toEqual(
        [0, 1, 2, 3].map((i) => bytesOf(datagram(280, i, i < 3 ? {} : { to: OTHER }))),
      );
      expect([lost, socket.segmentation]).toEqual([[], false]);
      for (const each of all) socket.send(each);
      socket.flush();
      expect(kernel.sent.slice(4).map(({ bytes }) => [...bytes])).toEqual(all.map(bytesOf));
    },
  );

  it.each(['EMSGSIZE', 'EPERM'] as const)('goes on cutting when %s has nothing to do with it', (code) => {
    const { kernel, socket, lost } = open();
    kernel.fate = ({ to }) => (to === '127.0.0.6' ? code : 'sent');
    for (let i = 0; i < 3; i += 1) socket.send(datagram(280, i));
    for (let i = 0; i < 3; i += 1) socket.send(datagram(280, i, { to: OTHER }));
    socket.flush();
    expect(lost).toEqual([code, code, code]);
    expect(kernel.sent).toMatchObject([{ to: '127.0.0.7', segmentBytes: 280 }]);
    expect(socket.segmentation).toBe(true);
  });

  it('waits with what the system has no room for, sends it in order when there is some, and loses what is too much', () => {
    const { kernel, socket, lost } = open();
    kernel.fate = () => 'EAGAIN';
    const room = new Uint8Array(280 * 3);
    const inRoom = (i: number): SentDatagram => {
      const each = datagram(280, i);
      room.set(bytesOf(each), (i % 3) * 280);
      return { ...each, bytes: room, at: (i % 3) * 280 };
    };
    for (let i = 0; i < 3; i += 1) socket.send(inRoom(i));
    socket.flush();
    expect([kernel.sent, kernel.watched, lost]).toEqual([[], { readable: true, writable: true }, []]);
    // The sender uses its memory again.
    for (let i = 3; i < WAITING_MAX + 2; i += 1) socket.send(inRoom(i));
    room.fill(0);
    expect(lost).toEqual(['EAGAIN', 'EAGAIN']);
    kernel.ready();
    expect(kernel.sent).toEqual([]);
    let left = 2;
    kernel.fate = () => (left-- > 0 ? 'sent' : 'EAGAIN');
    kernel.ready();
    kernel.fate = () => 'sent';
    expect(kernel.watched).toEqual({ readable: true, writable: true });
    kernel.ready();
    const came = kernel.sent.flatMap(segmentsOf).map((bytes) => [...bytes.subarray(0, -4)]);
    expect(came).toEqual(Array.from({ length: WAITING_MAX }, (_, i) => bytesOf(datagram(280, i)).slice(0, -4)));
    for (const message of kernel.sent) {
      for (const [k, segment] of segmentsOf(message).entries()) {
        expect(new Icrc().verify(endsOf(V4, PEER), k, segment, 0, segment.length)).toBe(true);
      }
    }
    expect([kernel.watched, lost.length]).toEqual([{ readable: true, writable: false }, 2]);
  });

  it('that receives nothing watches nothing but for room', () => {
    const { kernel, socket } = open({ receives: false });
    expect(kernel.watched).toBeUndefined();
    kernel.fate = () => 'EAGAIN';
    socket.send(datagram(280, 0));
    socket.flush();
    expect(kernel.watched).toEqual({ readable: false, writable: true });
    kernel.fate = () => 'sent';
    kernel.ready();
    expect([kernel.watched, kernel.sent.length]).toEqual([undefined, 1]);
  });

  it.each([
    ['IPv4', V4, PEER, OTHER],
    ['IPv6', parseGid('fd00::5'), parseGid('fd00::6'), parseGid('fd00::7')],
  ])(
    'over %s hands over each datagram with its sender, also those that the system has put together',
    (_, gid, peer, other) => {
      const { kernel, received } = open({ gid });
      const bytes = Uint8Array.from({ length: 700 }, (__, i) => i);
      kernel.arrived.push(
        { from: peer, port: 4791, bytes: bytes.subarray(0, 280) },
        { from: other, port: 50_000, bytes, segmentBytes: 280 },
        { from: peer, port: 4792, bytes: bytes.subarray(0, 0) },
        { from: peer, port: 1, bytes: bytes.subarray(0, 280), segmentBytes: 280 },
      );
      kernel.ready();
      expect(received.map(({ bytes: { length }, from, sourcePort }) => [length, from, sourcePort])).toEqual([
        [280, [...peer], 4791],
        [280, [...other], 50_000],
        [280, [...other], 50_000],
        [140, [...other], 50_000],
        [0, [...peer], 4792],
        [280, [...peer], 1],
      ]);
      expect(Buffer.concat(received.slice(1, 4).map((each) => each.bytes))).toEqual(Buffer.from(bytes));
      // What the system wrote over its instructions is right again.
      kernel.arrived.push({ from: other, port: 9, bytes, segmentBytes: 350 });
      kernel.ready();
      expect(received.slice(6).map(({ bytes: { length } }) => length)).toEqual([350, 350]);
    },
  );

  it('lets others have their turn when more and more arrives', () => {
    const { kernel, received } = open();
    for (let i = 0; i < 200; i += 1) kernel.arrived.push({ from: PEER, port: 1, bytes: Uint8Array.of(i) });
    kernel.ready();
    expect(received.length).toBe(128);
    kernel.ready();
    expect(received.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 200 }, (_, i) => i));
    for (let i = 0; i < 64; i += 1) {
      kernel.arrived.push({ from: PEER, port: 1, bytes: new Uint8Array(64), segmentBytes: 1 });
    }
    kernel.ready();
    expect([received.length, kernel.arrived.length]).toEqual([200 + 32 * 64, 32]);
  });

  it('is not closed in the middle of what arrived, and is then', async () => {
    const seen: number[] = [];
    const opened = open({
      onDatagram: ({ length }) => {
        seen.push(length);
        void opened.socket.close();
      },
    });
    const { kernel, socket } = opened;
    for (let i = 0; i < 40; i += 1) kernel.arrived.push({ from: PEER, port: 1, bytes: new Uint8Array(i) });
    kernel.ready();
    expect([kernel.arrived.length, kernel.open.size, kernel.watched]).toEqual([8, 0, undefined]);
    socket.send(datagram(280, 1));
    socket.flush();
    await socket.close();
    expect([seen.length, kernel.sent]).toEqual([32, []]);
  });

  it('goes on when its user throws, and tells of it; and when the event loop has given it up', async () => {
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const reported: unknown[] = [];
    process.on('uncaughtException', (error) => reported.push(error));
    let calls = 0;
    const { kernel } = open({
      onDatagram: () => {
        calls += 1;
        throw new Error(`user ${calls}`);
      },
    });
    for (let i = 0; i < 3; i += 1) kernel.arrived.push({ from: PEER, port: 1, bytes: new Uint8Array(i) });
    kernel.watched = undefined;
    kernel.ready(-9);
    await new Promise((resolve) => setImmediate(resolve));
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(reported).toEqual([1, 2, 3].map((i) => new Error(`user ${i}`)));
    expect([kernel.watched, kernel.polls]).toEqual([{ readable: true, writable: false }, 1]);
  });
});

describe('A batched socket that looks all the time', () => {
  const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('receives what comes in any turn of the event loop, and asks nobody to be told', async () => {
    const { kernel, socket, received } = open({ busyPoll: true });
    for (let i = 1; i <= 3; i += 1) {
      kernel.arrived.push({ from: PEER, port: i, bytes: Uint8Array.of(i) });
      await nextTurn();
      expect(received.map(({ sourcePort }) => sourcePort)).toEqual([1, 2, 3].slice(0, i));
    }
    await socket.close();
    kernel.arrived.push({ from: PEER, port: 4, bytes: Uint8Array.of(4) });
    await nextTurn();
    expect([received.length, kernel.polls, kernel.open.size]).toEqual([3, 0, 0]);
  });

  it('sends what had to wait as soon as there is room', async () => {
    const { kernel, socket } = open({ busyPoll: true });
    kernel.fate = () => 'EAGAIN';
    socket.send(datagram(40, 1));
    socket.flush();
    await nextTurn();
    expect(kernel.sent).toEqual([]);
    kernel.fate = () => 'sent';
    await nextTurn();
    expect(kernel.sent.length).toBe(1);
    await nextTurn();
    expect([kernel.sent.length, kernel.polls]).toEqual([1, 0]);
    await socket.close();
  });

  it('can be closed by what it has received', async () => {
    const { kernel, socket } = open({ busyPoll: true, onDatagram: () => void socket.close() });
    kernel.arrived.push({ from: PEER, port: 1, bytes: Uint8Array.of(1) });
    await nextTurn();
    await nextTurn();
    expect([kernel.open.size, kernel.polls]).toEqual([0, 0]);
  });

  it('waits for room as others do if it does not receive', () => {
    const { kernel, socket } = open({ busyPoll: true, receives: false });
    kernel.fate = () => 'EAGAIN';
    socket.send(datagram(40, 1));
    socket.flush();
    expect(kernel.watched).toEqual({ readable: false, writable: true });
    kernel.fate = () => 'sent';
    kernel.ready();
    expect([kernel.sent.length, kernel.watched]).toEqual([1, undefined]);
  });
});
