import type { Cid, Duration } from '../../src/base/index.js';
import { STATES, type State, type TimingPolicy } from '../../src/cep/index.js';
import { detour, Pair, SERVICE, type Side } from './pair.js';

/** A CEP that has been brought into a state, and what its peer would know about it. */
export interface Reached {
  readonly pair: Pair;
  readonly side: Side;
  readonly cid: Cid;
  readonly state: State;
}

const TIMING: TimingPolicy = { responseTimeout: 5_000_000 as Duration, retries: 3, deadline: 12_000_000 as Duration };

function start(): Pair {
  const pair = new Pair();
  pair.listen();
  return pair;
}

function mra(pair: Pair, side: Side, cid: Cid): void {
  side.owner.sendMra(cid, {}, pair.now);
  pair.deliverAll();
  pair.other(side).events();
}

function requested(timing = TIMING): { pair: Pair; client: Cid; server: Cid } {
  const pair = start();
  return { pair, ...pair.requested({ timing }) };
}

function replied(): { pair: Pair; client: Cid; server: Cid } {
  const { pair, client, server } = requested();
  pair.server.owner.sendRep(server, { qpn: 0x200, startingPsn: 0, timing: TIMING }, pair.now);
  pair.deliverAll();
  pair.client.events();
  return { pair, client, server };
}

function established(): { pair: Pair; client: Cid; server: Cid } {
  const { pair, client, server } = replied();
  pair.client.owner.sendRtu(client, {}, pair.now);
  pair.deliverAll();
  pair.server.events();
  return { pair, client, server };
}

function disconnecting(from: 'client' | 'server'): { pair: Pair; client: Cid; server: Cid } {
  const all = established();
  all.pair[from].owner.sendDreq(all[from], {}, all.pair.now);
  all.pair.deliverAll();
  all.pair.other(all.pair[from]).events();
  return all;
}

/** The active side has proposed another path. */
function proposed(): { pair: Pair; client: Cid; server: Cid } {
  const all = established();
  all.pair.client.owner.sendLap(all.client, { path: detour(all.pair), timing: TIMING }, all.pair.now);
  all.pair.deliverAll();
  all.pair.server.events();
  return all;
}

/** A connection with an alternate path. */
function alternating(): { pair: Pair; client: Cid; server: Cid } {
  const all = proposed();
  all.pair.server.owner.sendApr(all.server, {}, all.pair.now);
  all.pair.deliverAll();
  all.pair.client.events();
  return all;
}

/** A peer-to-peer request to a peer that has not begun. */
function asking(): { pair: Pair; client: Cid } {
  const pair = new Pair();
  const cid = pair.client.owner.create();
  pair.client.owner.sendReq(cid, pair.request({ timing: TIMING, peerToPeer: true }), pair.now);
  pair.collect();
  pair.wire.splice(0);
  return { pair, client: cid };
}

/** Two peer-to-peer requests have crossed, and the client gives way. */
function crossed(): { pair: Pair; client: Cid; server: Cid } {
  const all = asking();
  const { pair } = all;
  const server = pair.server.owner.create();
  const path = { localGid: pair.server.gid, remoteGid: pair.client.gid };
  pair.server.owner.sendReq(server, pair.request({ path, qpn: 0x200, timing: TIMING, peerToPeer: true }), pair.now);
  pair.deliverAll();
  pair.client.events();
  return { ...all, server };
}

/** The client asks which queue pair serves. */
function resolving(): { pair: Pair; client: Cid; server: Cid } {
  const pair = start();
  const cid = pair.client.owner.create();
  const path = { localGid: pair.client.gid, remoteGid: pair.server.gid };
  pair.client.owner.sendSidrReq(cid, { path, serviceId: SERVICE, timing: TIMING }, pair.now);
  pair.deliverAll();
  return { pair, client: cid, server: pair.server.onlyEvent().cid };
}

type Way = () => Omit<Reached, 'side' | 'state'> & { readonly side: 'client' | 'server' };

