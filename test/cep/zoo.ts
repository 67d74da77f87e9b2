import type { CaGuid, Cid, Instant, SeededRandom } from '../../src/base/index.js';
import { CepManager, type CepOwner, type CmPath, type PathAddress, STATES, type State } from '../../src/cep/index.js';
import type { CmMadInit, MessageName } from '../../src/wire/index.js';
import { madBytes, SERVICE } from './pair.js';

/** A manager with a CEP in every state, each with a peer of its own that exists only as forged messages. */

export const ZOO_LIMITS = { maxCeps: 200, maxMads: 300, maxTransmits: 50 };

/** A CEP, and what its peer knows about the connection. */
export interface Animal {
  readonly cid: Cid;
  readonly state: State;
  readonly from: PathAddress;
  readonly guid: bigint;
  /** The comm ID, or request ID, of the peer, and its queue pair. */
  readonly peersId: number;
  readonly peersQpn: number;
  ownId: number;
  readonly ownQpn: number;
}

const PASSIVE: readonly State[] = [
  'REQ_RCVD',
  'REQ_MRA_SENT',
  'REP_PREPARED',
  'REP_PREPARED_MRA_SENT',
  'REP_SENT',
  'REP_MRA_RCVD',
  'LAP_RCVD',
  'LAP_MRA_SENT',
  'APR_PREPARED',
  'APR_PREPARED_MRA_SENT',
  'DREQ_RCVD',
];

const gidOf = (number: number): Uint8Array => Uint8Array.of(0xfd, ...new Uint8Array(13), number >> 8, number & 0xff);

export class Zoo {
  readonly manager: CepManager;
  readonly gid = gidOf(0);
  readonly animals: Animal[] = [];
  owner: CepOwner;
  now: Instant;
  #count = 0;

  constructor(random: SeededRandom, now = 0 as Instant) {
    this.manager = new CepManager({ caGuid: 5n as CaGuid, random, limits: ZOO_LIMITS });
    this.owner = this.manager.openOwner();
    this.now = now;
  }

  /** Fills the manager: two CEPs in every state, made as different as can be. */
  fill(): void {
    this.owner.listen(this.owner.create(), { serviceId: SERVICE, backlog: 40 }, this.now);
    for (const state of STATES) for (const variant of [0, 1]) this.animals.push(this.#make(state, variant));
  }

  /** Destroys everything and lets all time pass. @returns what is left over, which is nothing. */
  empty(): Record<string, number> {
    this.owner.close(this.now);
    this.animals.length = 0;
    this.drain();
    for (let next = this.manager.nextTimeout(); next !== Number.POSITIVE_INFINITY; next = this.manager.nextTimeout()) {
      this.now = Math.max(this.now, next) as Instant;
      this.manager.handleTimeout(this.now);
      this.drain();
    }
    const left = Object.fromEntries(Object.entries(this.manager.usage()).filter(([, count]) => count !== 0));
    this.owner = this.manager.openOwner();
    return left;
  }

  /** Takes all messages that are to be sent. @returns how many. */
  drain(): number {
    let count = 0;
    while (this.manager.pollTransmit() !== undefined) count += 1;
    return count;
  }

  /** The message that an animal's peer would send it. */
  message({ from, guid, peersId, peersQpn, ownId, ownQpn }: Animal, message: MessageName): Uint8Array {
    const ids = { localCommId: peersId, remoteCommId: ownId };
    const primaryPath = { localGid: from.remoteGid, remoteGid: this.gid, localAckTimeout: 17 };
    const alternatePath = { localLid: 1, localGid: gidOf(0x100), remoteGid: gidOf(0x101), localAckTimeout: 16 };
    const known = { serviceId: SERVICE, localCaGuid: guid, localQpn: peersQpn };
    const times = { localCmResponseTimeout: 18, maxCmRetries: 3 };
    const fields: Record<MessageName, () => object> = {
      REQ: () => ({ localCommId: peersId, ...known, primaryPath, alternatePath, ...times }),
      MRA: () => ({ ...ids, serviceTimeout: 18 }),
      REJ: () => ({ ...ids, reason: 28, messageRejected: 2 }),
      REP: () => ({ ...ids, localCaGuid: guid, localQpn: peersQpn, targetAckDelay: 10 }),
      RTU: () => ids,
      DREQ: () => ({ ...ids, remoteQpnEecn: ownQpn }),
      DREP: () => ids,
      SIDR_REQ: () => ({ requestId: peersId, serviceId: SERVICE }),
      SIDR_REP: () => ({ requestId: ownId, serviceId: SERVICE }),
      LAP: () => ({ ...ids, remoteQpnEecn: ownQpn, alternatePath: { localGid: gidOf(0x102), remoteGid: this.gid } }),
      APR: () => ids,
    };
    return madBytes({ message, fields: fields[message]() } as CmMadInit);
  }

  #make(state: State, variant: number): Animal {
    this.#count += 1;
    const number = 1 + (this.#count % 0xff);
    const from = { port: 1, localGid: this.gid, remoteGid: gidOf(number), trafficClass: 0, sourcePort: 0 };
    const base = { state, from, guid: BigInt(number % 7), peersId: 1_000 + this.#count, peersQpn: 10 + number };
    const isPassive = PASSIVE.includes(state) || (/^(ESTABLISHED|DREQ_SENT|TIMEWAIT)$/.test(state) && variant === 1);
    const isAsked = isPassive || state === 'SIDR_REQ_RCVD';
    const animal: Animal = { ...base, cid: 0 as Cid, ownId: 0, ownQpn: 100 + this.#count };
    const cid = isAsked ? this.#asked(animal) : this.owner.create();
    const made: Animal = { ...animal, cid };
    if (isPassive) this.#leadPassive(made, variant);
    else if (state !== 'SIDR_REQ_RCVD') this.#leadActive(made, variant);
    this.#know(made);
    if (this.owner.state(cid) !== state) throw new Error(`${state} expected, not ${this.owner.state(cid)}`);
    return made;
  }

  /** A CEP that a request has made. */
  #asked(animal: Animal): Cid {
    while (this.owner.pollEvent() !== undefined);
    this.#receive(animal, animal.state === 'SIDR_REQ_RCVD' ? 'SIDR_REQ' : 'REQ');
    const event = this.owner.pollEvent();
    if (event === undefined) throw new Error(`no request for ${animal.state}`);
    return event.cid;
  }

  #know(animal: Animal): void {
    const inspector = this.manager.inspect();
    if (inspector.find(animal.cid)) animal.ownId = inspector.localCommId;
  }

  #receive(animal: Animal, message: MessageName, fields?: (bytes: Uint8Array) => void): void {
    const bytes = this.message(animal, message);
    fields?.(bytes);
    this.manager.handleMad(bytes, 0, bytes.length, animal.from, this.now);
  }

