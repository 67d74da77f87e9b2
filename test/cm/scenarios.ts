import type { EventType } from '../../src/cep/index.js';
import type { CmId } from '../../src/cm/index.js';
import { detour, SERVICE } from '../cep/pair.js';
import type { CmPair, CmSide } from './cm-pair.js';

/** Whom the event is about, which has not been told yet. */
export interface Scene {
  readonly side: CmSide;
  readonly id: CmId;
}

/** For each event, what leads to it: the next poll of the side tells it, and nothing else before it. */
export const SCENES: Readonly<Record<EventType, (pair: CmPair) => Scene>> = {
  req_received: (pair) => {
    const listener = pair.listen();
    pair.asked();
    return { side: pair.server, id: listener };
  },
  req_error: (pair) => {
    const id = pair.asking();
    pair.loseUntil(() => pair.client.cm.state(id) === 'IDLE');
    return { side: pair.client, id };
  },
  rep_received: (pair) => {
    const { client, server } = pair.requested(pair.listen());
    pair.server.cm.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.deliver();
    return { side: pair.client, id: client };
  },
  rep_error: (pair) => {
    const { server } = pair.requested(pair.listen());
    pair.server.told.length = 0;
    pair.server.cm.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.loseUntil(() => pair.server.cm.state(server) === 'TIMEWAIT');
    return { side: pair.server, id: server };
  },
  rtu_received: (pair) => {
    const { client, server } = pair.requested(pair.listen());
    pair.server.cm.sendRep(server, { qpn: 0x200, startingPsn: 1 }, pair.now);
    pair.run();
    pair.client.cm.sendRtu(client, {}, pair.now);
    pair.deliver();
    return { side: pair.server, id: server };
  },
  rej_received: (pair) => {
    const { client, server } = pair.requested(pair.listen());
    pair.server.cm.sendRej(server, { reason: 28 }, pair.now);
    pair.deliver();
    return { side: pair.client, id: client };
  },
  mra_received: (pair) => {
    const { client, server } = pair.requested(pair.listen());
    pair.server.cm.sendMra(server, {}, pair.now);
    pair.deliver();
    return { side: pair.client, id: client };
  },
  dreq_received: (pair) => {
    const { client, server } = pair.established(pair.listen());
    pair.client.cm.sendDreq(client, {}, pair.now);
    pair.deliver();
    return { side: pair.server, id: server };
  },
  drep_received: (pair) => {
    const { client, server } = pair.established(pair.listen());
    pair.client.cm.sendDreq(client, {}, pair.now);
    pair.run();
    pair.server.cm.sendDrep(server, {}, pair.now);
    pair.deliver();
    return { side: pair.client, id: client };
  },
  dreq_error: (pair) => {
    const { client } = pair.established(pair.listen());
    pair.client.cm.sendDreq(client, {}, pair.now);
    pair.loseUntil(() => pair.client.cm.state(client) === 'TIMEWAIT');
    return { side: pair.client, id: client };
  },
  lap_received: (pair) => {
    const { client, server } = pair.established(pair.listen());
    pair.client.cm.sendLap(client, { path: detour(pair.pair) }, pair.now);
    pair.deliver();
    return { side: pair.server, id: server };
  },
  apr_received: (pair) => {
    const { client, server } = pair.established(pair.listen());
    pair.client.cm.sendLap(client, { path: detour(pair.pair) }, pair.now);
    pair.run();
    pair.server.cm.sendApr(server, {}, pair.now);
    pair.deliver();
    return { side: pair.client, id: client };
  },
  lap_error: (pair) => {
    const { client } = pair.established(pair.listen());
    pair.client.cm.sendLap(client, { path: detour(pair.pair) }, pair.now);
    pair.loseUntil(() => pair.client.cm.state(client) === 'ESTABLISHED');
    return { side: pair.client, id: client };
  },
  sidr_req_received: (pair) => {
    const listener = pair.listen();
    lookUp(pair);
    return { side: pair.server, id: listener };
  },
  sidr_rep_received: (pair) => {
    const listener = pair.listen();
    const id = lookUp(pair);
    pair.server.cm.poll(pair.now);
    const question = pair.server.cm.getRequest(listener);
    if (question === undefined) throw new Error('no question');
    pair.server.cm.sendSidrRep(question.id, { qpn: 0x300 }, pair.now);
    pair.deliver();
    return { side: pair.client, id };
  },
  sidr_req_error: (pair) => {
    const id = askFor(pair);
    pair.loseUntil(() => pair.client.cm.state(id) === 'IDLE');
    return { side: pair.client, id };
  },
  timewait_exit: (pair) => {
    const { client, server } = pair.established(pair.listen());
    pair.client.cm.sendDreq(client, {}, pair.now);
    pair.run();
    pair.server.cm.sendDrep(server, {}, pair.now);
    pair.run();
    for (const { told } of pair.sides) told.length = 0;
    pair.loseUntil(() => pair.client.cm.state(client) === 'IDLE');
    return { side: pair.client, id: client };
  },
};

/** A question on its way. */
function askFor(pair: CmPair): CmId {
  const id = pair.client.create('question');
  pair.client.cm.sendSidrReq(id, { path: pair.request().path, serviceId: SERVICE }, pair.now);
  return id;
}

/** A question that has come; the server has not been told. */
export function lookUp(pair: CmPair): CmId {
  const id = askFor(pair);
  pair.deliver();
  return id;
}
