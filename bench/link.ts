import { type CaGuid, type Cid, type Instant, milliseconds, parseGid, SeededRandom, type ServiceId } from 'ibcm/base';
import { ChannelAdapter, CM_PACKET_BYTES } from 'ibcm/ca';
import { type CepEvent, type CepLimits, CepManager, type CepOwner, type PathAddress } from 'ibcm/cep';
import { MAD_BYTES } from 'ibcm/wire';

export const SERVICE = 0x0106_1d2fn as ServiceId;
const NOBODYS_SERVICE = 0x0106_0001n as ServiceId;
/** Given up after one more try. */
const IN_VAIN = { responseTimeout: milliseconds(1), retries: 1 };
const TICK_MICROSECONDS = 256;
/** Longer than any timewait here. */
export const REST = 2_000_000;

/** Two connection managers, and how what they send gets across. */
export interface Link {
  readonly client: CepManager;
  readonly server: CepManager;
  /** Carries everything that waits to be sent, and what that leads to. @returns how many messages there were. */
  deliver(now: Instant): number;
}

export const CLIENT_GID = parseGid('10.0.0.1');
export const SERVER_GID = parseGid('10.0.0.2');
const options = (seed: number) => ({ caGuid: BigInt(seed) as CaGuid, random: new SeededRandom(seed) });

/** Sees a message on its way to the server. */
export type Watch = (bytes: Uint8Array, at: number) => void;

/** Where the client's messages come from, as the server sees it. */
export const SERVERS_VIEW: PathAddress = from(CLIENT_GID, SERVER_GID);

/** MADs, from one manager straight into the other. */
export function linkOfManagers(limits: Partial<CepLimits> = {}, watch?: Watch): Link {
  const client = new CepManager({ ...options(1), limits });
  const server = new CepManager({ ...options(2), limits });
  const toClient: PathAddress = from(SERVER_GID, CLIENT_GID);
  const toServer: PathAddress = SERVERS_VIEW;
  const carry = (sender: CepManager, receiver: CepManager, path: PathAddress, now: Instant): number => {
    let count = 0;
    for (let transmit = sender.pollTransmit(); transmit !== undefined; transmit = sender.pollTransmit()) {
      if (receiver === server) watch?.(transmit.mad, 0);
      receiver.handleMad(transmit.mad, 0, MAD_BYTES, path, now);
      count += 1;
    }
    return count;
  };
  const deliver = (now: Instant) => carry(client, server, toServer, now) + carry(server, client, toClient, now);
  return { client, server, deliver };
}

/** The way back to a sender, as its receiver sees it. */
function from(sender: Uint8Array, receiver: Uint8Array): PathAddress {
  return { port: 1, localGid: receiver, remoteGid: sender, trafficClass: 0, sourcePort: 0 };
}

/** RoCEv2 packets, sealed by one adapter and verified by the other. */
export function linkOfAdapters(): Link {
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

/** The consumers at both ends of a link: they connect and disconnect, and read every event. */
export class Consumers {
  /** Messages that went across. */
  messages = 0;
  readonly #link: Link;
  readonly #client: CepOwner;
  readonly #server: CepOwner;
  readonly #path = { localGid: CLIENT_GID, remoteGid: SERVER_GID };
  #now = 0 as Instant;

  constructor(link: Link) {
    this.#link = link;
    this.#client = link.client.openOwner();
    this.#server = link.server.openOwner();
    this.#server.listen(this.#server.create(), { serviceId: SERVICE, backlog: 16 }, this.#now);
  }

  /** Makes a connection between queue pairs of this number. @returns the CID at the client; that at the server is in {@link accepted}. */
  connect(qpn: number): Cid {
    const cid = this.#client.create();
    this.#client.sendReq(cid, { path: this.#path, serviceId: SERVICE, qpn, startingPsn: 1 }, this.#now);
    this.#deliver();
    this.accepted = next(this.#server, 'req_received');
    this.#server.sendRep(this.accepted, { qpn, startingPsn: 2 }, this.#now);
    this.#deliver();
    next(this.#client, 'rep_received');
    this.#client.sendRtu(cid, {}, this.#now);
    this.#deliver();
    next(this.#server, 'rtu_received');
    return cid;
  }

  /** What {@link connect} has connected with last. */
  accepted = 0 as Cid;

  /** Ends a connection: disconnected by the client, both handles destroyed, timewait over. */
  disconnect(client: Cid, server: Cid): void {
    this.leave(client, server);
    this.rest(REST);
  }

  /** Disconnects and destroys both handles; both CEPs are in timewait then. */
  leave(client: Cid, server: Cid): void {
    this.#client.sendDreq(client, {}, this.#now);
    this.#deliver();
    next(this.#server, 'dreq_received');
    this.#server.sendDrep(server, {}, this.#now);
    this.#deliver();
    next(this.#client, 'drep_received');
    this.#client.destroy(client, this.#now);
    this.#server.destroy(server, this.#now);
  }

  /** Asks for a connection that nobody answers, once and again, until the CM gives up. */
  askInVain(qpn: number): void {
    const cid = this.#client.create();
    this.#client.sendReq(
      cid,
      { path: this.#path, serviceId: SERVICE, qpn, startingPsn: 1, timing: IN_VAIN },
      this.#now,
    );
    for (let left = 1 + IN_VAIN.retries; left > 0; left -= 1) {
      this.#link.client.pollTransmit();
      this.#link.client.pollTransmit();
      this.rest(IN_VAIN.responseTimeout + TICK_MICROSECONDS);
    }
    next(this.#client, 'req_error');
    this.#client.destroy(cid, this.#now);
  }

  /** Asks for a connection that is refused. */
  askRefused(qpn: number): void {
    const cid = this.#client.create();
    this.#client.sendReq(cid, { path: this.#path, serviceId: NOBODYS_SERVICE, qpn, startingPsn: 1 }, this.#now);
    this.#deliver();
    next(this.#client, 'rej_received');
    this.#client.destroy(cid, this.#now);
  }

  /** Time passes, in microseconds: whatever waits for it happens. */
  rest(microseconds: number): void {
    this.wait(microseconds);
    this.#link.client.handleTimeout(this.#now);
    this.#link.server.handleTimeout(this.#now);
  }

  get now(): Instant {
    return this.#now;
  }

  /** Lets a moment pass: nobody may send too many requests a second. */
  wait(microseconds: number): void {
    this.#now = (this.#now + microseconds) as Instant;
  }

  #deliver(): void {
    this.messages += this.#link.deliver(this.#now);
  }
}

/** The CEP of the next event, which must be of this type. */
function next(owner: CepOwner, type: CepEvent['type']): Cid {
  const event = owner.pollEvent();
  if (event?.type !== type) throw new Error(`${type} expected, not ${event?.type}`);
  return event.cid;
}
