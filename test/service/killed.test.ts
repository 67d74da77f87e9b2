import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { SeededRandom, uniform } from '../../src/base/index.js';
import type { Adapter, Connection } from '../../src/endpoint/index.js';
import { connectService } from '../../src/service/index.js';
import { adapters, cleanUp, freshAddress, notLinux } from '../io/loopback.js';
import { LineProcess, type Report } from './processes.js';
import { failure, PORT } from './setting.js';

/** 100 and 100 are what the service is made for; they take minutes, and gigabytes for the clients. */
const CLIENTS = Number(process.env['IBCM_SERVICE_CLIENTS'] ?? 4);
const CONNECTIONS = Number(process.env['IBCM_SERVICE_CONNECTIONS'] ?? 10);
const isFull = process.env['IBCM_SERVICE_CLIENTS'] !== undefined;
const WAVES = Number(process.env['IBCM_SERVICE_WAVES'] ?? 2);
/** In which nothing of a client may be left. */
const PROMPT_MS = 1_000;
/** By how much the memory of the service may have grown, as a share, when the same clients have come and gone before. */
const GROWTH_MAX = 0.05;
const TIMEOUT_MS = isFull ? 1_800_000 : 60_000;

const open = adapters();
const { later } = cleanUp();

async function daemon(address: string, socket: string): Promise<LineProcess> {
  const started = new LineProcess('daemon', address, socket);
  later(() => started.kill());
  await started.line((line) => line === 'ready');
  return started;
}

async function socketPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ibcm-service-'));
  later(() => rm(folder, { recursive: true }));
  return join(folder, 'socket');
}

function client(socket: string, peer: Adapter, seed: number, connections = CONNECTIONS): LineProcess {
  const started = new LineProcess('client', socket, peer.address, String(PORT), String(connections), String(seed));
  later(() => started.kill());
  return started;
}

/** A peer that accepts whoever comes. @returns the connections that stand. */
async function accepting(peer: Adapter): Promise<Set<Connection>> {
  const standing = new Set<Connection>();
  const listener = await peer.listen({ port: PORT, backlog: 10_000 });
  const run = async (): Promise<void> => {
    for await (const request of listener) {
      request.accept({ receives: 4, receiveBytes: 128 }).then(
        (connection) => {
          standing.add(connection);
          connection.addEventListener('close', () => standing.delete(connection));
        },
        // Its client was killed.
        () => undefined,
      );
    }
  };
  void run();
  return standing;
}

/** Asks a daemon until it says so. @returns what it said, and how long that took, in milliseconds. */
async function untilReport(
  of: LineProcess,
  isSo: (report: Report) => boolean,
): Promise<{ report: Report; ms: number }> {
  const startedAt = performance.now();
  for (;;) {
    const report = await of.ask('report');
    if (isSo(report)) return { report, ms: performance.now() - startedAt };
  }
}

const isEmpty = ({ clients }: Report): boolean => clients.length === 0;
const NOTHING_LEFT = { queuePairs: 0, references: 0, memoryRegions: 0, listens: 0, movingQueuePairs: 0 };

describe.skipIf(notLinux)('clients that are killed', () => {
  test(
    `R21: ${CLIENTS} of them with ${CONNECTIONS} connections each, at any moment: nothing of them is left`,
    async () => {
      const random = new SeededRandom(1);
      const [peer, socket] = [await open({ limits: { maxCeps: 65_535 } }), await socketPath()];
      const service = await daemon(freshAddress(), socket);
      const standing = await accepting(peer);
      let before: Report | undefined;
      for (let wave = 0; wave <= WAVES; wave += 1) {
        const clients = Array.from({ length: CLIENTS }, (_, seed) => client(socket, peer, seed + wave * CLIENTS));
        await Promise.all(
          clients.map(async (each) => {
            // Half of them while they still connect.
            const lines = 1 + uniform(random, 2 * CONNECTIONS);
            await each.line(() => each.lines.length >= lines);
            await each.kill();
          }),
        );
        const { ms } = await untilReport(service, isEmpty);
        expect(ms).toBeLessThan(PROMPT_MS);
        const report = await service.ask('memory');
        expect(report.wrong).toEqual([]);
        expect(report.usage).toMatchObject(NOTHING_LEFT);
        // The first wave has loaded what is loaded on demand, and made what is made once.
        before ??= report;
        if (wave < WAVES) continue;
        const growth = held(report) / held(before) - 1;
        if (isFull) process.stdout.write(`${summary(before, report, ms)}\n`);
        expect(growth).toBeLessThan(GROWTH_MAX);
      }
      await Promise.all([...standing].map(({ closed }) => closed));
      expect(standing.size).toBe(0);
    },
    TIMEOUT_MS,
  );

  test('R19: R21: others notice nothing', async () => {
    const [peer, socket] = [await open(), await socketPath()];
    await daemon(freshAddress(), socket);
    await accepting(peer);
    const survivor = await connectService({ address: `unix:${socket}` });
    later(() => survivor.close());
    const connection = await survivor.connect({ host: peer.address, port: PORT });
    const victim = client(socket, peer, 1);
    await victim.line((line) => line === 'full');
    await victim.kill();
    await connection.send(new Uint8Array(8));
    expect((await connection.query()).state).toBe('ESTABLISHED');
  });
});

