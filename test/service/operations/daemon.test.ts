import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AdminClient, connectService, type ServiceClient } from '../../../src/service/index.js';
import { loadConfiguration } from '../../../src/service/operations/configuration.js';
import { Daemon, type DaemonOptions } from '../../../src/service/operations/daemon.js';
import type { Logger } from '../../../src/service/operations/log.js';
import { ServiceManager } from '../../../src/service/operations/service-manager.js';
import { freshAddress } from '../../io/loopback.js';
import { freshFolder } from './fixture.js';

/** A whole daemon in this process, over loopback, that reads a file and tells a service manager. */

const PORT = 7471;

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Running {
  readonly daemon: Daemon;
  readonly address: string;
  readonly socket: string;
  readonly log: LogLine[];
  /** What the service manager was told. */
  readonly notices: string[];
  readonly admin: AdminClient;
  /** Writes the configuration's file. */
  configure(content: object): void;
  client(name?: string): Promise<ServiceClient>;
}

function logTo(lines: LogLine[]): Logger {
  const level = (label: string): object => ({ level: label });
  return pino(
    { level: 'info', formatters: { level } },
    { write: (line: string) => lines.push(JSON.parse(line) as LogLine) },
  );
}

async function running(
  content: object = {},
  environment: NodeJS.ProcessEnv = {},
  options: Partial<DaemonOptions> = {},
): Promise<Running> {
  const folder = freshFolder();
  const [socket, file, address] = [join(folder, 'ibcm.sock'), join(folder, 'ibcm.json'), freshAddress()];
  const configure = (next: object): void =>
    writeFileSync(file, JSON.stringify({ address: [address], socket, ...next }));
  configure(content);
  const log: LogLine[] = [];
  const notices: string[] = [];
  const told = { NOTIFY_SOCKET: '/run/notify', ...environment };
  const send = (_: Uint8Array, bytes: Uint8Array): unknown => notices.push(new TextDecoder().decode(bytes));
  const manager = new ServiceManager(
    told,
    (problem) => expect.unreachable(problem),
    () => send,
    () => 77n,
  );
  const daemon = await Daemon.start({
    configure: () => loadConfiguration({ file: { path: file, required: true }, environment: {}, flags: {} }),
    environment,
    log: logTo(log),
    manager,
    version: '9.9.9',
    ...options,
  });
  const admin = new AdminClient(socket);
  onTestFinished(async () => {
    admin.close();
    daemon.drain(0);
    await daemon.ended;
  });
  const client = async (name = 'test'): Promise<ServiceClient> => {
    const made = await connectService({ address: `unix:${socket}`, name });
    onTestFinished(() => made.close());
    return made;
  };
  return { daemon, address, socket, log, notices, admin, configure, client };
}

const said = (log: readonly LogLine[], message: string): LogLine | undefined => log.find(({ msg }) => msg === message);

async function got(port: number, path: string): Promise<{ status: number; type: string; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
}

const metricsPort = (log: readonly LogLine[]): number => said(log, 'serving')?.['metricsPort'] as number;

