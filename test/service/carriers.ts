import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { directLink } from '../../src/service/carrier/direct.js';
import type { OpenLink } from '../../src/service/client/caller.js';
import { ServiceClient } from '../../src/service/client/service-client.js';
import { connectService, GrpcFront, listenUnix, type Service } from '../../src/service/index.js';
import { servePort } from '../../src/service/thread/port-carrier.js';
import { portLink } from '../../src/service/thread/port-link.js';

/** A service that can be reached in some way. */
export interface Reachable {
  /** A new client. */
  connect(name?: string): Promise<ServiceClient>;
  close(): Promise<void>;
}

/** The ways to a service, by name. All that clients can do they can do over each. */
export const CARRIERS: Readonly<Record<string, (service: Service) => Promise<Reachable>>> = {
  'in process': async (service) => linked(() => directLink(service)),
  'over a message port': async (service) =>
    linked(() => {
      const { port1, port2 } = new MessageChannel();
      servePort(service, port2);
      return portLink(port1);
    }),
  'over gRPC': listenAt,
};

/** A service that listens on a Unix socket. */
export interface Listening extends Reachable {
  readonly address: string;
}

export async function listenAt(service: Service): Promise<Listening> {
  const folder = await mkdtemp(join(tmpdir(), 'ibcm-service-'));
  const path = join(folder, 'socket');
  const address = `unix:${path}`;
  const front = new GrpcFront(service);
  const server = await listenUnix(path);
  front.attach(server);
  return {
    address,
    connect: (name = 'test') => connectService({ address, name }),
    close: async () => {
      server.close();
      front.close();
      await rm(folder, { recursive: true });
    },
  };
}

function linked(link: () => OpenLink): Reachable {
  return {
    connect: (name = 'test') => ServiceClient.open(link(), { name }),
    close: async () => undefined,
  };
}