describe.skipIf(notLinux)('a service that is killed', () => {
  test('R15: each call and each connection of its clients has one definite end', async () => {
    const [peer, socket] = [await open(), await socketPath()];
    const service = await daemon(freshAddress(), socket);
    await accepting(peer);
    const victim = client(socket, peer, 1);
    await victim.line((line) => line === 'disconnected');
    await service.kill();
    const line = await victim.line((each) => each.startsWith('{'));
    const { error, causes, endings, waiting } = JSON.parse(line) as Record<string, unknown>;
    expect(error).toBe('DISCONNECTED');
    expect(waiting).toBe(0);
    expect(new Set(causes as string[])).toEqual(new Set(['lost']));
    expect(new Set(endings as string[])).toEqual(new Set(['DISCONNECTED']));
  });

  test('another in its place serves at once, and peers are not confused by what it has forgotten', async () => {
    const [peer, socket, address] = [await open(), await socketPath(), freshAddress()];
    const first = await daemon(address, socket);
    const standing = await accepting(peer);
    const client = await connectService({ address: `unix:${socket}` });
    const connections = await Promise.all(
      Array.from({ length: 8 }, () => client.connect({ host: peer.address, port: PORT })),
    );
    const old = new Set(connections.map(({ local }) => local.commId));
    await first.kill();
    expect((await client.closed).code).toBe('DISCONNECTED');
    expect(await failure(connectService({ address: `unix:${socket}`, timeoutMs: 50 }))).toMatchObject({
      code: 'UNAVAILABLE',
    });
    await daemon(address, socket);
    const again = await connectService({ address: `unix:${socket}` });
    later(() => again.close());
    const others = await Promise.all(
      Array.from({ length: 8 }, () => again.connect({ host: peer.address, port: PORT })),
    );
    for (const { local } of others) expect(old.has(local.commId)).toBe(false);
    // The peer still holds those of the first. They are ended by their answers, not by those of the others.
    await vi.waitFor(() => expect(standing.size).toBe(16));
    const forgotten = [...standing].filter(({ remote }) => old.has(remote.commId));
    const causes = await Promise.all(forgotten.map((each) => each.disconnect({ timeoutMs: 5_000 })));
    expect(causes).toEqual(Array(8).fill('disconnected'));
    for (const each of others) expect((await each.query()).state).toBe('ESTABLISHED');
  });

  test('its socket is its own: nobody else listens there, and who has the wrong rights cannot', async () => {
    const socket = await socketPath();
    await daemon(freshAddress(), socket);
    const second = new LineProcess('daemon', freshAddress(), socket);
    later(() => second.kill());
    await expect(second.line((line) => line === 'ready')).rejects.toThrow(/listens on .* already/);
  });
});

function held({ heapUsed = 0, external = 0 }: Report): number {
  return heapUsed + external;
}

function summary(before: Report, after: Report, ms: number): string {
  const [from, to] = [before, after].map((report) => megabytes(held(report)));
  return `${CLIENTS} clients × ${CONNECTIONS} connections, ${WAVES} waves: memory ${from} → ${to} MB, gone after ${Math.round(ms)} ms`;
}

function megabytes(bytes = 0): string {
  return (bytes / 2 ** 20).toFixed(1);
}
