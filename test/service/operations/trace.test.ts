import { describe, expect, test } from 'vitest';
import { parseGid } from '../../../src/base/index.js';
import { CM_PACKET_BYTES } from '../../../src/ca/index.js';
import type { RocePort, SentDatagram } from '../../../src/io/index.js';
import { MessageTrace, type TracedMessage } from '../../../src/service/operations/message-trace.js';
import { TRACE_WAITING_MAX, type TraceFilter, TraceReader } from '../../../src/service/operations/trace-reader.js';
import { BTH_BYTES, decodeMad, MAD_BYTES } from '../../../src/wire/index.js';
import { established, fixture, nextRequest } from '../../endpoint/fixture.js';
import type { DataPacket } from '../../endpoint/virtual-network.js';
import { administering, FakeHost } from './fixture.js';

/** Messages of an adapter in virtual time, as they pass its port, and who reads them. */
const made = fixture();

/** Shows everything that passes the server's port. */
function watched(trace: MessageTrace): void {
  const gid = parseGid('10.0.0.2');
  const sent: SentDatagram[] = [];
  const port: RocePort = {
    gid,
    onDatagram: () => undefined,
    send: (datagram) => sent.push(datagram),
    flush: () => undefined,
    close: () => Promise.resolve(),
  };
  const tapped = trace.tap(port);
  const pass = (packet: DataPacket): 'deliver' => {
    const { bytes, from, to, sourcePort, trafficClass } = packet;
    const remoteGid = parseGid(from === '10.0.0.2' ? to : from);
    const path = { port: 1, localGid: gid, remoteGid, trafficClass, sourcePort: 0 };
    if (from === '10.0.0.2') tapped.send({ bytes, at: 0, length: bytes.length, path, sourcePort });
    else port.onDatagram({ bytes, at: 0, length: bytes.length, remoteGid, sourcePort });
    return 'deliver';
  };
  made.net.fate = pass;
  made.net.dataFate = pass;
}

const shown = ({ sent, message }: TracedMessage): string => `${sent ? 'sent' : 'received'} ${message}`;

function reading(filter: TraceFilter = {}): { reader: TraceReader; trace: MessageTrace; told: () => number } {
  const trace = new MessageTrace();
  watched(trace);
  let count = 0;
  const reader = new TraceReader(trace, filter, made.server.endpoint.inspect(), () => {
    count += 1;
  });
  return { reader, trace, told: () => count };
}

