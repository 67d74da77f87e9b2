import { afterEach, beforeEach, expect } from 'vitest';
import type {
  AcceptOptions,
  Connection,
  ConnectionRequest,
  ConnectOptions,
  Listener,
} from '../../src/endpoint/index.js';
import { type VirtualHost, type VirtualHostOptions, VirtualNetwork } from './virtual-network.js';

export const PORT = 7471;

/** What a test starts from. */
export interface Fixture {
  net: VirtualNetwork;
  client: VirtualHost;
  server: VirtualHost;
}

/** A network with a client and a server for each test of the file. After each, nothing may be left over. */
export function fixture(options: { client?: VirtualHostOptions; server?: VirtualHostOptions } = {}): Fixture {
  const made = {} as Fixture;
  beforeEach(() => {
    const net = new VirtualNetwork();
    Object.assign(made, { net, ...net.pair(options) });
  });
  afterEach(async () => {
    made.net.fate = () => 'deliver';
    expect(await made.net.leftovers()).toEqual([]);
  });
  return made;
}

export const target = (overrides: Partial<ConnectOptions> = {}): ConnectOptions => ({
  host: '10.0.0.2',
  port: PORT,
  ...overrides,
});

/** The next request of a listener. */
export async function nextRequest(net: VirtualNetwork, listener: Listener): Promise<ConnectionRequest> {
  const { value } = await net.value(listener[Symbol.asyncIterator]().next());
  if (value === undefined) throw new Error('the listener is closed');
  return value;
}

/** A request that waits for its answer. */
export async function requested(
  { net, client, server }: Fixture,
  options: Partial<ConnectOptions> = {},
): Promise<{ listener: Listener; request: ConnectionRequest; connecting: Promise<Connection> }> {
  const listener = await server.endpoint.listen({ port: PORT });
  const connecting = client.endpoint.connect(target(options));
  connecting.catch(() => undefined);
  return { listener, request: await nextRequest(net, listener), connecting };
}

/** A connection, seen from both ends. */
export async function established(
  made: Fixture,
  connect: Partial<ConnectOptions> = {},
  accept: AcceptOptions = {},
): Promise<{ listener: Listener; ours: Connection; theirs: Connection }> {
  const { listener, request, connecting } = await requested(made, connect);
  const accepting = request.accept(accept);
  const ours = await made.net.value(connecting);
  return { listener, ours, theirs: await made.net.value(accepting) };
}

/** What a connection tells, from now on. */
export function eventsOf(connection: Connection): string[] {
  const seen: string[] = [];
  connection.addEventListener('close', ({ cause }) => seen.push(`close: ${cause}`));
  connection.addEventListener('timewaitexit', () => seen.push('timewaitexit'));
  return seen;
}

/** Runs something during which callbacks throw. @returns what was reported as uncaught. */
export async function uncaught(run: () => Promise<void>): Promise<unknown[]> {
  const listeners = process.listeners('uncaughtException');
  const seen: unknown[] = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => seen.push(error));
  try {
    await run();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return seen;
}

/** The error that a promise will be rejected with. Unlike the network's `error`, it moves nothing. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('an error was expected');
    },
    (error: unknown) => error,
  );
}
