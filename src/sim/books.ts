import type { CepInspector } from '../cep/index.js';
import { AWAITS, TIMED } from './timed-states.js';

/** Queue pair numbers in the simulation are small: a table of how many hold which finds two holders. */
export const QPN_RANGE = 2048;

const TIMER = 0x01;
const DEADLINE = 0x02;
const REMOTE_ID = 0x04;
const REMOTE_QPN = 0x08;
const LOCAL_QPN = 0x10;
const EXISTS = 0x20;

/**
 * What an adapter's CEPs add up to, kept from step to step: a step touches a few CEPs, and only what has changed is read
 * again. It says whether anything is wrong, not what: that takes a look at all of them.
 */
export class Books {
  readonly #inspector: CepInspector;
  readonly #listeners: number;
  /** What each CEP adds to the sums, by slot. */
  readonly #parts: Uint8Array;
  readonly #events: Uint8Array;
  readonly #qpnKeys: Uint16Array;
  /** CEPs that hold a (port, QPN). */
  readonly #holders: Uint8Array;
  #shared = 0;
  #ceps = 0;
  #timers = 0;
  #localQpns = 0;
  #remoteIds = 0;
  #remoteQpns = 0;
  #unread = 0;

  /** @param listeners how many CEPs listen, in the first slots, until their owners close. */
  constructor(inspector: CepInspector, maxCeps: number, listeners: number, ports: number) {
    this.#inspector = inspector;
    this.#listeners = listeners;
    this.#parts = new Uint8Array(maxCeps + 1);
    this.#events = new Uint8Array(maxCeps + 1);
    this.#qpnKeys = new Uint16Array(maxCeps + 1);
    this.#holders = new Uint8Array(QPN_RANGE * (ports + 1));
  }

  /**
   * Reads what has changed. @returns whether every CEP that has is sound, and the manager's sums are those of its CEPs. Of
   * listeners nothing that is looked at here ever changes but that they come and go, which the sums show.
   */
  balance(): boolean {
    return this.#read(this.#listeners) && (this.#isBalanced() || (this.#read(0) && this.#isBalanced()));
  }

  /** @returns whether every CEP above a slot that has changed is sound. */
  #read(after: number): boolean {
    const inspector = this.#inspector;
    let sound = true;
    for (let slot = inspector.nextChanged(after); slot !== 0; slot = inspector.nextChanged(slot)) {
      this.#leave(slot);
      if (inspector.exists && !this.#enter(slot)) sound = false;
    }
    return sound;
  }

  #isBalanced(): boolean {
    const inspector = this.#inspector;
    return (
      this.#shared === 0 &&
      inspector.timers === this.#timers &&
      inspector.ceps === this.#ceps &&
      inspector.localQpns === this.#localQpns &&
      inspector.remoteIds === this.#remoteIds &&
      inspector.remoteQpns === this.#remoteQpns &&
      inspector.events === this.#unread
    );
  }

  /** Takes out what a CEP added when it was last read. */
  #leave(slot: number): void {
    const parts = this.#parts[slot] as number;
    if (parts === 0) return;
    this.#add(parts, -1);
    this.#unread -= this.#events[slot] as number;
    if (parts & LOCAL_QPN) {
      const key = this.#qpnKeys[slot] as number;
      const holders = (this.#holders[key] as number) - 1;
      this.#holders[key] = holders;
      if (holders === 1) this.#shared -= 1;
    }
    this.#parts[slot] = 0;
  }

  /** Adds what the CEP at the inspector adds now. @returns whether it is sound. */
  #enter(slot: number): boolean {
    const inspector = this.#inspector;
    const { stateNumber, hasTimer, hasDeadline, unreadEvents } = inspector;
    let parts = EXISTS;
    if (hasTimer) parts |= TIMER;
    if (hasDeadline) parts |= DEADLINE;
    if (inspector.knowsRemoteId) parts |= REMOTE_ID;
    if (inspector.holdsRemoteQpn) parts |= REMOTE_QPN;
    if (inspector.holdsLocalQpn) {
      parts |= LOCAL_QPN;
      const key = inspector.port * QPN_RANGE + (inspector.localQpn % QPN_RANGE);
      const holders = (this.#holders[key] as number) + 1;
      this.#holders[key] = holders;
      if (holders === 2) this.#shared += 1;
      this.#qpnKeys[slot] = key;
    }
    this.#add(parts, 1);
    this.#unread += unreadEvents;
    this.#events[slot] = unreadEvents;
    this.#parts[slot] = parts;
    return (
      hasTimer === TIMED[stateNumber] &&
      (!hasDeadline || AWAITS[stateNumber] === true) &&
      (unreadEvents === 0 || inspector.queuedEvents === unreadEvents) &&
      inspector.isBound === (inspector.owner !== 0)
    );
  }

  #add(parts: number, sign: 1 | -1): void {
    this.#ceps += sign;
    if (parts & TIMER) this.#timers += sign;
    if (parts & DEADLINE) this.#timers += sign;
    if (parts & REMOTE_ID) this.#remoteIds += sign;
    if (parts & REMOTE_QPN) this.#remoteQpns += sign;
    if (parts & LOCAL_QPN) this.#localQpns += sign;
  }
}
