import type { Holding } from '../../base/index.js';
import type { CepInspector, State } from '../../cep/index.js';
import type { ConnectedQueuePair } from '../../qp/index.js';
import type { QpState } from '../../verbs/index.js';

/** What is seen beside the queue pairs themselves. */
export interface View {
  readonly isClosed: boolean;
  /** The owner's CEPs that have a queue pair, by its number: how many, and whether one has unread events. */
  readonly connections: ReadonlyMap<number, { readonly count: number; readonly isUnread: boolean }>;
  /** Who holds what, by the ledger's names. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  /** Whether something has no holder any more, and nobody was told yet. */
  readonly isEnding: boolean;
}

/** Looks at all of an owner's CEPs. Moves the inspector. */
export function viewOf(inspector: CepInspector, owner: number, held: readonly Holding[], isClosed: boolean): View {
  const connections = new Map<number, { readonly count: number; readonly isUnread: boolean }>();
  for (let slot = 1; slot <= inspector.highestSlot; slot += 1) {
    if (!inspector.moveTo(slot) || inspector.owner !== owner || !inspector.holdsLocalQpn) continue;
    const { localQpn, unreadEvents } = inspector;
    const known = connections.get(localQpn);
    connections.set(localQpn, {
      count: (known?.count ?? 0) + 1,
      isUnread: unreadEvents > 0 || known?.isUnread === true,
    });
  }
  return {
    isClosed,
    connections,
    holders: new Map(held.map(({ object, holders }) => [object, holders])),
    isEnding: held.some(({ holders }) => holders.length === 0),
  };
}

/** Where a CEP's state has led its queue pair, once its events have been told. */
const STATE_OF: Readonly<Partial<Record<State, QpState>>> = {
  REQ_SENT: 'INIT',
  REQ_MRA_RCVD: 'INIT',
  REQ_RCVD: 'INIT',
  REQ_MRA_SENT: 'INIT',
  REP_RCVD: 'INIT',
  REP_MRA_SENT: 'INIT',
  REP_SENT: 'RTR',
  REP_MRA_RCVD: 'RTR',
  ESTABLISHED: 'RTS',
  LAP_SENT: 'RTS',
  LAP_MRA_RCVD: 'RTS',
  LAP_RCVD: 'RTS',
  LAP_MRA_SENT: 'RTS',
  DREQ_RCVD: 'ERR',
  TIMEWAIT: 'ERR',
};
/** States that a CEP comes to with an event that leads its queue pair on: until it is told, the queue pair stays where it was. */
const LAGGING: ReadonlySet<State> = new Set<State>(['ESTABLISHED', 'DREQ_SENT', 'DREQ_RCVD', 'TIMEWAIT', 'IDLE']);

/** What is wrong with a queue pair between two steps; undefined if nothing is. @param moves whether it moves data, which may fail. */
export function objectionTo(queuePair: ConnectedQueuePair, view: View, moves = false): string | undefined {
  const { state, connectionState, destroyed } = queuePair;
  const connections = view.connections.get(queuePair.qpn)?.count ?? 0;
  if (connections > 1) return 'a queue pair is in two connections (R3)';
  if (destroyed) {
    if (state !== 'ERR') return `a queue pair that was destroyed is in ${state}`;
    if (connections > 0) return 'a queue pair that was destroyed is in a connection (R7, R8)';
  } else if (!view.isClosed) {
    const objection = objectionToState(queuePair, connections, view, moves);
    if (objection !== undefined) return objection;
  } else if (connectionState !== undefined || connections > 0) return 'a connection outlives its interface (R21)';
  return objectionToReferences(queuePair, view);
}

function objectionToState(
  { state, connectionState, qpn }: ConnectedQueuePair,
  connections: number,
  view: View,
  moves: boolean,
): string | undefined {
  if (connectionState === undefined) {
    if (connections > 0) return 'a CEP has a queue pair that does not know of it (R9)';
    return state === 'RESET' ? undefined : `a queue pair without a connection is in ${state}`;
  }
  if (connectionState === 'IDLE') return state === 'RESET' ? 'a queue pair in RESET has a CEP' : undefined;
  if (connections === 0) return `a queue pair in ${connectionState} has a CEP that does not know of it`;
  // A manager disconnects by itself a connection that it finds to be stale, and tells of its end only.
  if (connectionState === 'DREQ_SENT' && (state === 'RTS' || state === 'ERR')) return undefined;
  if (moves && state === 'ERR' && STATE_OF[connectionState] === 'RTS') return undefined;
  if (
    state === STATE_OF[connectionState] ||
    (LAGGING.has(connectionState) && view.connections.get(qpn)?.isUnread === true && state !== 'RESET')
  )
    return undefined;
  return `a queue pair is in ${state} while its connection is in ${connectionState}, and all is told`;
}

/** Its owner holds it until it is destroyed, and each CEP until it is gone: what waits for that is queued. */
function objectionToReferences(
  { qpn, destroyed, connectionState }: ConnectedQueuePair,
  { holders: all, isEnding }: View,
): string | undefined {
  const holders = all.get(`queue pair 0x${qpn.toString(16)}`) ?? [];
  const owners = holders.filter((holder) => holder === 'owner').length;
  if (owners !== (destroyed ? 0 : 1)) return `a queue pair has ${owners} references of its owner's (R22)`;
  const ceps = holders.length - owners;
  const needed = connectionState === undefined ? 0 : 1;
  if (ceps < needed) return 'a queue pair with a connection is not held for its CEP (R9)';
  if (ceps > needed && !isEnding) return 'a queue pair is held for a CEP that is gone (R9, R22)';
  return undefined;
}
