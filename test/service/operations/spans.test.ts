import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseGid } from '../../../src/base/index.js';
import { EstablishmentSpans, type Span } from '../../../src/service/operations/establishment-spans.js';
import { MessageTrace } from '../../../src/service/operations/message-trace.js';
import { SpanExporter } from '../../../src/service/operations/span-exporter.js';
import { established, fixture, nextRequest, target } from '../../endpoint/fixture.js';
import type { Packet } from '../../endpoint/virtual-network.js';

/** How connections were established, as one host saw it. */
const made = fixture();

/** Follows what passes a host of the network. */
function followed(address: string): { spans: Span[]; tracker: EstablishmentSpans; trace: MessageTrace } {
  const trace = new MessageTrace();
  const spans: Span[] = [];
  const tracker = new EstablishmentSpans(trace, (span) => spans.push(span));
  const before = made.net.fate;
  made.net.fate = (packet: Packet) => {
    const sent = packet.from === address;
    const [localGid, remoteGid] = [parseGid(address), parseGid(sent ? packet.to : packet.from)];
    const { sourcePort, trafficClass, bytes } = packet;
    trace.see({ sent, localGid, remoteGid, sourcePort, trafficClass, bytes });
    return before(packet);
  };
  return { spans, tracker, trace };
}

describe('an establishment', () => {
  test('is one span at each end, both of one trace', async () => {
    const [client, server] = [followed('10.0.0.1'), followed('10.0.0.2')];
    const { ours, theirs } = await established(made);
    expect(client.spans).toMatchObject([
      {
        name: 'connect',
        kind: 'client',
        outcome: 'established',
        attributes: {
          'network.local.address': '10.0.0.1',
          'network.peer.address': '10.0.0.2',
          'ibcm.service_id': '0x0000000001061d2f',
          'ibcm.local.qpn': ours.local.qpn,
          'ibcm.remote.qpn': theirs.local.qpn,
        },
      },
    ]);
    expect(client.spans[0]?.events.map(({ name }) => name)).toEqual(['sent REQ', 'received REP', 'sent RTU']);
    expect(server.spans).toMatchObject([{ name: 'accept', kind: 'server', outcome: 'established' }]);
    expect(server.spans[0]?.traceId).toBe(client.spans[0]?.traceId);
    expect(server.spans[0]?.parentSpanId).toBe(client.spans[0]?.spanId);
    expect(client.spans[0]?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(client.spans[0]?.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect([client.tracker.open, server.tracker.open]).toEqual([0, 0]);
  });

  test('shows its retries', async () => {
    let lost = 0;
    made.net.fate = ({ mad }) => {
      if (mad.message !== 'REQ' || lost === 2) return 'deliver';
      lost += 1;
      return 'lose';
    };
    const { spans } = followed('10.0.0.1');
    await established(made, { responseTimeoutMs: 100 });
    expect(spans[0]?.events.filter(({ name }) => name === 'sent REQ')).toHaveLength(3);
  });

  test('that is rejected says why', async () => {
    const { spans } = followed('10.0.0.1');
    const listener = await made.server.endpoint.listen({ port: 7471 });
    const connecting = made.client.endpoint.connect(target());
    connecting.catch(() => undefined);
    (await nextRequest(made.net, listener)).reject({ reason: 'noResources' });
    await expect(made.net.value(connecting)).rejects.toThrow();
    expect(spans).toMatchObject([{ outcome: 'rejected', message: 'noResources' }]);
  });

  test('whose RTU was lost is established when its connection ends', async () => {
    const { spans } = followed('10.0.0.2');
    const listener = await made.server.endpoint.listen({ port: 7471 });
    const connecting = made.client.endpoint.connect(target());
    const accepting = (await nextRequest(made.net, listener)).accept();
    accepting.catch(() => undefined);
    const before = made.net.fate;
    made.net.fate = (packet) => (packet.mad.message === 'RTU' ? 'lose' : before(packet));
    const connection = await made.net.value(connecting);
    expect(spans).toEqual([]);
    connection.close();
    await made.net.settle();
    expect(spans).toMatchObject([{ outcome: 'established' }]);
  });

  test('of which nothing more is heard is told as unfinished in the end', async () => {
    const { spans, tracker } = followed('10.0.0.2');
    const follow = made.net.fate;
    made.net.fate = (packet) => {
      if (packet.mad.message === 'REQ') follow(packet);
      return 'lose';
    };
    await expect(made.net.value(made.client.endpoint.connect(target()))).rejects.toMatchObject({ code: 'TIMEOUT' });
    const now = (performance.timeOrigin + performance.now()) * 1_000;
    tracker.sweep(now);
    expect([tracker.open, spans]).toEqual([1, []]);
    tracker.sweep(now + 3_600_000_000);
    expect(tracker.open).toBe(0);
    expect(spans).toMatchObject([{ name: 'accept', outcome: 'unfinished' }]);
  });
});

describe('the exporter', () => {
  const span: Span = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    name: 'connect',
    kind: 'client',
    startUs: 1_000,
    endUs: 2_000,
    attributes: { 'ibcm.local.qpn': 7, x: 'y' },
    events: [{ name: 'sent REQ', timeUs: 1_000 }],
    outcome: 'rejected',
    message: 'noQp',
  };

  async function collector(status: () => number): Promise<{ url: string; bodies: unknown[] }> {
    const bodies: unknown[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        bodies.push(JSON.parse(text));
        response.writeHead(status()).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`, bodies };
  }

  test('speaks OTLP', async () => {
    const { url, bodies } = await collector(() => 200);
    const exporter = new SpanExporter({ url, version: '1.2.3', onProblem: expect.unreachable });
    exporter.add(span);
    await exporter.close();
    expect(bodies).toEqual([
      {
        resourceSpans: [
          {
            resource: {
              attributes: [
                { key: 'service.name', value: { stringValue: 'ibcm' } },
                { key: 'service.version', value: { stringValue: '1.2.3' } },
              ],
            },
            scopeSpans: [
              {
                scope: { name: 'ibcm', version: '1.2.3' },
                spans: [
                  {
                    traceId: 'a'.repeat(32),
                    spanId: 'b'.repeat(16),
                    name: 'connect',
                    kind: 3,
                    startTimeUnixNano: '1000000',
                    endTimeUnixNano: '2000000',
                    attributes: [
                      { key: 'ibcm.local.qpn', value: { intValue: '7' } },
                      { key: 'x', value: { stringValue: 'y' } },
                      { key: 'ibcm.outcome', value: { stringValue: 'rejected' } },
                    ],
                    events: [{ timeUnixNano: '1000000', name: 'sent REQ' }],
                    status: { code: 2, message: 'noQp' },
                  },
                ],
              },
            ],
          },
        ],
      },
    ]);
  });

  test('complains once about a collector that fails, counts what is lost, and says when it works again', async () => {
    let status = 503;
    const { url } = await collector(() => status);
    const problems: (string | undefined)[] = [];
    const exporter = new SpanExporter({ url, version: '1', onProblem: (problem) => problems.push(problem) });
    for (let count = 0; count < 2; count += 1) {
      exporter.add(span);
      await exporter.flush();
    }
    expect(problems).toEqual([`spans cannot be sent to ${url}: the collector answered 503`]);
    expect(exporter.lost).toBe(2);
    status = 200;
    exporter.add(span);
    await exporter.close();
    expect(problems.at(-1)).toBeUndefined();
    expect(problems).toHaveLength(2);
  });

  test('keeps no more than it may while nobody takes them', async () => {
    const exporter = new SpanExporter({ url: 'http://127.0.0.1:9/', version: '1', onProblem: () => undefined });
    for (let count = 0; count < 4_000; count += 1) exporter.add(span);
    expect(exporter.lost).toBeGreaterThan(1_000);
    await exporter.close();
    expect(exporter.lost).toBe(4_000);
  });
});
