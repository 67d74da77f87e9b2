import type { CepInspector, State } from '../../cep/index.js';
import { DREQ, type MessageName } from '../../wire/index.js';
import { ExploreError } from './violation.js';

const REPEATS_RTU: ReadonlySet<State> = new Set<State>(['ESTABLISHED', 'LAP_SENT', 'LAP_MRA_RCVD']);
const { localCommId: senderId, remoteCommId: receiverId } = DREQ.fields;

/**
 * What must be sent when a message comes, if the state says so: who repeats a message has not seen the answer. Time-outs may
 * always come first, so nothing else shows that an answer is missing.
 */
export function expectedAnswer(kind: MessageName, bytes: Uint8Array, inspector: CepInspector): MessageName | undefined {
  if (kind !== 'DREQ' && kind !== 'REP') return undefined;
  const isThere = inspector.findCommId(receiverId.get(bytes, 0));
  // A CEP takes nothing from another than its peer.
  if (isThere && inspector.knowsRemoteId && inspector.remoteCommId !== senderId.get(bytes, 0)) return undefined;
  if (kind === 'DREQ') return !isThere || inspector.state === 'TIMEWAIT' ? 'DREP' : undefined;
  if (!isThere) return 'REJ';
  if (inspector.state === 'REP_MRA_SENT') return 'MRA';
  return REPEATS_RTU.has(inspector.state) && inspector.isActive ? 'RTU' : undefined;
}

/** @throws {@link ExploreError} if the answer is not among what was sent. */
export function checkAnswer(kind: MessageName, expected: MessageName | undefined, sent: readonly MessageName[]): void {
  if (expected === undefined || sent.includes(expected)) return;
  throw new ExploreError('answer', `a ${kind} is not answered by a ${expected}`);
}
