import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { connectService, GrpcFront, listenUnix, mutualTls, Service, type TlsFiles } from '../../src/service/index.js';
import { adapters, cleanUp, notLinux } from '../io/loopback.js';
import { failure } from './setting.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'ibcm-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** An authority, by its name. */
function authority(name: string): void {
  openssl('req', '-x509', ...KEY, '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), '-subj', `/CN=${name}`);
}

/** A certificate and key of somebody, which an authority has signed. */
function certificate(of: string, by: string): TlsFiles {
  const [request, cert, key] = [file(`${of}.csr`), file(`${of}.pem`), file(`${of}.key`)];
  openssl(
    'req',
    ...KEY,
    '-keyout',
    key,
    '-out',
    request,
    '-subj',
    `/CN=${of}`,
    '-addext',
    'subjectAltName=DNS:localhost',
  );
  const signing = [
    '-CA',
    file(`${by}.pem`),
    '-CAkey',
    file(`${by}.key`),
    '-CAcreateserial',
    '-copy_extensions',
    'copy',
  ];
  openssl('x509', '-req', '-in', request, '-out', cert, ...signing);
  return { ca: readFileSync(file(`${by}.pem`)), cert: readFileSync(cert), key: readFileSync(key) };
}

const open = adapters();
const { later } = cleanUp();

describe.skipIf(notLinux || !hasOpenssl)('a service over TCP', () => {
  test('takes those who show a certificate of its authority, and nobody else', async () => {
    authority('ours');
    authority('theirs');
    const service = new Service(await open());
    const front = new GrpcFront(service);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    front.attach(server, mutualTls(certificate('service', 'ours')));
    later(async () => {
      await service.close();
      server.close();
      front.close();
    });
    const address = `localhost:${(server.address() as AddressInfo).port}`;
    const tls = certificate('client', 'ours');
    const client = await connectService({ address, tls, name: 'over TLS' });
    expect([...service.clients].map(({ name }) => name)).toEqual(['over TLS']);
    await client.close();

    const stranger = { ...certificate('stranger', 'theirs'), ca: tls.ca };
    expect(await failure(connectService({ address, tls: stranger, timeoutMs: 1_000 }))).toMatchObject({
      name: 'ServiceError',
    });
    const gullible = { ...tls, ca: readFileSync(file('theirs.pem')) };
    expect(await failure(connectService({ address, tls: gullible, timeoutMs: 300 }))).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/^no connection to localhost:\d+: .*certificate/),
    });
    expect([...service.clients]).toEqual([]);
  });

  test('is not spoken to without TLS', async () => {
    expect(await failure(connectService({ address: 'localhost:1' }))).toMatchObject({ code: 'CONFIGURATION' });
  });
});

test.skipIf(notLinux)('a Unix socket can be connected to by its owner only, or by a group too', async () => {
  const [own, shared] = [file('own'), file('shared')];
  const servers = [await listenUnix(own), await listenUnix(shared, { gid: process.getgid?.() as number })];
  expect([own, shared].map((path) => (statSync(path).mode & 0o777).toString(8))).toEqual(['600', '660']);
  for (const server of servers) server.close();
  expect(await failure(listenUnix(join(folder, 'nowhere', 'socket')))).toMatchObject({ code: 'CONFIGURATION' });
});
