import { describe, expect, test } from 'vitest';
import { parseGid } from '../../src/base/index.js';
import type { ReqParameters } from '../../src/cep/index.js';
import { CmError, type CmEvent, type CmId } from '../../src/cm/index.js';
import type { AdapterInterface } from '../../src/endpoint/index.js';
import { type ServiceCmEvent, type ServiceCmId, ServiceError } from '../../src/service/index.js';
import { notLinux } from '../io/loopback.js';
import { CARRIERS } from './carriers.js';
import { failure, type Setting, setting, until } from './setting.js';

const SERVICE = 0x1234_5678_9abc_def0n as ReqParameters['serviceId'];
const QPN = 0x321;
const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

/** The CM-only interface of the peer, in process, and what its IDs were told. */
interface Peer {
  readonly it: AdapterInterface;
  readonly events: string[];
  readonly requests: CmId[];
  readonly listener: CmId;
}

/** A peer that listens, and fetches what comes. */
function listeningPeer({ peer }: Setting): Peer {
  const it = peer.openInterface();
  const events: string[] = [];
  const requests: CmId[] = [];
  const listener: CmId = it.cm.createId((id, event: CmEvent) => {
    events.push(event.type);
    if (event.type !== 'req_received' && event.type !== 'sidr_req_received') return;
    const request = it.cm.getRequest(id);
    if (request !== undefined) requests.push(request.id);
  }, undefined);
  it.cm.listen(listener, { serviceId: SERVICE, backlog: 8 }, it.now);
  return { it, events, requests, listener };
}

function request({ client, peer }: Setting, overrides: Partial<ReqParameters> = {}): ReqParameters {
  const path = { localGid: parseGid(client.address), remoteGid: parseGid(peer.address) };
  return { path, serviceId: SERVICE, qpn: QPN, startingPsn: 5, ...overrides };
}

/** Notes what an ID is told. */
function noting(seen: ServiceCmEvent[]): (id: ServiceCmId, event: ServiceCmEvent) => void {
  return (_, event) => {
    seen.push(event);
  };
}

const types = (events: readonly ServiceCmEvent[]): string[] => events.map(({ type }) => type);

