import type { Cid, Instant } from '../base/index.js';
import type { CepCore } from './core.js';
import { imageOf, type NameBytes } from './image.js';
import type { PathAddress } from './path-table.js';
import { beginningOf, type Cep, type CepCursor, FLAGS } from './record.js';
import { STATE, STATES, type State } from './states.js';

/** Words that {@link CepInspector.nextChanged} notes of a CEP. */
const SEEN_WORDS = 4;
const NOTHING_SEEN = new Int32Array(0);

/**
 * Reads what the manager holds, CEP by CEP, and changes nothing: for simulators and tests that check invariants after
 * every step, so it allocates nothing. Slots are numbered from 1; {@link moveTo} says whether one holds a CEP, and the
 * getters tell about that one until the next move.
 */
export class CepInspector {
  readonly #core: CepCore;
  readonly #cep: CepCursor;
  /** The same, as the record that it stands on. */
  readonly #row: Cep;
  /** What the CEPs were like when {@link nextChanged} last met them; {@link SEEN_WORDS} a slot. */
  #seen = NOTHING_SEEN;

  constructor(core: CepCore) {
    this.#core = core;
    this.#cep = core.store.cursor();
    this.#row = this.#cep as unknown as Cep;
  }

  /** Slots from 1 up to this one may hold a CEP. */
  get highestSlot(): number {
    return this.#core.store.highestSlot;
  }

  /** CEPs that exist. */
  get ceps(): number {
    return this.#core.store.size;
  }

  /** Timers that are armed: waits, timewaits and deadlines. */
  get timers(): number {
    return this.#core.timers.armed;
  }

  /** Queue pairs that are reserved for connections. */
  get localQpns(): number {
    return this.#core.identities.localQpns.size;
  }

  /** Peers whose (comm ID, GUID) are known. */
  get remoteIds(): number {
    return this.#core.identities.remoteIds.size;
  }

  /** Peers whose (QPN, GUID) are known. */
  get remoteQpns(): number {
    return this.#core.identities.remoteQpns.size;
  }

  /** Events that wait to be polled. */
  get events(): number {
    return this.#core.events.size;
  }

