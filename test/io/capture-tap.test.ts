import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatAddress, parseGid } from '../../src/base/index.js';
import {
  CaptureFile,
  CaptureTap,
  type ReceivedDatagram,
  type RocePort,
  type SentDatagram,
} from '../../src/io/index.js';
import { CaptureReader, decodeMad, Icrc, IDENTIFICATION_UNKNOWN, locateTransport } from '../../src/wire/index.js';
import { adapters, cleanUp, connect, freshAddress, notLinux } from './loopback.js';

const open = adapters();
const { later } = cleanUp();

async function freshFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ibcm-capture-'));
  later(() => rm(folder, { recursive: true }));
  return join(folder, 'test.pcapng');
}

interface Seen {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly message: string;
  readonly sealed: boolean;
  readonly checksumRight: boolean;
  readonly seconds: number;
  readonly data: Uint8Array;
}

/** What a file holds, read again from nothing but its bytes. */
async function read(path: string): Promise<Seen[]> {
  const reader = new CaptureReader();
  reader.push(await readFile(path));
  reader.end();
  const seen: Seen[] = [];
  for (let record = reader.poll(); record !== undefined; record = reader.poll()) {
    const data = record.data.slice();
    const packet = locateTransport(data, record.linkType);
    if (packet?.transport !== 'rocev2') throw new Error(`a RoCEv2 packet expected, not ${packet?.transport}`);
    const { bthOffset, end, sourceGid, destinationGid, sourcePort } = packet;
    const v4 = data[0] === 0x45;
    const view = new DataView(data.buffer);
    const ends = {
      source: sourceGid,
      sourceOffset: 0,
      destination: destinationGid,
      destinationOffset: 0,
      sourcePort,
    };
    const mad = decodeMad(data.subarray(bthOffset + 20, end - 4));
    let sum = 0;
    for (let i = 0; v4 && i < 20; i += 2) sum += view.getUint16(i);
    seen.push({
      source: formatAddress(sourceGid),
      destination: formatAddress(destinationGid),
      sourcePort,
      message: mad instanceof Error ? mad.message : mad.message,
      sealed: new Icrc().verify(ends, v4 ? view.getUint16(4) : IDENTIFICATION_UNKNOWN, data, bthOffset, end),
      checksumRight: !v4 || (sum & 0xffff) + (sum >>> 16) === 0xffff,
      seconds: record.timestamp?.seconds ?? 0,
      data,
    });
  }
  expect(reader.error).toBeUndefined();
  return seen;
}

describe.skipIf(notLinux)('A capture of a connection', () => {
  it('holds every packet of both directions, with right headers and ICRCs', async () => {
    const path = await freshFile();
    const file = new CaptureFile(path);
    const [client, server] = await Promise.all([open({ wrapPort: (port) => new CaptureTap(port, file) }), open()]);
    const before = Math.floor(Date.now() / 1_000);
    const { ours } = await connect(client, server, { sourcePort: 20_000 + ((process.pid + 3) % 20_000) });
    await ours.disconnect();
    await client.close();
    await file.close();
    const seen = await read(path);
    const [there, back] = [client.address, server.address];
    expect(seen.map(({ source, destination, message }) => [source, destination, message])).toEqual([
      [there, back, 'REQ'],
      [back, there, 'REP'],
      [there, back, 'RTU'],
      [there, back, 'DREQ'],
      [back, there, 'DREP'],
    ]);
    expect(seen.every(({ sealed, checksumRight }) => sealed && checksumRight)).toBe(true);
    expect(seen.map(({ sourcePort }) => sourcePort === 4791)).toEqual([false, true, false, false, true]);
    for (const { seconds } of seen) expect(Math.abs(seconds - before)).toBeLessThan(60);
  });

  it('that several adapters write together holds the packets of all', async () => {
    const path = await freshFile();
    const file = new CaptureFile(path);
    const wrapPort = (port: RocePort): RocePort => new CaptureTap(port, file);
    const [client, server] = await Promise.all([open({ wrapPort }), open({ wrapPort })]);
    const { ours } = await connect(client, server);
    await ours.disconnect();
    await Promise.all([client.close(), server.close()]);
    await file.close();
    expect((await read(path)).filter(({ message }) => message === 'REQ')).toHaveLength(2);
  });
});

