import { afterEach, beforeEach, expect } from 'vitest';
import type { Adapter, Connection, ConnectionRequest, Listener } from '../../src/endpoint/index.js';
import {
  Service,
  type ServiceClient,
  type ServiceConnection,
  type ServiceOptions,
  type ServiceRequest,
} from '../../src/service/index.js';
import { adapters } from '../io/loopback.js';
import { CARRIERS, type Reachable } from './carriers.js';

export const PORT = 7_471;

/** A service, a client of it, and a peer that is an adapter of this process. */
export interface Setting {
  adapter: Adapter;
  service: Service;
  reachable: Reachable;
  client: ServiceClient;
  peer: Adapter;
}

/** A setting for each test of the file. After each, the service's books must be right, and nothing may be left of its clients. */
export function setting(carrier: keyof typeof CARRIERS, options: ServiceOptions = {}): Setting {
  const open = adapters();
  const made = {} as Setting;
  beforeEach(async () => {
    const [adapter, peer] = [await open(), await open()];
    const service = new Service(adapter, options);
    const reachable = await (CARRIERS[carrier] as (service: Service) => Promise<Reachable>)(service);
    Object.assign(made, { adapter, peer, service, reachable, client: await reachable.connect() });
  });
  afterEach(async () => {
    const { adapter, service, reachable } = made;
    expect(service.check()).toEqual([]);
    await service.close();
    await reachable.close();
    expect(service.check()).toEqual([]);
    expect([...service.clients]).toEqual([]);
    const { queuePairs, references, memoryRegions, listens, cidSlots } = adapter.usage;
    expect({ queuePairs, references, memoryRegions, listens, cidSlots }).toEqual(NOTHING);
  });
  return made;
}

/** What of an adapter is left when its clients have gone: what the protocol owes peers has no queue pair, and nobody refers to it. */
const NOTHING = { queuePairs: 0, references: 0, memoryRegions: 0, listens: 0, cidSlots: 0 };

/** The next request of a listener, wherever it is. */
export async function nextOf<Request>(listener: AsyncIterable<Request>): Promise<Request> {
  const { value, done } = await listener[Symbol.asyncIterator]().next();
  if (done === true) throw new Error('the listener is closed');
  return value;
}

/** A connection that the client has asked for. */
export async function connected({ client, peer }: Setting): Promise<{ ours: ServiceConnection; theirs: Connection }> {
  const listener: Listener = await peer.listen({ port: PORT });
  const connecting = client.connect({ host: peer.address, port: PORT });
  const request: ConnectionRequest = await nextOf(listener);
  const [ours, theirs] = await Promise.all([connecting, request.accept()]);
  listener.close();
  return { ours, theirs };
}

/** A connection that the peer has asked for. */
export async function accepted({ client, peer }: Setting): Promise<{ ours: ServiceConnection; theirs: Connection }> {
  const listener = await client.listen({ port: PORT });
  const connecting = peer.connect({ host: client.address, port: PORT });
  const request: ServiceRequest = await nextOf(listener);
  const [theirs, ours] = await Promise.all([connecting, request.accept()]);
  listener.close();
  return { ours, theirs };
}

/** The error that a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string; details?: object }> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === 'fulfilled') throw new Error('an error was expected');
  return outcome.reason as Error;
}

/** Resolves when something is so: looked at again whenever the event loop has turned. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