  /**
   * Everything that the manager's future depends on, as text: for explorers that want to know whether they have been here. Moves
   * the inspector. What it leaves out stands in `image.ts`.
   */
  image(now: Instant, name: NameBytes): string {
    return imageOf(this.#core, now, this.#cep as unknown as Cep & CepCursor, name);
  }

  /** Moves to a slot. @returns whether there is a CEP. */
  moveTo(slot: number): boolean {
    this.#cep.moveTo(slot);
    return this.exists;
  }

  /**
   * Moves to the next CEP above slot `after` that is different from when this was last asked: its state, owner, flags, queue pair, path,
   * timers, or the number of its events or retries. One that is gone since is different, too.
   * @returns its slot; 0 if no other has changed.
   */
  nextChanged(after: number): number {
    const { store, timers, limits } = this.#core;
    const { maxCeps } = limits;
    const { highestSlot } = store;
    if (this.#seen === NOTHING_SEEN) this.#seen = new Int32Array((maxCeps + 1) * SEEN_WORDS);
    const seen = this.#seen;
    const row = this.#row;
    const cep = this.#cep;
    for (let slot = after + 1; slot <= highestSlot; slot += 1) {
      const at = slot * SEEN_WORDS;
      cep.moveTo(slot);
      const identity = (row.owner << 16) | row.flags;
      // Most slots are free, and were.
      if (identity === 0 && seen[at + 1] === 0) continue;
      const { localQpn, path } = row;
      const timed = (timers.isArmed(slot) ? 1 : 0) | (timers.isArmed(maxCeps + slot) ? 2 : 0);
      const progress = row.state | (row.unreadEvents << 8) | (row.retries << 16) | (timed << 24);
      if (seen[at] === progress && seen[at + 1] === identity && seen[at + 2] === localQpn && seen[at + 3] === path)
        continue;
      seen[at] = progress;
      seen[at + 1] = identity;
      seen[at + 2] = localQpn;
      seen[at + 3] = path;
      return slot;
    }
    return 0;
  }

  /** Moves to the CEP that a CID names, whoever owns it. @returns whether there is one. */
  find(cid: Cid): boolean {
    const slot = this.#core.store.slotOfCid(cid);
    this.#cep.moveTo(slot);
    return slot !== 0;
  }

  /** Moves to a CEP of a port with a queue pair, timewait included: by looking at all of them, not at the index. @returns whether there is one. */
  findQpn(port: number, qpn: number): boolean {
    const { highestSlot } = this.#core.store;
    for (let slot = 1; slot <= highestSlot; slot += 1) {
      this.#cep.moveTo(slot);
      if (this.#row.localQpn === qpn && this.exists && this.port === port) return true;
    }
    return false;
  }

  /** Moves to the CEP that has a comm ID now. @returns whether there is one. */
  findCommId(commId: number): boolean {
    const slot = this.#core.store.slotOfCommId(commId);
    this.#cep.moveTo(slot);
    return slot !== 0;
  }

  /** Whether there is a CEP in the slot. */
  get exists(): boolean {
    return this.#row.owner !== 0 || (this.#row.flags & FLAGS.unbound) !== 0;
  }

  get slot(): number {
    return this.#cep.slot;
  }

  get cid(): Cid {
    return this.#core.store.cidOf(this.#cep as unknown as Cep);
  }

  get state(): State {
    return STATES[this.#row.state] as State;
  }

  /** The state's place in `STATES`. */
  get stateNumber(): number {
    return this.#row.state;
  }

  /** Whether it has an owner; otherwise it was destroyed and only ends what the protocol owes the peer. */
  get isBound(): boolean {
    return (this.#row.flags & FLAGS.unbound) === 0;
  }

  /** The owner's number, 0 if it has none. */
  get owner(): number {
    return this.#row.owner;
  }

  get isActive(): boolean {
    return (this.#row.flags & FLAGS.active) !== 0;
  }

  /** Whether its one timer (for a retry, an extended wait, or timewait) is armed. */
  get hasTimer(): boolean {
    return this.#core.timers.isArmed(this.#row.slot);
  }

  /** When its timer expires; NEVER if it is not armed. */
  get timerDeadline(): Instant {
    return this.#core.timers.deadline(this.#row.slot);
  }

  /** When the consumer's total time is over; NEVER if it is not running. */
  get deadline(): Instant {
    return this.#core.timers.deadline(this.#core.limits.maxCeps + this.#row.slot);
  }

  /** Whether the consumer's total time is running. */
  get hasDeadline(): boolean {
    return this.#core.timers.isArmed(this.#core.limits.maxCeps + this.#row.slot);
  }

  get holdsLocalQpn(): boolean {
    return (this.#row.flags & FLAGS.localQpnHeld) !== 0;
  }

  get knowsRemoteId(): boolean {
    return (this.#row.flags & FLAGS.remoteIdKnown) !== 0;
  }

  get holdsRemoteQpn(): boolean {
    return (this.#row.flags & FLAGS.remoteQpnHeld) !== 0;
  }

  /** The adapter's port, 0 if the CEP has no path. */
  get port(): number {
    return this.#row.path === 0 ? 0 : this.#core.paths.get(this.#row.path).port;
  }

  /** Both ends' addresses; undefined if the CEP has no path, as a listener. Valid while the CEP has it. */
  get path(): PathAddress | undefined {
    return this.#row.path === 0 ? undefined : this.#core.paths.get(this.#row.path);
  }

  /** What is listened for, or asked for. */
  get serviceId(): bigint {
    return (BigInt(this.#row.serviceHigh) << 32n) | BigInt(this.#row.serviceLow);
  }

  /** When it began what it is doing: to listen, to ask, to be asked. In whole microseconds; undefined if it does nothing. */
  get beganAt(): Instant | undefined {
    return this.#row.state <= STATE.REQ_PREPARED ? undefined : beginningOf(this.#row);
  }

  get localQpn(): number {
    return this.#row.localQpn;
  }

  get remoteQpn(): number {
    return this.#row.remoteQpn;
  }

  /** The starting PSN that we have named: the first that the peer sends. */
  get localPsn(): number {
    return this.#row.localPsn;
  }

  /** The one that the peer has named: the first that we send. */
  get remotePsn(): number {
    return this.#row.remotePsn;
  }

  get localCommId(): number {
    return this.#row.localCommId;
  }

  get remoteCommId(): number {
    return this.#row.remoteCommId;
  }

  get retries(): number {
    return this.#row.retries;
  }

  /** Whether a message is kept to be sent again. */
  get keepsMessage(): boolean {
    return this.#row.sentMad !== 0;
  }

  /** Events that its owner has not polled, as the CEP counts them. */
  get unreadEvents(): number {
    return this.#row.unreadEvents;
  }

  /** Events that its owner has not polled, as its queue holds them. */
  get queuedEvents(): number {
    let count = 0;
    for (let event = this.#row.eventHead; event !== 0; event = this.#core.events.next(event)) count += 1;
    return count;
  }
}