describe('a trace', () => {
  test('has every message of the CM, in order, with both ends and its bytes', async () => {
    const { reader, told } = reading();
    const { ours } = await established(made);
    await made.net.value(ours.disconnect());
    const { messages, lost } = reader.take(100);
    expect(lost).toBe(0);
    expect(messages.map(shown)).toEqual(['received REQ', 'sent REP', 'received RTU', 'received DREQ', 'sent DREP']);
    expect(messages[0]).toMatchObject({ localAddress: '10.0.0.2', remoteAddress: '10.0.0.1', sourcePort: 4791 });
    const [req] = messages as [TracedMessage];
    expect(req.packet).toHaveLength(CM_PACKET_BYTES);
    const mad = decodeMad(req.packet, CM_PACKET_BYTES - MAD_BYTES - 4, MAD_BYTES);
    expect(mad).toMatchObject({ message: 'REQ', fields: { localQpn: ours.local.qpn } });
    expect(told()).toBe(1);
    reader.close();
  });

  test('has no data', async () => {
    const { reader } = reading();
    const { ours } = await established(made);
    const before = reader.take(100).messages.length;
    // As long as a message of the CM is.
    await made.net.value(ours.send(new Uint8Array(CM_PACKET_BYTES - BTH_BYTES - 4)));
    expect(made.net.dataSent).toBeGreaterThan(0);
    expect(before).toBe(3);
    expect(reader.take(100).messages).toEqual([]);
    reader.close();
  });

  test.each<[TraceFilter, string[]]>([
    [{ messages: ['rep', 'RTU'] }, ['sent REP', 'received RTU']],
    [{ peer: '10.0.0.1', messages: ['REQ'] }, ['received REQ']],
    [{ peer: '10.0.0.9' }, []],
    [{ cid: 12_345 }, []],
  ])('shows what matches %j', async (filter, expected) => {
    const { reader } = reading(filter);
    await established(made);
    expect(reader.take(100).messages.map(shown)).toEqual(expected);
    reader.close();
  });

  test('follows one connection, also when it has been destroyed', async () => {
    const first = await established(made);
    const connecting = made.client.endpoint.connect({ host: '10.0.0.2', port: 7471 });
    const accepting = (await nextRequest(made.net, first.listener)).accept();
    const second = await made.net.value(connecting);
    await made.net.value(accepting);
    const { reader } = reading({ cid: first.theirs.cid });
    second.close();
    first.theirs.close();
    await made.net.settle();
    expect(reader.take(100).messages.map(shown)).toEqual(['sent DREQ', 'received DREP']);
    reader.close();
  });

  test.each<[TraceFilter, RegExp]>([
    [{ messages: ['HELLO'] }, /^HELLO is not a message of the CM; there are REQ, /],
    [{ peer: 'server.example' }, /^server\.example is not an IP address$/],
  ])('refuses %j', (filter, complaint) => {
    expect(() => reading(filter)).toThrow(complaint);
  });

  test('costs nothing when nobody reads', async () => {
    const { reader, trace } = reading();
    expect(trace.isWatched).toBe(true);
    reader.close();
    expect(trace.isWatched).toBe(false);
    await established(made);
    expect(reader.waiting).toBe(0);
  });
});

describe('a slow reader', () => {
  test('loses what does not fit, and is told how many', async () => {
    const { reader, trace, told } = reading();
    await established(made);
    const [message] = reader.take(1).messages as [TracedMessage];
    reader.take(100);
    const passed = {
      sent: true,
      localGid: parseGid(message.localAddress),
      remoteGid: parseGid(message.remoteAddress),
      sourcePort: 4791,
      trafficClass: 0,
      bytes: message.packet,
    };
    const before = told();
    for (let count = 0; count < TRACE_WAITING_MAX + 7; count += 1) trace.see(passed);
    expect(told()).toBe(before + 1);
    expect(reader.waiting).toBe(TRACE_WAITING_MAX);
    const { messages, lost } = reader.take(10);
    expect([messages.length, lost]).toEqual([10, 7]);
    expect(reader.take(1).lost).toBe(0);
    reader.close();
  });

  test('gets by way of the administration what passes after it has begun, until it stops', async () => {
    const host = new FakeHost(made.server);
    watched(host.trace);
    const client = await administering(host);
    const stop = new AbortController();
    const seen: string[] = [];
    let begin: (() => void) | undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const reading = (async () => {
      for await (const { messages } of client.trace({ messages: ['REQ', 'RTU'] }, stop.signal, begin)) {
        for (const { localAddress, remoteAddress, packet } of messages) {
          seen.push(`${remoteAddress} > ${localAddress}: ${packet.length}`);
        }
        if (seen.length === 2) stop.abort();
      }
    })();
    await begun;
    expect(host.trace.isWatched).toBe(true);
    await established(made);
    await reading;
    expect(seen).toEqual(Array(2).fill(`10.0.0.1 > 10.0.0.2: ${CM_PACKET_BYTES}`));
    await expect.poll(() => host.trace.isWatched).toBe(false);
  });

  test('is told by the administration what is wrong with a filter', async () => {
    const client = await administering(new FakeHost(made.server));
    const never = new AbortController().signal;
    const reading = client.trace({ peer: 'x' }, never).next();
    await expect(reading).rejects.toMatchObject({ code: 'CONFIGURATION', message: 'x is not an IP address' });
  });
});
