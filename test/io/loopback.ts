import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { afterEach } from 'vitest';
import type { Adapter, Connection, ConnectOptions, Listener } from '../../src/endpoint/index.js';
import { type OpenAdapterOptions, openAdapter } from '../../src/io/index.js';

let count = 0;

/** An address of 127/8 that no other test, in this process or another, is likely to use. */
export function freshAddress(): string {
  count += 1;
  const number = 2 ** 22 + ((process.pid * 128 + (count % 128)) % 2 ** 22);
  return `127.${number >>> 16}.${(number >>> 8) & 0xff}.${number & 0xff}`;
}

/** Why IPv6 cannot be tested on this machine; undefined if it can. */
export const noIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.address === '::1')
  ? undefined
  : 'this machine has no ::1';

export const notLinux = process.platform === 'linux' ? undefined : 'only Linux has all of 127/8';

/** What is to be given up at the end of a test, last first. */
export function cleanUp(): { later: (end: () => unknown) => void } {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return { later: (end) => ends.push(end) };
}

/** Opens adapters, and closes them at the end of the test. */
export function adapters(): (options?: Partial<OpenAdapterOptions>) => Promise<Adapter> {
  const { later } = cleanUp();
  return async (options = {}) => {
    const adapter = await openAdapter({
      address: freshAddress(),
      onWarning: () => undefined,
      ...options,
    });
    later(() => adapter.close({ timeoutMs: 100 }));
    return adapter;
  };
}

/** Both ends of a connection between two adapters. */
export async function connect(
  from: Adapter,
  to: Adapter,
  options: Partial<ConnectOptions> = {},
): Promise<{ listener: Listener; ours: Connection; theirs: Connection }> {
  const listener = await to.listen({ port: 7471 });
  const connecting = from.connect({ host: to.address, port: 7471, ...options });
  const { value: request } = await listener[Symbol.asyncIterator]().next();
  if (request === undefined) throw new Error('the listener is closed');
  const [ours, theirs] = await Promise.all([connecting, request.accept()]);
  return { listener, ours, theirs };
}

/** A plain UDP socket. */
export async function plainSocket(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const listening = once(socket, 'listening');
  socket.bind({ address, port, exclusive: true });
  await listening;
  return socket;
}

export async function nextDatagram(socket: Socket): Promise<{ bytes: Buffer; from: RemoteInfo }> {
  const [bytes, from] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
  return { bytes, from };
}

/** Sends a datagram, and comes back when the system has it. */
export function sendTo(socket: Socket, bytes: Uint8Array, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(bytes, 4791, address, (error) => (error ? reject(error) : resolve()));
  });
}
