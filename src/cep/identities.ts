import { type Random, randomBits } from '../base/index.js';
import type { CepStore } from './cep-store.js';
import type { PathAddress, PathTable } from './path-table.js';
import { type Cep, type CepCursor, FLAGS } from './record.js';
import { mix, SlotIndex } from './slot-index.js';
import { STATE } from './states.js';

/** Who is connected with whom: finds CEPs by their own queue pair, and by what their peers call themselves. */
export class Identities {
  /** CEPs by (port, local QPN): one QPN is in one connection (R3). */
  readonly localQpns: SlotIndex;
  /** CEPs by the peer's (comm ID, CA GUID): finds duplicates of a REQ; and by (request ID, 0) those of a SIDR_REQ. */
  readonly remoteIds: SlotIndex;
  /** CEPs by the peer's (QPN, CA GUID): finds stale connections. */
  readonly remoteQpns: SlotIndex;
  readonly #paths: PathTable;
  readonly #probe: CepCursor;
  readonly #seed: number;

  constructor(store: CepStore, paths: PathTable, maxCeps: number, random: Random) {
    this.#paths = paths;
    this.#probe = store.cursor();
    this.#seed = randomBits(random, 32);
    this.localQpns = new SlotIndex(maxCeps, (slot) => {
      const cep = this.#probe.moveTo(slot);
      return this.#hashLocalQpn(paths.get(cep.path).port, cep.localQpn);
    });
    this.remoteIds = new SlotIndex(maxCeps, (slot) => {
      const cep = this.#probe.moveTo(slot);
      return this.#hashRemote(cep.remoteCommId, cep.remoteGuidHigh, cep.remoteGuidLow);
    });
    this.remoteQpns = new SlotIndex(maxCeps, (slot) => {
      const cep = this.#probe.moveTo(slot);
      return this.#hashRemote(cep.remoteQpn, cep.remoteGuidHigh, cep.remoteGuidLow);
    });
  }

  /** Whether something came from the CEP's peer, along either of its paths: one end may have migrated, and the other not yet. */
  isFromPeer(cep: Cep, from: PathAddress): boolean {
    return (
      this.#paths.isFrom(cep.path, from) || (cep.alternatePath !== 0 && this.#paths.isFrom(cep.alternatePath, from))
    );
  }

  /** Whether another CEP of the port uses the QPN. */
  isQpnInUse(port: number, qpn: number): boolean {
    const index = this.localQpns;
    const hash = this.#hashLocalQpn(port, qpn);
    for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
      const cep = this.#probe.moveTo(index.at(place));
      if (cep.localQpn === qpn && this.#paths.get(cep.path).port === port) return true;
    }
    return false;
  }

  /** Reserves our QPN for this CEP. The caller has checked {@link isQpnInUse}, and the CEP's path is set. */
  holdLocalQpn(cep: Cep, qpn: number): void {
    cep.localQpn = qpn;
    cep.flags |= FLAGS.localQpnHeld;
    this.localQpns.insert(cep.slot);
  }

  releaseLocalQpn(cep: Cep): void {
    if ((cep.flags & FLAGS.localQpnHeld) === 0) return;
    this.localQpns.remove(cep.slot);
    cep.flags &= ~FLAGS.localQpnHeld;
  }

  /** The CEP that talks to the peer's (comm ID, GUID) at `from`, or 0. */
  findRemoteId(commId: number, guidHigh: number, guidLow: number, from: PathAddress): number {
    const index = this.remoteIds;
    const hash = this.#hashRemote(commId, guidHigh, guidLow);
    for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
      const slot = index.at(place);
      const cep = this.#probe.moveTo(slot);
      const same = cep.remoteCommId === commId && cep.remoteGuidHigh === guidHigh && cep.remoteGuidLow === guidLow;
      // A request ID is no comm ID, even if the peer's GUID is 0.
      if (same && cep.state !== STATE.SIDR_REQ_RCVD && this.isFromPeer(cep, from)) return slot;
    }
    return 0;
  }

  /** The CEP that is answering a SIDR request, or 0. */
  findRequester(requestId: number, from: PathAddress): number {
    const index = this.remoteIds;
    const hash = this.#hashRemote(requestId, 0, 0);
    for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
      const slot = index.at(place);
      const cep = this.#probe.moveTo(slot);
      const same = cep.state === STATE.SIDR_REQ_RCVD && cep.remoteCommId === requestId;
      if (same && this.isFromPeer(cep, from)) return slot;
    }
    return 0;
  }

  /** The CEP, timewait excluded, that is connected with the peer's (QPN, GUID) at `from`, or 0. */
  findRemoteQpn(qpn: number, guidHigh: number, guidLow: number, from: PathAddress): number {
    const index = this.remoteQpns;
    const hash = this.#hashRemote(qpn, guidHigh, guidLow);
    for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
      const slot = index.at(place);
      const cep = this.#probe.moveTo(slot);
      const same = cep.remoteQpn === qpn && cep.remoteGuidHigh === guidHigh && cep.remoteGuidLow === guidLow;
      if (same && this.isFromPeer(cep, from)) return slot;
    }
    return 0;
  }

  /** Notes who the peer is, so that its duplicates and its later connections are recognised. */
  learnRemote(cep: Cep, commId: number, guidHigh: number, guidLow: number, qpn: number): void {
    cep.remoteCommId = commId;
    cep.remoteGuidHigh = guidHigh;
    cep.remoteGuidLow = guidLow;
    cep.remoteQpn = qpn;
    cep.flags |= FLAGS.remoteIdKnown | FLAGS.remoteQpnHeld;
    this.remoteIds.insert(cep.slot);
    this.remoteQpns.insert(cep.slot);
  }

  /** Notes who asks for a service ID's resolution: it has a request ID, and no GUID or QPN. */
  learnRequester(cep: Cep, requestId: number): void {
    cep.remoteCommId = requestId;
    cep.flags |= FLAGS.remoteIdKnown;
    this.remoteIds.insert(cep.slot);
  }

  forgetRemoteQpn(cep: Cep): void {
    if ((cep.flags & FLAGS.remoteQpnHeld) === 0) return;
    this.remoteQpns.remove(cep.slot);
    cep.flags &= ~FLAGS.remoteQpnHeld;
  }

  /** Nothing of the connection is known any more. */
  forget(cep: Cep): void {
    this.forgetRemoteQpn(cep);
    this.releaseLocalQpn(cep);
    if (cep.flags & FLAGS.remoteIdKnown) this.remoteIds.remove(cep.slot);
    cep.flags &= ~FLAGS.remoteIdKnown;
    cep.remoteCommId = 0;
    cep.remoteGuidHigh = 0;
    cep.remoteGuidLow = 0;
    cep.remoteQpn = 0;
    cep.localQpn = 0;
  }

  #hashLocalQpn(port: number, qpn: number): number {
    return mix(mix(this.#seed, port), qpn);
  }

  #hashRemote(number: number, guidHigh: number, guidLow: number): number {
    return mix(mix(mix(this.#seed, number), guidHigh), guidLow);
  }
}