const client = ({ pair, client: cid }: { pair: Pair; client: Cid }): ReturnType<Way> => ({ pair, side: 'client', cid });
const server = ({ pair, server: cid }: { pair: Pair; server: Cid }): ReturnType<Way> => ({ pair, side: 'server', cid });

/** Every way into a state that makes a difference. The first word is the state. */
const WAYS: Readonly<Record<string, Way>> = {
  IDLE: () => {
    const pair = start();
    return { pair, side: 'client', cid: pair.client.owner.create() };
  },
  'IDLE after a connection': () => {
    const all = replied();
    all.pair.client.owner.sendRej(all.client, { reason: 28 }, all.pair.now);
    all.pair.deliverAll();
    all.pair.server.events();
    return server(all);
  },
  LISTEN: () => {
    const pair = new Pair();
    return { pair, side: 'server', cid: pair.listen() };
  },
  REQ_SENT: () => client(requested()),
  REQ_MRA_RCVD: () => {
    const all = requested();
    mra(all.pair, all.pair.server, all.server);
    return client(all);
  },
  REQ_RCVD: () => server(requested()),
  REQ_MRA_SENT: () => {
    const all = requested();
    mra(all.pair, all.pair.server, all.server);
    return server(all);
  },
  REP_SENT: () => server(replied()),
  REP_MRA_RCVD: () => {
    const all = replied();
    mra(all.pair, all.pair.client, all.client);
    return server(all);
  },
  REP_RCVD: () => client(replied()),
  REP_MRA_SENT: () => {
    const all = replied();
    mra(all.pair, all.pair.client, all.client);
    return client(all);
  },
  'ESTABLISHED, active': () => client(established()),
  'ESTABLISHED, passive': () => server(established()),
  'DREQ_SENT, active': () => client(disconnecting('client')),
  'DREQ_SENT, passive': () => server(disconnecting('server')),
  'DREQ_RCVD, active': () => client(disconnecting('server')),
  'DREQ_RCVD, passive': () => server(disconnecting('client')),
  'DREQ_RCVD, crossing': () => {
    const all = established();
    for (const name of ['client', 'server'] as const) all.pair[name].owner.sendDreq(all[name], {}, all.pair.now);
    all.pair.deliverAll();
    for (const name of ['client', 'server'] as const) all.pair[name].events();
    return client(all);
  },
  'TIMEWAIT, active': () => {
    const all = disconnecting('client');
    all.pair.server.owner.sendDrep(all.server, {}, all.pair.now);
    all.pair.deliverAll();
    all.pair.client.events();
    return client(all);
  },
  'TIMEWAIT, passive': () => {
    const all = disconnecting('client');
    all.pair.server.owner.sendDrep(all.server, { privateData: Uint8Array.of(1) }, all.pair.now);
    all.pair.deliverAll();
    all.pair.client.events();
    return server(all);
  },
  'DREQ_SENT, unbound': () => {
    const all = established();
    all.pair.client.owner.destroy(all.client, all.pair.now);
    all.pair.loseAll();
    return client(all);
  },
  'TIMEWAIT, unbound': () => {
    const all = disconnecting('client');
    all.pair.server.owner.destroy(all.server, all.pair.now);
    all.pair.loseAll();
    return server(all);
  },
  REQ_PREPARED: () => {
    const pair = start();
    const cid = pair.client.owner.create();
    pair.client.owner.formatReq(cid, pair.request({ timing: TIMING }), pair.now);
    return { pair, side: 'client', cid };
  },
  'REQ_SENT, peer to peer': () => client(asking()),
  'REQ_MRA_RCVD, peer to peer': () => {
    const all = asking();
    const { localCommId } = all.pair.first('REQ').mad.fields;
    const mraOfReq = { localCommId: 0x7777, remoteCommId: localCommId, messageMraed: 0, serviceTimeout: 20 };
    all.pair.inject(all.pair.client, all.pair.forge('MRA', mraOfReq), all.pair.server.gid);
    all.pair.client.events();
    return client(all);
  },
  'REQ_RCVD, crossing': () => client(crossed()),
  'REP_SENT, crossing': () => {
    const all = crossed();
    all.pair.client.owner.sendRep(all.client, { qpn: 0x100, startingPsn: 0, timing: TIMING }, all.pair.now);
    all.pair.deliverAll();
    all.pair.server.events();
    return client(all);
  },
  REP_PREPARED: () => {
    const all = requested();
    all.pair.server.owner.formatRep(all.server, { qpn: 0x200, startingPsn: 0, timing: TIMING }, all.pair.now);
    return server(all);
  },
  REP_PREPARED_MRA_SENT: () => {
    const all = requested();
    mra(all.pair, all.pair.server, all.server);
    all.pair.server.owner.formatRep(all.server, { qpn: 0x200, startingPsn: 0, timing: TIMING }, all.pair.now);
    return server(all);
  },
  'ESTABLISHED, active, alternate path': () => client(alternating()),
  'ESTABLISHED, passive, alternate path': () => server(alternating()),
  LAP_SENT: () => client(proposed()),
  LAP_MRA_RCVD: () => {
    const all = proposed();
    mra(all.pair, all.pair.server, all.server);
    return client(all);
  },
  LAP_RCVD: () => server(proposed()),
  LAP_MRA_SENT: () => {
    const all = proposed();
    mra(all.pair, all.pair.server, all.server);
    return server(all);
  },
  APR_PREPARED: () => {
    const all = proposed();
    all.pair.server.owner.formatApr(all.server, {}, all.pair.now);
    return server(all);
  },
  APR_PREPARED_MRA_SENT: () => {
    const all = proposed();
    mra(all.pair, all.pair.server, all.server);
    all.pair.server.owner.formatApr(all.server, {}, all.pair.now);
    return server(all);
  },
  SIDR_REQ_SENT: () => client(resolving()),
  SIDR_REQ_RCVD: () => server(resolving()),
  'TIMEWAIT, refused as stale': () => {
    const all = requested();
    all.pair.server.owner.sendRej(all.server, { reason: 10 }, all.pair.now);
    all.pair.deliverAll();
    all.pair.client.events();
    return client(all);
  },
};

