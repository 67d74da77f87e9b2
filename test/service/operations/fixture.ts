import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { Cid, Instant } from '../../../src/base/index.js';
import type { CepInspector } from '../../../src/cep/index.js';
import { DEFAULT_CLIENT_LIMITS } from '../../../src/service/index.js';
import { AdminClient } from '../../../src/service/operations/admin-client.js';
import { type AdminHost, addAdmin } from '../../../src/service/operations/admin-service.js';
import { ConnectionList } from '../../../src/service/operations/connection-list.js';
import { MessageTrace } from '../../../src/service/operations/message-trace.js';
import { Metrics } from '../../../src/service/operations/metrics.js';
import { readStatistics, type StatisticsSources } from '../../../src/service/operations/statistics.js';
import type { ClientView, ServiceView } from '../../../src/service/operations/view.js';
import type { VirtualHost } from '../../endpoint/virtual-network.js';

/** A service that only has an opinion on who owns what. */
export class FakeService implements ServiceView {
  readonly clients: ClientView[] = [];
  readonly owners = new Map<number, ClientView>();
  violations: string[] = [];

  add(name: string, overrides: Partial<ClientView> = {}): ClientView {
    const id = this.clients.length + 1;
    const client: ClientView = {
      id,
      name,
      pid: 4_000 + id,
      since: 0 as Instant,
      owns: {},
      calls: 0,
      waiting: 0,
      used: { ceps: 0, listens: 0, memoryBytes: 0 },
      limits: DEFAULT_CLIENT_LIMITS,
      ...overrides,
    };
    this.clients.push(client);
    return client;
  }

  ownerOf(cid: Cid): ClientView | undefined {
    return this.owners.get(cid);
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  check(): string[] {
    return this.violations;
  }
}

/** What an administration of a host of the virtual network shows. */
export class FakeHost implements AdminHost {
  readonly service = new FakeService();
  readonly trace = new MessageTrace();
  readonly metrics: Metrics;
  readonly connections: ConnectionList;
  readonly calls: unknown[] = [];
  readonly inspect: () => CepInspector;
  failure: Error | undefined;
  readonly #sources: StatisticsSources;

  constructor({ endpoint }: VirtualHost) {
    this.connections = new ConnectionList(endpoint.inspect(), this.service, () => endpoint.now());
    this.#sources = { adapter: endpoint, connections: this.connections, service: this.service };
    this.metrics = new Metrics(() => this.statistics(), '1.2.3');
    this.inspect = () => endpoint.inspect();
  }

  statistics(): ReturnType<AdminHost['statistics']> {
    return readStatistics(this.#sources);
  }

  status(): ReturnType<AdminHost['status']> {
    return {
      version: '1.2.3',
      pid: 7,
      uptimeS: 1.5,
      state: 'serving',
      addresses: ['10.0.0.1', '10.0.0.2'],
      logLevel: 'info',
      clients: 2,
      connections: 3,
    };
  }

  check(): readonly string[] {
    return this.service.check();
  }

  reload(): ReturnType<AdminHost['reload']> {
    return this.failure
      ? Promise.reject(this.failure)
      : Promise.resolve({ changed: ['logLevel'], needsRestart: ['icrc'] });
  }

  drain(timeoutMs: number | undefined): ReturnType<AdminHost['drain']> {
    this.calls.push({ drain: timeoutMs });
    return { clients: 2, timeoutMs: timeoutMs ?? 10_000 };
  }

  setLogLevel(level: Parameters<AdminHost['setLogLevel']>[0]): ReturnType<AdminHost['setLogLevel']> {
    this.calls.push({ level });
    return { before: 'info', now: level };
  }
}

/** A folder for a test, gone afterwards. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ibcm-operations-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Serves gRPC on a Unix socket for a test. */
export async function served(offer: (server: Server) => void): Promise<string> {
  const socket = join(freshFolder(), 'ibcm.sock');
  const server = new Server();
  offer(server);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener: NetServer = createServer((connection: Socket) => injector.injectConnection(connection));
  await new Promise<void>((resolve) => {
    listener.listen(socket, resolve);
  });
  onTestFinished(() => {
    injector.destroy();
    server.forceShutdown();
    listener.close();
  });
  return socket;
}

/** Who administers a host by way of gRPC. */
export async function administering(host: AdminHost): Promise<AdminClient> {
  const client = new AdminClient(await served((server) => addAdmin(server, host)));
  onTestFinished(() => client.close());
  return client;
}