  /** MRA: the message that it is about, in the two highest bits of byte 8. */
  #receiveMra(animal: Animal, messageMraed: number): void {
    this.#receive(animal, 'MRA', (bytes) => {
      bytes[24 + 8] = messageMraed << 6;
    });
  }

  #leadPassive(animal: Animal, variant: number): void {
    const { owner, now } = this;
    const { cid, state } = animal;
    this.#know(animal);
    const reply = { qpn: animal.ownQpn, startingPsn: 1, failoverAccepted: variant };
    const isThere = (): boolean => owner.state(cid) === state;
    if (/^(REQ_MRA_SENT|REP_PREPARED_MRA_SENT)$/.test(state)) owner.sendMra(cid, {}, now);
    if (isThere()) return;
    if (state.startsWith('REP_PREPARED')) {
      owner.formatRep(cid, reply, now);
      return;
    }
    owner.sendRep(cid, reply, now);
    if (state === 'REP_MRA_RCVD') this.#receiveMra(animal, 1);
    if (isThere()) return;
    this.#receive(animal, 'RTU');
    if (/LAP|APR/.test(state)) this.#receive(animal, 'LAP');
    if (/^(LAP_MRA|APR_PREPARED_MRA)/.test(state)) owner.sendMra(cid, {}, now);
    if (state.startsWith('APR')) owner.formatApr(cid, { status: variant }, now);
    if (state === 'DREQ_RCVD') this.#receive(animal, 'DREQ');
    this.#end(animal);
  }

  #leadActive(animal: Animal, variant: number): void {
    const { owner, now } = this;
    const { cid, state, from, ownQpn } = animal;
    const path: CmPath = { localGid: from.localGid, remoteGid: from.remoteGid };
    const detour: CmPath = { localGid: gidOf(0x101), remoteGid: gidOf(0x100) };
    const isThere = (): boolean => owner.state(cid) === state;
    if (state === 'LISTEN') owner.listen(cid, { backlog: variant }, now);
    if (state === 'SIDR_REQ_SENT') owner.sendSidrReq(cid, { path, serviceId: SERVICE }, now);
    if (isThere()) return;
    const peerToPeer = variant === 1;
    const alternate = peerToPeer ? { alternatePath: detour } : {};
    owner.formatReq(cid, { path, ...alternate, serviceId: SERVICE, qpn: ownQpn, startingPsn: 0, peerToPeer }, now);
    if (isThere()) return;
    owner.sendFormatted(cid, now);
    this.#know(animal);
    if (state === 'REQ_MRA_RCVD') this.#receiveMra(animal, 0);
    if (isThere()) return;
    this.#receive(animal, 'REP');
    if (state === 'REP_MRA_SENT') owner.sendMra(cid, {}, now);
    if (isThere()) return;
    owner.sendRtu(cid, {}, now);
    if (state.startsWith('LAP')) owner.sendLap(cid, { path: detour }, now);
    if (state === 'LAP_MRA_RCVD') this.#receiveMra(animal, 2);
    this.#end(animal);
  }

  #end(animal: Animal): void {
    const { cid, state } = animal;
    if (state === 'DREQ_SENT' || state === 'TIMEWAIT') this.owner.sendDreq(cid, {}, this.now);
    if (state === 'TIMEWAIT') this.#receive(animal, 'DREP');
  }
}
