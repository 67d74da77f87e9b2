import { STATE_TABLE, STATES, type State } from '../../cep/index.js';
import { type MessageName, MRA, REJ, REJECT_REASONS, SIDR_REP } from '../../wire/index.js';
import type { MessageTable } from './message-table.js';
import type { Plan } from './script.js';

/** What decides which messages a CEP takes. */
export interface CepSummary {
  readonly state: State;
  readonly localCommId: number;
  /** 0 if it is not known. */
  readonly remoteCommId: number;
}

/**
 * What can come of a message, now or at any time later. `inert`: nothing; `stray`: it belongs to nothing here, but is answered;
 * `live`: it may have an effect.
 */
export type Prospect = 'inert' | 'stray' | 'live';

const CA_GUID_BYTES = 8;
type Taken = 'mra' | 'rej' | 'rtu' | 'drep' | 'sidrRep' | 'lap' | 'apr';
const INPUT_OF: Readonly<Partial<Record<MessageName, Taken>>> = {
  MRA: 'mra',
  REJ: 'rej',
  RTU: 'rtu',
  DREP: 'drep',
  SIDR_REP: 'sidrRep',
  LAP: 'lap',
  APR: 'apr',
};
/** All messages that belong to a connection have their comm IDs here. */
const { localCommId: senderId, remoteCommId: receiverId } = MRA.fields;

/**
 * A comm ID is never given out again within a run. So a message for a CEP that is gone, or that can only go where the state
 * table drops the message, has no effect whenever it comes, and need not be kept in flight: that it is delivered at once is
 * as good as any later moment. REQs can always make a CEP, and REPs and DREQs are answered even if nothing is there.
 */
export function prospectOf(plan: Plan, ceps: readonly CepSummary[], messages: MessageTable, message: number): Prospect {
  const kind = messages.kind(message);
  const bytes = messages.bytes(message);
  if (kind === 'REQ' || kind === 'SIDR_REQ') return 'live';
  const named = kind === 'SIDR_REP' ? SIDR_REP.fields.requestId.get(bytes, 0) : receiverId.get(bytes, 0);
  const cep = ceps.find(({ localCommId }) => localCommId !== 0 && localCommId === named);
  const isThere = cep !== undefined;
  if (kind === 'REP' || kind === 'DREQ') return isThere ? 'live' : 'stray';
  if (kind === 'REJ' && namesItsSender(bytes)) {
    // It is looked up by its sender, whom a CEP may know, or learn of from a REQ that is still on its way.
    const mayLearn = [plan, plan.beside].some((each) => each?.listens === true || each?.connects === 'peerToPeer');
    const isKnown = ceps.some(({ remoteCommId }) => remoteCommId === senderId.get(bytes, 0));
    return mayLearn || isKnown || isThere ? 'live' : 'inert';
  }
  if (!isThere) return 'inert';
  const input = INPUT_OF[kind];
  if (input === undefined) return 'live';
  const isFromAnother = kind !== 'SIDR_REP' && cep.remoteCommId !== 0 && cep.remoteCommId !== senderId.get(bytes, 0);
  return isFromAnother || DROPPED_FROM[input].has(cep.state) ? 'inert' : 'live';
}

function namesItsSender(bytes: Uint8Array): boolean {
  const { reason, rejectInfoLength } = REJ.fields;
  return reason.get(bytes, 0) === REJECT_REASONS.timeout && rejectInfoLength.get(bytes, 0) >= CA_GUID_BYTES;
}

/** The states that a CEP can come to from each, under the same comm ID: IDLE has none. */
const REACHABLE = new Map(STATES.map((state) => [state, reachableFrom(state)]));

function reachableFrom(start: State): ReadonlySet<State> {
  const reached = new Set<State>([start]);
  for (const state of reached) {
    for (const cell of Object.values(STATE_TABLE[state])) {
      if (cell.kind !== 'handle') continue;
      for (const to of cell.to) if (to !== 'DESTROYED' && to !== 'IDLE') reached.add(to);
    }
  }
  return reached;
}

/** From which states on a message is always dropped. */
const droppedFrom = (input: Taken): ReadonlySet<State> =>
  new Set(
    STATES.filter((state) => [...(REACHABLE.get(state) ?? [])].every((to) => STATE_TABLE[to][input].kind === 'drop')),
  );
const DROPPED_FROM: Readonly<Record<Taken, ReadonlySet<State>>> = {
  mra: droppedFrom('mra'),
  rej: droppedFrom('rej'),
  rtu: droppedFrom('rtu'),
  drep: droppedFrom('drep'),
  sidrRep: droppedFrom('sidrRep'),
  lap: droppedFrom('lap'),
  apr: droppedFrom('apr'),
};
