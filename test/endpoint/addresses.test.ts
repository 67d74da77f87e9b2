import { describe, expect, it } from 'vitest';
import type { Connection, ConnectOptions, Listener } from '../../src/endpoint/index.js';
import { fixture, nextRequest, PORT } from './fixture.js';
import type { VirtualHost } from './virtual-network.js';

/** Adapters with several addresses: which one is used, and who listens where. */

const made = fixture();
const host = (addresses: readonly string[], number: number, options = {}): VirtualHost =>
  made.net.host(addresses, { seed: 40 + number, caGuid: BigInt(number), ...options });
const dual = (): { left: VirtualHost; right: VirtualHost } => ({
  left: host(['10.1.0.1', 'fd00::1', '10.1.0.3'], 3),
  right: host(['10.1.0.2', 'fd00::2', '10.1.0.4'], 4),
});

async function join(
  from: VirtualHost,
  listener: Listener,
  options: Omit<ConnectOptions, 'port'>,
): Promise<{ ours: Connection; theirs: Connection }> {
  const connecting = from.endpoint.connect({ port: PORT, ...options });
  const accepting = (await nextRequest(made.net, listener)).accept();
  const ours = await made.net.value(connecting);
  return { ours, theirs: await made.net.value(accepting) };
}

const ends = ({ local, remote }: Connection): string => `${local.address} - ${remote.address}`;
const ports = (...connections: Connection[]): unknown[] =>
  connections.map(({ queuePair }) => queuePair?.query().path?.port);

