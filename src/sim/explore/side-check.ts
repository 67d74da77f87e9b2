import type { CepInspector, CepManager } from '../../cep/index.js';
import { type MessageName, REP } from '../../wire/index.js';
import { AWAITS, TIMED } from '../timed-states.js';
import type { Participant } from './participant.js';
import type { Plan } from './script.js';
import { ExploreError } from './violation.js';

/** Nothing in a script takes more at once on one side. */
const CEPS_MOST = 10;
const EVENTS_MOST = 24;
const MADS_MOST = 40;
/** A side has two consumers at most. */
const CONSUMERS_MOST = 2;

/** Checks one side after each of its steps, looking inside. */
export class SideChecker {
  readonly #manager: CepManager;
  readonly #inspector: CepInspector;
  readonly #participant: Participant;

  constructor(manager: CepManager, inspector: CepInspector, participant: Participant) {
    this.#manager = manager;
    this.#inspector = inspector;
    this.#participant = participant;
  }

  check(): void {
    const inspector = this.#inspector;
    const counted = { ceps: 0, timers: 0, localQpns: 0, remoteIds: 0, remoteQpns: 0, events: 0 };
    const qpns = new Set<number>();
    const peers = new Set<number>();
    for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
      if (!inspector.moveTo(slot)) continue;
      const { state, stateNumber, hasTimer, hasDeadline, unreadEvents, localQpn } = inspector;
      const fail = (what: string): never => {
        throw new ExploreError('timer', `a CEP in ${state} ${what}`);
      };
      if (hasTimer !== TIMED[stateNumber]) fail(hasTimer ? 'has a timer' : 'has no timer');
      if (hasDeadline && AWAITS[stateNumber] !== true) fail('has a deadline');
      if (inspector.queuedEvents !== unreadEvents) {
        throw new ExploreError('usage', `a CEP counts ${unreadEvents} events and holds ${inspector.queuedEvents}`);
      }
      counted.ceps += 1;
      counted.timers += (hasTimer ? 1 : 0) + (hasDeadline ? 1 : 0);
      counted.events += unreadEvents;
      if (inspector.knowsRemoteId) {
        counted.remoteIds += 1;
        if (peers.has(inspector.remoteCommId)) throw new ExploreError('peer', 'two CEPs have one CEP as their peer');
        peers.add(inspector.remoteCommId);
      }
      if (inspector.holdsRemoteQpn) counted.remoteQpns += 1;
      if (!inspector.holdsLocalQpn) continue;
      counted.localQpns += 1;
      if (qpns.has(localQpn)) throw new ExploreError('qpn', `queue pair ${localQpn} is in two connections`);
      qpns.add(localQpn);
    }
    this.#checkSums({ ...counted, cidSlots: this.#participant.boundSlots });
    this.#participant.check();
  }

  #checkSums(counted: Record<string, number>): void {
    const usage: Record<string, number> = this.#manager.usage();
    for (const [name, count] of Object.entries(counted)) {
      if (usage[name] !== count)
        throw new ExploreError('usage', `the manager holds ${usage[name]} ${name}, its CEPs ${count}`);
    }
    const most: Record<string, number> = {
      ceps: CEPS_MOST,
      events: EVENTS_MOST,
      mads: MADS_MOST,
      transmits: 0,
      owners: CONSUMERS_MOST,
      listens: CONSUMERS_MOST,
      timings: 0,
      peerRequests: CONSUMERS_MOST,
    };
    for (const [name, limit] of Object.entries(most)) {
      if ((usage[name] ?? 0) > limit)
        throw new ExploreError('usage', `${usage[name]} ${name} at once, more than ${limit}`);
    }
  }
}

/** Whether a side may send such a message, in the role that it has in the script. */
export function checkRoles(
  plan: Plan,
  kind: MessageName,
  bytes: Uint8Array,
  at: number,
  inspector: CepInspector,
): void {
  if (kind !== 'REQ' && kind !== 'REP' && kind !== 'RTU') return;
  const fail = (who: string): never => {
    throw new ExploreError('role', `${who} sends a ${kind}`);
  };
  if (plan.connects === 'client' && kind === 'REP') fail('the active side');
  if (plan.listens && kind !== 'REP') fail('the passive side');
  if (plan.connects !== 'peerToPeer') return;
  // Which side of a crossing this is, its CEP knows, if it is still there.
  if (!inspector.findCommId(REP.fields.localCommId.get(bytes, at))) return;
  if (inspector.isActive === (kind === 'REP')) fail(inspector.isActive ? 'the active side' : 'the passive side');
}
