import { type CaGuid, type Cid, type Instant, parseGid, SeededRandom, type ServiceId } from 'ibcm/base';
import { ChannelAdapter, CM_PACKET_BYTES } from 'ibcm/ca';
import { type CepEvent, CepManager, type CepOwner, type PathAddress } from 'ibcm/cep';
import { MAD_BYTES } from 'ibcm/wire';
import { FIVE_COPIES, FIVE_PACKETS } from './floor.js';
import type { Case } from './main.js';

const SERVICE = 0x0106_1d2fn as ServiceId;
/** Longer than any timewait here. */
const REST = 2_000_000;

/** Two connection managers, and how what they send gets across. */
interface Link {
  readonly client: CepManager;
  readonly server: CepManager;
  /** Carries everything that waits to be sent, and what that leads to. @returns how many messages there were. */
  deliver(now: Instant): number;
}

const CLIENT_GID = parseGid('10.0.0.1');
const SERVER_GID = parseGid('10.0.0.2');
const options = (seed: number) => ({ caGuid: BigInt(seed) as CaGuid, random: new SeededRandom(seed) });

/** MADs, from one manager straight into the other. */
function linkOfManagers(): Link {
  const client = new CepManager(options(1));
  const server = new CepManager(options(2));
  const toClient: PathAddress = from(SERVER_GID, CLIENT_GID);
  const toServer: PathAddress = from(CLIENT_GID, SERVER_GID);
  const carry = (sender: CepManager, receiver: CepManager, path: PathAddress, now: Instant): number => {
    let count = 0;
    for (let mad = sender.pollTransmit(); mad !== undefined; mad = sender.pollTransmit()) {
      receiver.handleMad(mad.bytes, mad.at, MAD_BYTES, path, now);
      count += 1;
    }
    return count;
  };
  const deliver = (now: Instant) => carry(client, server, toServer, now) + carry(server, client, toClient, now);
  return { client, server, deliver };
}

/** The way back to a sender, as its receiver sees it. */
const from = (sender: Uint8Array, receiver: Uint8Array): PathAddress => ({
  port: 1,
  localGid: receiver,
  remoteGid: sender,
  trafficClass: 0,
  sourcePort: 0,
});

/** RoCEv2 packets, sealed by one adapter and verified by the other. */
function linkOfAdapters(): Link {
  const client = new ChannelAdapter({ ...options(1), ports: [{ gid: CLIENT_GID }] });
  const server = new ChannelAdapter({ ...options(2), ports: [{ gid: SERVER_GID }] });
  const packet = new Uint8Array(CM_PACKET_BYTES);
  const carry = (sender: ChannelAdapter, receiver: ChannelAdapter, remoteGid: Uint8Array, now: Instant): number => {
    let count = 0;
    for (let sent = sender.pollTransmit(packet, 0); sent !== undefined; sent = sender.pollTransmit(packet, 0)) {
      receiver.handleDatagram(packet, 0, sent.length, { port: 1, remoteGid, sourcePort: sent.sourcePort }, now);
      count += 1;
    }
    return count;
  };
  const deliver = (now: Instant) => carry(client, server, CLIENT_GID, now) + carry(server, client, SERVER_GID, now);
  return { client: client.cep, server: server.cep, deliver };
}

/** One connection after the other: connected, disconnected, both handles destroyed, timewait over. */
function cycles(link: Link): (times: number) => void {
  const client = link.client.openOwner();
  const server = link.server.openOwner();
  const path = { localGid: CLIENT_GID, remoteGid: SERVER_GID };
  let now = 0 as Instant;
  server.listen(server.create(), { serviceId: SERVICE, backlog: 16 }, now);

  const cycle = (): void => {
    const ours = client.create();
    client.sendReq(ours, { path, serviceId: SERVICE, qpn: 0x100, startingPsn: 1 }, now);
    let messages = link.deliver(now);
    const theirs = next(server, 'req_received');
    server.sendRep(theirs, { qpn: 0x200, startingPsn: 2 }, now);
    messages += link.deliver(now);
    next(client, 'rep_received');
    client.sendRtu(ours, {}, now);
    messages += link.deliver(now);
    next(server, 'rtu_received');
    client.sendDreq(ours, {}, now);
    messages += link.deliver(now);
    next(server, 'dreq_received');
    server.sendDrep(theirs, {}, now);
    messages += link.deliver(now);
    next(client, 'drep_received');
    client.destroy(ours, now);
    server.destroy(theirs, now);
    now = (now + REST) as Instant;
    link.client.handleTimeout(now);
    link.server.handleTimeout(now);
    if (messages !== 5) throw new Error(`a cycle takes 5 messages, not ${messages}`);
  };
  return (times) => {
    for (let i = 0; i < times; i += 1) cycle();
    const left = [link.client.usage().ceps, link.server.usage().ceps];
    if (left[0] !== 0 || left[1] !== 1)
      throw new Error(`only the listener may be left, not ${left.join(' and ')} CEPs`);
  };
}

/** The CEP of the next event, which must be of this type. */
function next(owner: CepOwner, type: CepEvent['type']): Cid {
  const event = owner.pollEvent();
  if (event?.type !== type) throw new Error(`${type} expected, not ${event?.type}`);
  return event.cid;
}

export const CYCLE: readonly Case[] = [
  {
    name: 'connect and disconnect, CEP managers',
    unit: 'µs',
    reference: FIVE_COPIES,
    run: cycles(linkOfManagers()),
  },
  {
    name: 'connect and disconnect, channel adapters',
    unit: 'µs',
    reference: FIVE_PACKETS,
    run: cycles(linkOfAdapters()),
  },
];
