import { describe, expect, test } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { ConnectedQueuePair, ConnectParameters } from '../../src/qp/index.js';
import type { ServiceQueuePair, ServiceQueuePairRequest } from '../../src/service/index.js';
import { notLinux } from '../io/loopback.js';
import { CARRIERS } from './carriers.js';
import { failure, type Setting, setting, until } from './setting.js';

/** A queue pair of the client's that waits to be connected, and what it was told. */
async function ours({ client }: Setting, automatic = true): Promise<{ queuePair: ServiceQueuePair; told: string[] }> {
  const told: string[] = [];
  const queuePair = await client.queuePairs.create({
    transport: 'rc',
    context: undefined,
    automatic,
    callback: (_, { type }) => told.push(type),
  });
  return { queuePair, told };
}

/** A peer in process that accepts with a queue pair of its own. */
function acceptingPeer({ peer }: Setting) {
  const it = peer.openInterface();
  const told: string[] = [];
  const theirs: ConnectedQueuePair = it.queuePairs.create({
    transport: 'rc',
    context: undefined,
    callback: (_, { type }) => told.push(type),
  });
  const listener = it.cm.createId((id) => {
    const request = it.queuePairs.getRequest(id);
    if (request !== undefined) theirs.accept(request, { startingPsn: 7 }, it.now);
  }, undefined);
  const serviceId = it.cm.listen(listener, { backlog: 4 }, it.now);
  const close = (): void => {
    if (!theirs.destroyed) theirs.destroy(it.now);
    it.close();
  };
  return { it, theirs, told, serviceId, close };
}

function parameters(from: string, to: string, serviceId: bigint): ConnectParameters {
  const path = { localGid: parseGid(from), remoteGid: parseGid(to) };
  return { path, serviceId: serviceId as ConnectParameters['serviceId'], startingPsn: 3, mtu: 3 };
}