export const WAY_NAMES = Object.keys(WAYS);

export function reach(name: string): Reached {
  const way = WAYS[name];
  if (way === undefined) throw new Error(`no way ${name}`);
  const { pair, side, cid } = way();
  const state = STATES.find((each) => each === name.split(/[ ,]/)[0]);
  if (state === undefined) throw new Error(`${name} does not name a state`);
  if (!name.includes('unbound') && pair[side].owner.state(cid) !== state) {
    throw new Error(`${name} leads to ${pair[side].owner.state(cid)}`);
  }
  // What the manager lent to its driver last is given back, so that usage can be compared.
  for (const each of [pair.client, pair.server]) each.transmits();
  return { pair, side: pair[side], cid, state };
}

export interface Identity {
  /** Of the CEP; 0 if it has none, or it cannot be known. */
  readonly local: number;
  /** Of its peer; 0 as long as the CEP has not heard of one. */
  readonly remote: number;
  readonly localQpn: number;
  readonly remoteQpn: number;
  /** Whether it knows its peer. */
  readonly learnt: boolean;
  readonly isActive: boolean;
  readonly peerGuid: bigint;
}

/** Who the CEP is on the wire. Equal seeds make equal comm IDs, so a twin tells. */
export function identify(name: string): Identity {
  const { side, cid, pair } = reach(name);
  const inspector = side.manager.inspect();
  if (!inspector.find(cid)) {
    const slots = Array.from({ length: inspector.highestSlot }, (_, i) => i + 1);
    if (!slots.some((slot) => inspector.moveTo(slot) && !inspector.isBound)) throw new Error(`no CEP in ${name}`);
  }
  const { localCommId, remoteCommId, localQpn, remoteQpn, knowsRemoteId, isActive } = inspector;
  return {
    local: localCommId,
    remote: remoteCommId,
    localQpn,
    remoteQpn,
    learnt: knowsRemoteId,
    isActive,
    peerGuid: side === pair.client ? 0x2222n : 0x1111n,
  };
}