describe('An adapter with several addresses', () => {
  it('names them all, and one for short', () => {
    const { left } = dual();
    expect(left.endpoint.addresses).toEqual(['10.1.0.1', 'fd00::1', '10.1.0.3']);
    expect(left.endpoint.address).toBe('10.1.0.1');
  });

  it('is connected over each of them: the queue pair is on the port that has the address', async () => {
    const { left, right } = dual();
    const listener = await right.endpoint.listen({ port: PORT });
    expect(listener.addresses).toEqual(right.endpoint.addresses);
    for (const [number, to] of right.addresses.entries()) {
      const from = left.addresses[number] as string;
      const { ours, theirs } = await join(left, listener, { host: to, from });
      expect([ends(ours), ends(theirs)]).toEqual([`${from} - ${to}`, `${to} - ${from}`]);
      expect(ports(ours, theirs)).toEqual([number + 1, number + 1]);
      expect(await made.net.value(theirs.disconnect())).toBe('disconnected');
    }
  });

  it('asks from the address whose family is the host’s if none is named', async () => {
    const { left, right } = dual();
    const listener = await right.endpoint.listen({ port: PORT });
    expect(ends((await join(left, listener, { host: 'fd00::2' })).ours)).toBe('fd00::1 - fd00::2');
    expect(ends((await join(left, listener, { host: '10.1.0.4' })).ours)).toBe('10.1.0.1 - 10.1.0.4');
  });

  it('looks services up from the address that is named', async () => {
    const { left, right } = dual();
    const listener = await right.endpoint.listenDatagram({ port: PORT });
    const looking = left.endpoint.lookup({ host: '10.1.0.4', port: PORT, from: '10.1.0.3' });
    const { value: request } = await made.net.value(listener[Symbol.asyncIterator]().next());
    expect([request?.remote.address, request?.local.address]).toEqual(['10.1.0.3', '10.1.0.4']);
    request?.accept({ qpn: 5 });
    expect(await made.net.value(looking)).toMatchObject({ address: '10.1.0.4', qpn: 5 });
  });

  it.each(['10.1.0.2', '10.1.0.99', 'nonsense', ''])('refuses to ask from "%s", which is not its own', async (from) => {
    const { left } = dual();
    const error = await made.net.error(left.endpoint.connect({ host: '10.1.0.2', port: PORT, from }));
    expect(error).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `from is ${from}; it must be an address of this adapter: 10.1.0.1, fd00::1, 10.1.0.3`,
    });
    const lookingUp = left.endpoint.lookup({ host: '10.1.0.2', port: PORT, from });
    expect(await made.net.error(lookingUp)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect([left.prepared, made.net.sent]).toEqual([[], []]);
  });

  it('takes an address however it is written', async () => {
    const { left, right } = dual();
    const listener = await right.endpoint.listen({ port: PORT, address: 'fd00:0:0::0002' });
    expect(listener.address).toBe('fd00::2');
    expect(ends((await join(left, listener, { host: 'fd00::2', from: 'FD00:0::1' })).ours)).toBe('fd00::1 - fd00::2');
  });

  it('listens on one address alone: at the others nobody does', async () => {
    const { left, right } = dual();
    const listener = await right.endpoint.listen({ port: PORT, address: '10.1.0.4' });
    expect([listener.address, listener.addresses]).toEqual(['10.1.0.4', ['10.1.0.4']]);
    const refused = await made.net.error(left.endpoint.connect({ host: '10.1.0.2', port: PORT }));
    expect(refused).toMatchObject({ details: { reasonName: 'invalidServiceId' } });
    expect(ends((await join(left, listener, { host: '10.1.0.4' })).ours)).toBe('10.1.0.1 - 10.1.0.4');
  });

  it('lets one listen on one address and another on the rest, but not two on the same', async () => {
    const { left, right } = dual();
    const one = await right.endpoint.listen({ port: PORT, address: '10.1.0.2' });
    const rest = await right.endpoint.listen({ port: PORT });
    expect((await join(left, one, { host: '10.1.0.2' })).theirs.local.address).toBe('10.1.0.2');
    expect((await join(left, rest, { host: 'fd00::2' })).theirs.local.address).toBe('fd00::2');
    expect(await made.net.error(right.endpoint.listen({ port: PORT, address: '10.1.0.2' }))).toMatchObject({
      code: 'PORT_IN_USE',
      message: `something listens on port ${PORT} of 10.1.0.2 already`,
    });
    expect(await made.net.error(right.endpoint.listen({ port: PORT }))).toMatchObject({
      message: `something listens on port ${PORT} of 10.1.0.2, fd00::2, 10.1.0.4 already`,
    });
    const foreign = right.endpoint.listen({ port: PORT, address: '10.1.0.1' });
    expect(await made.net.error(foreign)).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('answers a peer that calls it by an address of another of its ports with the right one', async () => {
    const { left, right } = dual();
    await right.endpoint.listen({ port: PORT });
    // The REQ is delivered to the other port, as by a wrong route.
    const attempt = left.endpoint.connect({ host: '10.1.0.2', port: PORT, timeoutMs: 100 });
    made.net.fate = ({ mad, bytes, from, sourcePort }) => {
      if (mad.message !== 'REQ') return 'deliver';
      right.receive(bytes, from, sourcePort, '10.1.0.4');
      return 'lose';
    };
    await made.net.error(attempt);
    // Its ICRC covers the address that it was sent to.
    expect(right.adapter.drops.icrc).toBeGreaterThan(0);
  });
});

describe('An adapter that connects to itself', () => {
  it.each([
    ['10.1.0.1', '10.1.0.1'],
    ['10.1.0.1', '10.1.0.3'],
    ['fd00::1', 'fd00::1'],
    ['10.1.0.3', '10.1.0.1'],
  ])('does so from %s to %s, with two queue pairs', async (from, to) => {
    const { left } = dual();
    const listener = await left.endpoint.listen({ port: PORT });
    const { ours, theirs } = await join(left, listener, { host: to, from });
    expect([ends(ours), ends(theirs)]).toEqual([`${from} - ${to}`, `${to} - ${from}`]);
    expect([ours.queuePair?.state, theirs.queuePair?.state]).toEqual(['RTS', 'RTS']);
    expect(ours.local.qpn).not.toBe(theirs.local.qpn);
    expect(left.endpoint.usage.queuePairs).toBe(2);
    expect(await made.net.value(ours.disconnect())).toBe('disconnected');
    await made.net.elapse(5_000);
    expect([theirs.closeCause, left.endpoint.usage.queuePairs]).toEqual(['peer', 0]);
  });

  it('does so also when answers come before send returns', async () => {
    const left = host(['10.1.0.1', '10.1.0.3'], 3, { instant: true });
    const listener = await left.endpoint.listen({ port: PORT, address: '10.1.0.3' });
    const { ours, theirs } = await join(left, listener, { host: '10.1.0.3' });
    expect(await made.net.value(theirs.disconnect())).toBe('disconnected');
    expect([ours.closeCause, ends(ours)]).toEqual(['peer', '10.1.0.1 - 10.1.0.3']);
  });

  it('and is closed with all that is going on between its own ends', async () => {
    const { left } = dual();
    const listener = await left.endpoint.listen({ port: PORT });
    const { ours, theirs } = await join(left, listener, { host: '10.1.0.3' });
    const attempt = made.net.error(left.endpoint.connect({ host: '10.1.0.3', port: PORT }));
    await left.endpoint.close({ timeoutMs: 0 });
    expect(await attempt).toMatchObject({ code: 'CLOSED' });
    expect([ours.closeCause, theirs.closeCause]).toEqual(['closed', 'closed']);
  });
});

describe('Several adapters of one process', () => {
  it('connect with each other in every direction, with the same UDP port, the same queue pair numbers and one listener each', async () => {
    // The same seed: everything that is drawn is the same.
    const all = [1, 2, 3].map((number) => host([`10.2.0.${number}`], number, { seed: 9 }));
    const listeners = await Promise.all(all.map(({ endpoint }) => endpoint.listen({ port: PORT })));
    const connections: Connection[] = [];
    for (const from of all) {
      for (const [index, to] of all.entries()) {
        const { ours, theirs } = await join(from, listeners[index] as Listener, { host: to.address });
        connections.push(ours, theirs);
      }
    }
    expect(connections.map(({ queuePair }) => queuePair?.state)).toEqual(Array(18).fill('RTS'));
    expect(all.map(({ endpoint }) => endpoint.usage.queuePairs)).toEqual([6, 6, 6]);
    await made.net.value(all[1]?.endpoint.close() as Promise<void>);
    const standing = connections.filter(({ closeCause }) => closeCause === undefined);
    expect(standing).toHaveLength(8);
  });
});