/** A port without a network. */
class StillPort implements RocePort {
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  readonly sent: SentDatagram[] = [];
  readonly prepared: number[] = [];
  closed = false;
  flushes = 0;
  readonly gid: Uint8Array;

  constructor(gid: Uint8Array) {
    this.gid = gid;
  }

  send(datagram: SentDatagram): void {
    this.sent.push(datagram);
  }

  flush(): void {
    this.flushes += 1;
  }

  async prepare(sourcePort: number): Promise<void> {
    this.prepared.push(sourcePort);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

describe('A capture tap', () => {
  it.each([
    ['10.0.0.1', '10.0.0.2'],
    ['fd00::1', 'fd00::2'],
  ])('lets everything pass unchanged between %s and %s, garbage of any length included', async (ours, theirs) => {
    const path = await freshFile();
    const file = new CaptureFile(path);
    const port = new StillPort(parseGid(ours));
    const tap = new CaptureTap(port, file);
    const received: ReceivedDatagram[] = [];
    tap.onDatagram = (datagram) => received.push(datagram);
    const remoteGid = parseGid(theirs);
    const lengths = [0, 1, 15, 16, 280, 1_500, 65_000];
    for (const length of lengths) {
      const bytes = new Uint8Array(length).fill(7);
      const sent = {
        bytes,
        at: 0,
        length,
        sourcePort: 9,
        path: { port: 1, localGid: port.gid, remoteGid, trafficClass: 0x68, sourcePort: 9 },
      };
      tap.send(sent);
      expect(port.sent.at(-1)).toBe(sent);
      const datagram = { bytes, at: 0, length, remoteGid, sourcePort: 10 };
      port.onDatagram(datagram);
      expect(received.at(-1)).toBe(datagram);
    }
    tap.flush();
    await tap.prepare(5);
    await tap.close();
    await file.close();
    expect([tap.gid, port.prepared, port.closed, port.flushes]).toEqual([port.gid, [5], true, 1]);
    const reader = new CaptureReader();
    reader.push(await readFile(path));
    reader.end();
    const headers = ours.includes(':') ? 48 : 28;
    const found: number[] = [];
    const trafficClasses: number[] = [];
    for (let record = reader.poll(); record; record = reader.poll()) {
      found.push(record.data.length - headers);
      const [first = 0, second = 0] = record.data;
      trafficClasses.push(ours.includes(':') ? ((first & 0xf) << 4) | (second >> 4) : second);
    }
    expect(found).toEqual(lengths.flatMap((length) => [length, length]));
    expect(trafficClasses).toEqual(lengths.flatMap(() => [0x68, 0]));
  });
});

describe('A capture file', () => {
  it('that cannot be written says so when it is closed, and not before', async () => {
    const file = new CaptureFile(join(tmpdir(), freshAddress(), 'no', 'such', 'folder'));
    const gid = parseGid('10.0.0.1');
    file.write(gid, gid, 1, 0, new Uint8Array(280));
    await expect(file.close()).rejects.toMatchObject({ code: 'ENOENT' });
    file.write(gid, gid, 1, 0, new Uint8Array(280));
    await expect(file.close()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('can be closed twice, and ignores what comes afterwards', async () => {
    const path = await freshFile();
    const file = new CaptureFile(path);
    await file.close();
    const gid = parseGid('10.0.0.1');
    file.write(gid, gid, 1, 0, new Uint8Array(280));
    await file.close();
    expect(await read(path)).toEqual([]);
  });
});
