import { type Cid, elapsed, formatAddress, type Instant, inMilliseconds } from '../../base/index.js';
import type { CepInspector, State } from '../../cep/index.js';
import type { ServiceView } from './view.js';

/** Who owns a CEP. */
export interface OwnerInfo {
  readonly id: number;
  readonly name: string;
  readonly pid?: number | undefined;
}

/** A connection, a listener, a request or a look-up, as it is now. */
export interface ConnectionInfo {
  /** The CM's handle, as events and logs have it. */
  readonly cid: number;
  readonly state: State;
  readonly role: 'active' | 'passive' | 'listener' | 'idle';
  /** How long it has done what it does, in milliseconds; left out if it does nothing. */
  readonly ageMs?: number;
  /** Its owner destroyed it: it only ends what the protocol owes the peer. */
  readonly unbound: boolean;
  /** Empty if there is no path, as for a listener. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** 0 if there is none, or it is not known yet. */
  readonly localQpn: number;
  readonly remoteQpn: number;
  readonly localCommId: number;
  readonly remoteCommId: number;
  readonly serviceId: string;
  readonly retries: number;
  readonly owner?: OwnerInfo;
}

/** Lists what a manager holds, in pages: between two of them others have their turn. */
export class ConnectionList {
  readonly #inspector: CepInspector;
  readonly #service: Pick<ServiceView, 'ownerOf'>;
  readonly #now: () => Instant;

  constructor(inspector: CepInspector, service: Pick<ServiceView, 'ownerOf'>, now: () => Instant) {
    this.#inspector = inspector;
    this.#service = service;
    this.#now = now;
  }

  /** How many are in each state; states that none is in are left out. */
  countByState(): ReadonlyMap<State, number> {
    const counts = new Map<State, number>();
    const inspector = this.#inspector;
    const { highestSlot } = inspector;
    for (let slot = 1; slot <= highestSlot; slot += 1) {
      if (inspector.moveTo(slot)) counts.set(inspector.state, (counts.get(inspector.state) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * Looks at so many slots after one.
   * @returns what is there, and the slot to go on after; 0 when all were seen.
   */
  page(after: number, slots: number): { readonly connections: readonly ConnectionInfo[]; readonly next: number } {
    const inspector = this.#inspector;
    const last = Math.min(after + slots, inspector.highestSlot);
    const now = this.#now();
    const connections: ConnectionInfo[] = [];
    for (let slot = after + 1; slot <= last; slot += 1) {
      if (inspector.moveTo(slot)) connections.push(this.#describe(now));
    }
    return { connections, next: last < inspector.highestSlot ? last : 0 };
  }

  #describe(now: Instant): ConnectionInfo {
    const cep = this.#inspector;
    const { path, beganAt, cid, state } = cep;
    const owner = cep.isBound ? this.#ownerOf(cid) : undefined;
    return {
      cid,
      state,
      role: roleOf(cep),
      ...(beganAt !== undefined && { ageMs: Math.max(0, inMilliseconds(elapsed(beganAt, now))) }),
      unbound: !cep.isBound,
      localAddress: path === undefined ? '' : formatAddress(path.localGid),
      remoteAddress: path === undefined ? '' : formatAddress(path.remoteGid),
      localQpn: cep.localQpn,
      remoteQpn: cep.remoteQpn,
      localCommId: cep.localCommId,
      remoteCommId: cep.remoteCommId,
      serviceId: `0x${cep.serviceId.toString(16).padStart(16, '0')}`,
      retries: cep.retries,
      ...(owner && { owner }),
    };
  }

  #ownerOf(cid: Cid): OwnerInfo | undefined {
    const client = this.#service.ownerOf(cid);
    return client && { id: client.id, name: client.name, pid: client.pid };
  }
}

function roleOf({ state, isActive }: CepInspector): ConnectionInfo['role'] {
  if (state === 'IDLE') return 'idle';
  if (state === 'LISTEN') return 'listener';
  return isActive || state === 'SIDR_REQ_SENT' ? 'active' : 'passive';
}