describe.skipIf(notLinux).each(Object.keys(CARRIERS))('the CM-only interface %s', (carrier) => {
  const made = setting(carrier);

  test('R18: connects call by call, and is told what the messages say', async () => {
    const peer = listeningPeer(made);
    const { cm } = made.client;
    const seen: ServiceCmEvent[] = [];
    const id = await cm.createId(noting(seen), 'mine');
    expect(id.context).toBe('mine');
    expect((await cm.query(id)).state).toBe('IDLE');
    await cm.sendReq(id, request(made, { privateData: bytes(1, 2, 3) }));
    await until(() => peer.requests.length === 1);
    const [theirs] = peer.requests as [CmId];
    peer.it.cm.sendRep(theirs, { qpn: 0x654, startingPsn: 9, privateData: bytes(4) }, peer.it.now);
    peer.it.wake();
    await until(() => seen.length === 1);
    expect(seen[0]).toMatchObject({ type: 'rep_received', cause: 'message' });
    expect(seen[0]?.message).toMatchObject({ message: 'REP', fields: { localQpn: 0x654, startingPsn: 9 } });
    expect(await cm.getQpAttr(id, 'RTS')).toMatchObject({ state: 'RTS', sendPsn: 9 });
    await cm.sendRtu(id);
    await until(() => peer.events.includes('rtu_received'));
    const { state, commIds } = await cm.query(id);
    expect(state).toBe('ESTABLISHED');
    expect(commIds).toEqual({ local: peer.it.cm.commIds(theirs).remote, remote: peer.it.cm.commIds(theirs).local });
    await cm.sendDreq(id, { privateData: bytes(7) });
    await until(() => peer.events.includes('dreq_received'));
    peer.it.cm.sendDrep(theirs, {}, peer.it.now);
    peer.it.wake();
    await until(() => types(seen).includes('drep_received'));
    peer.it.close();
  });

  test('R18: listens, fetches requests, and answers them', async () => {
    const { cm } = made.client;
    const told: string[] = [];
    const listener = await cm.createId((id, { type }) => void told.push(`${String(id.context)}: ${type}`), 'listener');
    expect(await cm.listen(listener, { serviceId: SERVICE, backlog: 4 })).toBe(SERVICE);
    expect(await cm.getRequest(listener)).toBeUndefined();
    const it = made.peer.openInterface();
    const events: string[] = [];
    const theirs = it.cm.createId((_, { type }) => void events.push(type), undefined);
    const path = { localGid: parseGid(made.peer.address), remoteGid: parseGid(made.client.address) };
    it.cm.sendReq(theirs, { path, serviceId: SERVICE, qpn: 0x99, startingPsn: 1, privateData: bytes(5) }, it.now);
    it.wake();
    await until(() => told.length === 1);
    const seen: ServiceCmEvent[] = [];
    const fetched = await cm.getRequestEx(listener, noting(seen), 'request');
    expect(fetched?.id.context).toBe('request');
    expect(fetched?.event.message?.fields).toMatchObject({ localQpn: 0x99, serviceId: SERVICE });
    const ours = (fetched as NonNullable<typeof fetched>).id;
    await cm.sendMra(ours);
    await cm.formatRep(ours, { qpn: QPN, startingPsn: 2 });
    await cm.sendFormattedRep(ours);
    await until(() => events.includes('rep_received'));
    expect(events).toEqual(['mra_received', 'rep_received']);
    it.cm.sendRtu(theirs, {}, it.now);
    it.wake();
    await until(() => types(seen).includes('rtu_received'));
    it.close();
    await until(() => types(seen).includes('dreq_received'));
    await cm.sendDrep(ours);
    await cm.cancelListen(listener);
    expect((await cm.query(listener)).state).toBe('IDLE');
  });

  test('a fetched request has the listener’s callback, and the listener as context', async () => {
    const { cm } = made.client;
    const told: string[] = [];
    const listener = await cm.createId((id, { type }) => void told.push(`${typeof id.context} ${type}`), 'listener');
    const serviceId = await cm.listen(listener, { backlog: 4 });
    const it = made.peer.openInterface();
    const path = { localGid: parseGid(made.peer.address), remoteGid: parseGid(made.client.address) };
    const theirs = it.cm.createId(() => undefined, undefined);
    it.cm.sendReq(theirs, { path, serviceId, qpn: 0x99, startingPsn: 1 }, it.now);
    it.wake();
    await until(() => told.length === 1);
    const fetched = await cm.getRequest(listener);
    expect(fetched?.id.context).toBe(listener);
    it.cm.destroyId(theirs, it.now);
    it.wake();
    await until(() => told.length === 2);
    expect(told).toEqual(['string req_received', 'object rej_received']);
    it.close();
  });

  test('R18: a callback that returns a failure destroys its ID by a call of its own', async () => {
    const { cm } = made.client;
    const gone: unknown[] = [];
    const id = await cm.createId(
      () => 'destroy',
      'mine',
      (context) => gone.push(context),
    );
    await cm.sendReq(id, request(made));
    await until(() => gone.length === 1);
    expect(gone).toEqual(['mine']);
    expect(id.destroyed).toBe(true);
    expect([...made.service.clients][0]?.owns).toEqual({});
  });

  test('R13: destroying can be waited for, and the caller is told once that the ID is gone', async () => {
    const peer = listeningPeer(made);
    const { cm } = made.client;
    let gone = 0;
    const id = await cm.createId(
      () => undefined,
      undefined,
      () => {
        gone += 1;
      },
    );
    await cm.sendReq(id, request(made));
    await until(() => peer.requests.length === 1);
    await cm.destroyId(id, { wait: true, timeoutMs: 5_000 });
    expect(gone).toBe(1);
    await until(() => peer.events.includes('rej_received'));
    peer.it.close();
  });

  test('R19: an ID that was destroyed, another client’s, or nobody’s is refused', async () => {
    const { cm } = made.client;
    const id = await cm.createId(() => undefined, undefined);
    const other = await made.reachable.connect('other');
    const theirs = await other.cm.createId(() => undefined, undefined);
    await cm.destroyId(id);
    for (const each of [id, theirs, { context: 0, cid: 1, inCallback: false, destroyed: false }]) {
      const error = await failure(cm.query(each));
      expect(error).toBeInstanceOf(CmError);
      expect(error.code).toBe('INVALID_ID');
    }
    expect(await failure(cm.destroyId(id))).toMatchObject({ code: 'INVALID_ID' });
    expect((await other.cm.query(theirs)).state).toBe('IDLE');
    await other.close();
  });

  test('refuses what is not valid in the state, and values that do not fit, and changes nothing', async () => {
    const { cm } = made.client;
    const id = await cm.createId(() => undefined, undefined);
    expect(await failure(cm.sendRtu(id))).toMatchObject({ name: 'CepError', code: 'INVALID_STATE' });
    expect(await failure(cm.sendReq(id, request(made, { qpn: 2 ** 24 })))).toBeInstanceOf(Error);
    expect(await failure(cm.sendReq(id, request(made, { privateData: new Uint8Array(93) })))).toMatchObject({
      name: 'EncodeError',
      code: 'TOO_LONG',
    });
    expect(await failure(cm.getQpAttr(id, 'RTS'))).toMatchObject({ code: 'INVALID_STATE' });
    expect((await cm.query(id)).state).toBe('IDLE');
  });

  test('R5: R7: binds an ID to a slot once, and whoever destroys the slot destroys the ID', async () => {
    const { cm } = made.client;
    const gone: string[] = [];
    const [id, other] = [await cm.createId(() => undefined, 'old'), await cm.createId(() => undefined, 'other')];
    const slot = await cm.createSlot();
    const configuration = {
      callback: () => undefined,
      context: 'bound',
      onDestroyed: (context: string) => gone.push(context),
    };
    const bound = await cm.bind(id, slot, configuration);
    expect(bound.context).toBe('bound');
    expect(await failure(cm.bind(other, slot, configuration))).toMatchObject({ code: 'SLOT_NOT_INVALID' });
    expect(other.context).toBe('other');
    await cm.destroySlot(slot, 'reserved');
    await until(() => gone.length === 1);
    expect(gone).toEqual(['bound']);
    expect(await failure(cm.query(bound))).toMatchObject({ code: 'INVALID_ID' });
    expect(await failure(cm.bind(other, slot, configuration))).toMatchObject({ code: 'SLOT_NOT_INVALID' });
  });

  test('asks which queue pair serves, and answers', async () => {
    const peer = listeningPeer(made);
    const { cm } = made.client;
    const seen: ServiceCmEvent[] = [];
    const id = await cm.createId(noting(seen), undefined);
    const { path } = request(made);
    await cm.sendSidrReq(id, { path, serviceId: SERVICE, privateData: bytes(1) });
    await until(() => peer.requests.length === 1);
    peer.it.cm.sendSidrRep(peer.requests[0] as CmId, { qpn: 0x55, qKey: 6 }, peer.it.now);
    peer.it.wake();
    await until(() => seen.length === 1);
    expect(seen[0]?.message).toMatchObject({ message: 'SIDR_REP', fields: { qpn: 0x55, qKey: 6 } });

    const listener = await cm.createId(noting(seen), undefined);
    const serviceId = await cm.listen(listener, { backlog: 1 });
    const answers: CmEvent['type'][] = [];
    const asking = peer.it.cm.createId((_, { type }) => void answers.push(type), undefined);
    const back = { localGid: path.remoteGid, remoteGid: path.localGid };
    peer.it.cm.sendSidrReq(asking, { path: back, serviceId }, peer.it.now);
    peer.it.wake();
    await until(() => types(seen).includes('sidr_req_received'));
    const question = await cm.getRequestEx(listener, () => undefined, undefined);
    await cm.sendSidrRep((question as NonNullable<typeof question>).id, { qpn: 0x66 });
    await until(() => answers.length === 1);
    expect(answers).toEqual(['sidr_rep_received']);
    peer.it.close();
  });

  test('proposes an alternate path, answers one, and moves to it', async () => {
    const peer = listeningPeer(made);
    const { cm } = made.client;
    const seen: ServiceCmEvent[] = [];
    const id = await cm.createId(noting(seen), undefined);
    await cm.sendReq(id, request(made));
    await until(() => peer.requests.length === 1);
    const [theirs] = peer.requests as [CmId];
    peer.it.cm.sendRep(theirs, { qpn: 0x654, startingPsn: 9, failoverAccepted: 0 }, peer.it.now);
    peer.it.wake();
    await until(() => seen.length === 1);
    await cm.sendRtu(id);
    await until(() => peer.events.includes('rtu_received'));
    await cm.sendLap(id, { path: { ...request(made).path, trafficClass: 8 } });
    await until(() => peer.events.includes('lap_received'));
    peer.it.cm.sendApr(theirs, {}, peer.it.now);
    peer.it.wake();
    await until(() => types(seen).includes('apr_received'));
    await cm.migrate(id);
    expect((await cm.getQpAttr(id, 'RTR')).path?.trafficClass).toBe(8);
    expect(await failure(cm.sendApr(id))).toMatchObject({ code: 'INVALID_STATE' });
    expect(await failure(cm.established(id))).toMatchObject({ code: 'INVALID_STATE' });
    peer.it.close();
  });

  test('R21: ends with its client, and peers hear of it', async () => {
    const peer = listeningPeer(made);
    const { cm } = made.client;
    const gone: unknown[] = [];
    const id = await cm.createId(
      () => undefined,
      'mine',
      (context) => gone.push(context),
    );
    await cm.sendReq(id, request(made));
    await until(() => peer.requests.length === 1);
    await made.client.close();
    await until(() => peer.events.includes('rej_received'));
    expect(gone).toEqual(['mine']);
    const error = await failure(cm.createId(() => undefined, 0));
    expect(error).toBeInstanceOf(ServiceError);
    expect(error.code).toBe('DISCONNECTED');
    peer.it.close();
  });
});