describe.skipIf(notLinux).each(Object.keys(CARRIERS))('connected queue pairs %s', (carrier) => {
  const made = setting(carrier);

  test('R18: are led to RTS and back by the CM’s events, at the service', async () => {
    const peer = acceptingPeer(made);
    const { queuePair, told } = await ours(made);
    expect(await queuePair.query()).toMatchObject({ state: 'RESET', connectionState: undefined });
    await queuePair.connect(parameters(made.client.address, made.peer.address, peer.serviceId));
    await until(() => peer.told.includes('rtu_received'));
    expect(await queuePair.query()).toMatchObject({
      state: 'RTS',
      connectionState: 'ESTABLISHED',
      attributes: { destinationQpn: peer.theirs.qpn, sendPsn: 7 },
    });
    expect(peer.theirs.query()).toMatchObject({ state: 'RTS', destinationQpn: queuePair.qpn });
    await queuePair.disconnect();
    await until(() => told.includes('timewait_exit'));
    expect(told).toEqual(['rep_received', 'drep_received', 'timewait_exit']);
    expect((await queuePair.query()).state).toBe('RESET');
    peer.close();
  });

  test('R18: accept requests that have come to an ID of the same client', async () => {
    const { cm, queuePairs, address } = made.client;
    const requests: Promise<ServiceQueuePairRequest | undefined>[] = [];
    const listener = await cm.createId((id) => void requests.push(queuePairs.getRequest(id)), undefined);
    const serviceId = await cm.listen(listener, { backlog: 4 });
    const it = made.peer.openInterface();
    const told: string[] = [];
    const theirs = it.queuePairs.create({
      transport: 'rc',
      context: undefined,
      callback: (_, { type }) => told.push(type),
    });
    theirs.connect(parameters(made.peer.address, address, serviceId), it.now);
    it.wake();
    await until(() => requests.length === 1);
    const request = (await requests[0]) as ServiceQueuePairRequest;
    expect(request.event.message?.fields).toMatchObject({ localQpn: theirs.qpn });
    const { queuePair, told: seen } = await ours(made);
    await request.delay();
    await queuePair.accept(request, { startingPsn: 4 });
    expect(request.over).toBe(true);
    expect(await failure(queuePair.accept(request, { startingPsn: 4 }))).toMatchObject({ code: 'REQUEST_OVER' });
    await until(() => seen.includes('rtu_received'));
    expect((await queuePair.query()).state).toBe('RTS');
    theirs.destroy(it.now);
    it.wake();
    await until(() => seen.includes('dreq_received'));
    it.close();
  });

  test('refuse requests, and are told that one was taken back', async () => {
    const { cm, queuePairs, address } = made.client;
    const requests: Promise<ServiceQueuePairRequest | undefined>[] = [];
    const withdrawn: string[] = [];
    const listener = await cm.createId(
      (id) => void requests.push(queuePairs.getRequest(id, ({ type }) => withdrawn.push(type))),
      undefined,
    );
    const serviceId = await cm.listen(listener, { backlog: 4 });
    const it = made.peer.openInterface();
    const told: string[] = [];
    const make = (): ConnectedQueuePair =>
      it.queuePairs.create({ transport: 'rc', context: undefined, callback: (_, { type }) => told.push(type) });
    const [refused, taken] = [make(), make()];
    refused.connect(parameters(made.peer.address, address, serviceId), it.now);
    it.wake();
    await until(() => requests.length === 1);
    await ((await requests[0]) as ServiceQueuePairRequest).reject();
    await until(() => told.includes('rej_received'));
    taken.connect(parameters(made.peer.address, address, serviceId), it.now);
    it.wake();
    await until(() => requests.length === 2);
    const request = (await requests[1]) as ServiceQueuePairRequest;
    taken.destroy(it.now);
    it.wake();
    await until(() => withdrawn.length === 1);
    expect(request.over).toBe(true);
    expect(await failure(request.reject())).toMatchObject({ code: 'REQUEST_OVER' });
    await request.destroy();
    refused.destroy(it.now);
    it.close();
  });

  test('let the client answer the peer itself', async () => {
    const peer = acceptingPeer(made);
    const { queuePair, told } = await ours(made, false);
    await queuePair.connect(parameters(made.client.address, made.peer.address, peer.serviceId));
    await until(() => told.includes('rep_received'));
    expect((await queuePair.query()).connectionState).toBe('REP_RCVD');
    await queuePair.sendRtu();
    await until(() => peer.told.includes('rtu_received'));
    peer.theirs.disconnect({}, peer.it.now);
    peer.it.wake();
    await until(() => told.includes('dreq_received'));
    await queuePair.sendDrep();
    await until(() => peer.told.includes('drep_received'));
    peer.close();
  });

  test('R12: give up a connection at once, and can be connected again', async () => {
    const peer = acceptingPeer(made);
    const { queuePair } = await ours(made);
    await queuePair.connect(parameters(made.client.address, made.peer.address, peer.serviceId));
    await until(() => peer.told.includes('rtu_received'));
    await queuePair.abort();
    expect(await queuePair.query()).toMatchObject({ state: 'RESET', connectionState: undefined });
    await until(() => peer.told.includes('dreq_received'));
    const again = parameters(made.client.address, made.peer.address, peer.serviceId);
    expect(await failure(queuePair.connect(again))).toMatchObject({ code: 'QPN_IN_USE' });
    peer.close();
  });

  test('R13: can be destroyed and waited for, once', async () => {
    const { queuePair } = await ours(made);
    await queuePair.destroy({ wait: true });
    expect(made.adapter.usage.queuePairs).toBe(0);
    expect(await failure(queuePair.destroy())).toMatchObject({ name: 'VerbsError', code: 'DESTROYED' });
    expect(await failure(queuePair.abort())).toMatchObject({ code: 'DESTROYED' });
    const error = await failure(
      made.client.queuePairs.create({ transport: 'ud' as 'rc', context: 0, callback: () => undefined }),
    );
    expect(error).toMatchObject({ name: 'QpError', code: 'INVALID_TRANSPORT' });
  });

  test('stand for queue pairs elsewhere', async () => {
    const queuePair = await made.client.queuePairs.createForeign(0x777, {
      transport: 'rc',
      context: undefined,
      callback: () => undefined,
    });
    const peer = acceptingPeer(made);
    await queuePair.connect(parameters(made.client.address, made.peer.address, peer.serviceId));
    await until(() => peer.told.includes('rtu_received'));
    expect(peer.theirs.query().destinationQpn).toBe(0x777);
    expect((await queuePair.query()).attributes.destinationQpn).toBe(peer.theirs.qpn);
    peer.close();
  });

  test('R21: end with their client, and peers hear of it', async () => {
    const peer = acceptingPeer(made);
    const { queuePair } = await ours(made);
    await queuePair.connect(parameters(made.client.address, made.peer.address, peer.serviceId));
    await until(() => peer.told.includes('rtu_received'));
    await made.client.close();
    await until(() => peer.told.includes('dreq_received'));
    expect(await failure(queuePair.query())).toMatchObject({ code: 'DISCONNECTED' });
    peer.close();
  });
});