describe('a daemon', () => {
  test('serves clients, and says so to its log and its manager', async () => {
    const { address, socket, log, notices, admin, client } = await running();
    expect(said(log, 'serving')).toMatchObject({ level: 'info', addresses: [address], socket });
    expect(notices[0]).toBe(`READY=1\nSTATUS=serving ${address}: 0 clients, 0 connections`);
    const [server, asking] = [await client('server'), await client('asking')];
    const listener = await server.listen({ port: PORT });
    const accepting = listener[Symbol.asyncIterator]()
      .next()
      .then(({ value }) => value?.accept());
    const connection = await asking.connect({ host: address, port: PORT });
    await accepting;
    const list = await admin.connections();
    expect(list.map(({ state, role, owner }) => [owner?.name, role, state]).sort()).toEqual([
      ['asking', 'active', 'ESTABLISHED'],
      ['server', 'listener', 'LISTEN'],
      ['server', 'passive', 'ESTABLISHED'],
    ]);
    expect(await admin.status()).toMatchObject({
      version: '9.9.9',
      state: 'serving',
      addresses: [address],
      clients: 2,
    });
    expect((await admin.statistics()).clients.map(({ name, pid }) => [name, pid])).toEqual([
      ['server', process.pid],
      ['asking', process.pid],
    ]);
    expect(await admin.check()).toEqual({ violations: [] });
    await connection.disconnect();
  });

  test('logs who comes and goes, with what they left, and who is sent away', async () => {
    const { daemon, log, client } = await running({ drainTimeoutMs: 0 });
    const going = await client('going');
    await going.listen({ port: PORT });
    expect(said(log, 'client came')).toMatchObject({ client: going.id, name: 'going', pid: process.pid });
    await going.close();
    await expect.poll(() => said(log, 'client went')).toMatchObject({ client: going.id, owned: { listener: 1 } });
    const staying = await client('staying');
    daemon.drain();
    await daemon.ended;
    expect(said(log, 'client sent away: the service is going down')).toMatchObject({
      level: 'warn',
      client: staying.id,
      code: 'UNAVAILABLE',
    });
  });

  test('logs the events of connections with their CIDs and clients, when it is told to', async () => {
    const { address, log, admin, client } = await running();
    await admin.setLogLevel('debug');
    expect(said(log, 'log level changed')).toMatchObject({ before: 'info', now: 'debug' });
    const asking = await client();
    await expect(asking.connect({ host: address, port: PORT })).rejects.toMatchObject({ code: 'REJECTED' });
    const event = said(log, 'rej_received');
    expect(event).toMatchObject({ level: 'debug', client: asking.id, cause: 'message', cid: expect.any(Number) });
    await admin.setLogLevel('info');
    const before = log.length;
    await expect(asking.connect({ host: address, port: PORT })).rejects.toMatchObject({ code: 'REJECTED' });
    expect(log.length).toBe(before);
  });

  test('is healthy and ready for orchestrators, over gRPC and HTTP, until it drains', async () => {
    const { daemon, log, socket, client } = await running({ metrics: '127.0.0.1:0' });
    const port = metricsPort(log);
    expect(await got(port, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await got(port, '/readyz')).toMatchObject({ status: 200, text: 'ready\n' });
    const metrics = await got(port, '/metrics');
    expect(metrics).toMatchObject({ status: 200, type: expect.stringMatching(/^text\/plain; version=0\.0\.4/) });
    expect(metrics.text).toContain('\nibcm_clients 0\n');
    expect(metrics.text).toContain('\nibcm_build_info{version="9.9.9"} 1\n');
    expect((await got(port, '/')).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
    const health = new Client(`unix:${socket}`, credentials.createInsecure());
    onTestFinished(() => health.close());
    const { path, requestSerialize, responseDeserialize } = healthService['Check'] as {
      path: string;
      requestSerialize: (value: object) => Buffer;
      responseDeserialize: (bytes: Buffer) => object;
    };
    const asked = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const request = { service: 'ibcm.v1.Ibcm' };
        health.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      });
    expect(await asked()).toMatchObject({ status: 'SERVING' });
    const staying = await client();
    daemon.drain(60_000);
    expect(await asked()).toMatchObject({ status: 'NOT_SERVING' });
    expect(await got(port, '/readyz')).toMatchObject({ status: 503, text: 'draining\n' });
    expect((await got(port, '/healthz')).status).toBe(200);
    await staying.close();
    await daemon.ended;
  });

  test('drains: no new clients, those that are there have their time, then all ends and nothing is left', async () => {
    const { daemon, admin, notices, client, socket } = await running();
    const staying = await client();
    const listener = await staying.listen({ port: PORT });
    expect(await admin.drain({ timeoutMs: 60_000 })).toEqual({ clients: 1, timeoutMs: 60_000 });
    expect(notices.at(-1)).toBe('STOPPING=1\nSTATUS=draining: 1 clients');
    expect(await admin.status()).toMatchObject({ state: 'draining', clients: 1 });
    await expect(client('late')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    listener.close();
    await staying.close();
    await daemon.ended;
    expect(existsSync(socket)).toBe(false);
    await expect(admin.status()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('sends those away who stay longer than they may', async () => {
    const { daemon, client } = await running({ drainTimeoutMs: 20 });
    const staying = await client();
    daemon.drain();
    expect(await staying.closed).toMatchObject({ code: 'UNAVAILABLE' });
    await daemon.ended;
  });

  test('lets a group in, if it is told to', async () => {
    const { socket } = await running({ group: String(process.getgid?.() ?? 0) });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
  });

  test.each([
    ['another user', () => 4_711],
    ['nobody knows whom, where a group may connect', () => undefined],
  ])('serves %s, and is not administered by him', async (_, userOf) => {
    const group = String(process.getgid?.() ?? 0);
    const { daemon, admin, address, client } = await running({ group }, {}, { userOf });
    expect((await client()).addresses).toEqual([address]);
    expect(await admin.status()).toMatchObject({ addresses: [address], state: 'serving' });
    const refused = {
      code: 'CONFIGURATION',
      message: 'only root and the user whom the service runs as may administer it',
    };
    await expect(admin.drain({})).rejects.toMatchObject(refused);
    await expect(admin.reload()).rejects.toMatchObject(refused);
    await expect(admin.setLogLevel('trace')).rejects.toMatchObject(refused);
    await expect(admin.connections()).rejects.toMatchObject(refused);
    await expect(admin.trace({}, new AbortController().signal).next()).rejects.toMatchObject(refused);
    expect(daemon.isReady).toBe(true);
  });

  test.each([
    ['root', () => 0],
    ['its own user', () => process.getuid?.()],
    ['whoever can connect, where that is only its own user', () => undefined],
  ])('is administered by %s', async (_, userOf) => {
    const { admin } = await running({}, {}, { userOf });
    expect(await admin.connections()).toEqual([]);
  });

  test('ends what it had opened when it cannot start', async () => {
    const { address } = await running();
    await expect(running({ address: [freshAddress(), address] })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const metrics = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const other = freshAddress();
    await expect(running({ address: [other], metrics })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    await running({ address: [other] });
  });

  test.skipIf(process.getuid?.() === undefined)('says which group it does not know', async () => {
    await expect(running({ group: 'no-such-group' })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/^group is "no-such-group"; \/etc\/group has no such group/),
    });
  });
});

describe('a reload', () => {
  test('brings into effect what it can, and says what needs a restart', async () => {
    const { daemon, log, notices, admin, configure, client, address } = await running({ metrics: '127.0.0.1:0' });
    const before = await client();
    expect(before.limits.ceps).toBe(4_096);
    configure({ address: [address, '127.0.0.1'], logLevel: 'warn', clientCeps: 7, maxClients: 5 });
    const port = metricsPort(log);
    expect(await admin.reload()).toEqual({
      changed: ['logLevel', 'metrics', 'clientCeps'],
      needsRestart: ['address', 'maxClients'],
    });
    expect(notices.slice(-2)).toEqual([
      'RELOADING=1\nMONOTONIC_USEC=77',
      `READY=1\nSTATUS=serving ${address}: 1 clients, 0 connections`,
    ]);
    expect((await client()).limits.ceps).toBe(7);
    expect((await admin.status()).logLevel).toBe('warn');
    await expect(got(port, '/metrics')).rejects.toThrow();
    // What needs a restart still does.
    configure({ address: [address], logLevel: 'warn', clientCeps: 7, maxClients: 5 });
    expect(await daemon.reload()).toEqual({ changed: [], needsRestart: ['maxClients'] });
  });

  test('changes who may come', async () => {
    const { daemon, socket, configure } = await running();
    configure({ group: String(process.getgid?.() ?? 0) });
    expect(await daemon.reload()).toMatchObject({ changed: ['group'] });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    configure({});
    await daemon.reload();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  test('of a wrong configuration changes nothing, and says what is wrong', async () => {
    const { admin, log, notices, configure } = await running();
    configure({ logLevel: 'loud', clientCeps: 7 });
    await expect(admin.reload()).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/ibcm\.json: logLevel is "loud"; it must be one of trace, /),
    });
    expect(said(log, 'the configuration cannot be reloaded; the one before stays')).toMatchObject({ level: 'error' });
    expect(notices.at(-1)).toMatch(/^READY=1\n/);
    configure({});
    expect(await admin.reload()).toEqual({ changed: [], needsRestart: [] });
  });

  test('with a port that is in use leaves the metrics where they were', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const where = `127.0.0.1:${(free.address() as AddressInfo).port}`;
    await new Promise((resolve) => free.close(resolve));
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { daemon, log, configure } = await running({ metrics: where });
    configure({ metrics: `127.0.0.1:${(taken.address() as AddressInfo).port}` });
    await expect(daemon.reload()).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect((await got(metricsPort(log), '/readyz')).status).toBe(200);
  });

  test('ends what was said about the log meanwhile', async () => {
    const { admin } = await running({ logLevel: 'warn' });
    await admin.setLogLevel('debug');
    expect(await admin.reload()).toEqual({ changed: ['logLevel'], needsRestart: [] });
    expect((await admin.status()).logLevel).toBe('warn');
    expect(await admin.reload()).toEqual({ changed: [], needsRestart: [] });
  });
});

describe('spans', () => {
  test('go to a collector, one for each end of an establishment, in one trace', async () => {
    const bodies: Span[] = [];
    const collector = createServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
        bodies.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    onTestFinished(() => void collector.close());
    const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
    const { daemon, address, client } = await running({ spans: url });
    const asking = await client();
    await expect(asking.connect({ host: address, port: PORT })).rejects.toMatchObject({ code: 'REJECTED' });
    const listener = await asking.listen({ port: PORT });
    const accepting = listener[Symbol.asyncIterator]()
      .next()
      .then(({ value }) => value?.accept());
    await asking.connect({ host: address, port: PORT });
    await accepting;
    daemon.drain(0);
    await daemon.ended;
    expect(bodies.map(({ name, status }) => [name, status.code, status.message]).sort()).toEqual([
      ['accept', 1, undefined],
      ['accept', 2, 'invalidServiceId'],
      ['connect', 1, undefined],
      ['connect', 2, 'invalidServiceId'],
    ]);
    const [connected, accepted] = ['connect', 'accept'].map((name) =>
      bodies.find((span) => span.name === name && span.status.code === 1),
    );
    expect(accepted?.traceId).toBe(connected?.traceId);
    expect(accepted?.parentSpanId).toBe(connected?.spanId);
    expect(connected?.events.map(({ name }) => name)).toEqual(['sent REQ', 'received REP', 'sent RTU']);
    expect(BigInt(connected?.endTimeUnixNano ?? 0)).toBeGreaterThan(BigInt(connected?.startTimeUnixNano ?? 0));
  });
});

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code: number; readonly message?: string };
}
