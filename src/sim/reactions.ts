import type { CepEvent, EventType } from '../cep/index.js';
import { answer } from './accepting.js';
import { confirm, learnReply } from './connecting.js';
import { checkAnswered, ended, establish, onDisconnect, over } from './ending.js';
import { onPathAnswered, onPathProposed } from './proposing.js';
import { onResolved } from './resolving.js';
import type { Side } from './side.js';

/** The attempt is over, for its consumer and in its CEP; timewait may follow. */
const endsWith =
  (type: EventType) =>
  (side: Side): void => {
    side.ending = type;
    ended(side);
  };

/** What a consumer does when it is told something. */
export const REACT: Readonly<Record<EventType, (side: Side, event: CepEvent) => void>> = {
  req_received: (side) => {
    side.hasRequest = true;
    answer(side);
  },
  rep_received: (side, event) => {
    side.hasReply = true;
    learnReply(side, event);
    if (side.part.answer === 'accept') confirm(side);
    else answer(side);
  },
  rtu_received: (side) => {
    side.hasRtu = true;
    establish(side);
  },
  mra_received: () => {},
  dreq_received: (side) => {
    side.hasDreq = true;
    onDisconnect(side);
  },
  req_error: endsWith('req_error'),
  rep_error: endsWith('rep_error'),
  rej_received: endsWith('rej_received'),
  drep_received: endsWith('drep_received'),
  dreq_error: (side) => {
    checkAnswered(side);
    endsWith('dreq_error')(side);
  },
  lap_received: onPathProposed,
  apr_received: onPathAnswered,
  lap_error: (side) => {
    side.hasProposal = false;
  },
  sidr_req_received: (side) => {
    side.hasRequest = true;
    answer(side);
  },
  sidr_rep_received: onResolved,
  sidr_req_error: (side) => {
    side.ending = 'sidr_req_error';
    ended(side);
  },
  timewait_exit: (side) => {
    side.exits += 1;
    over(side);
  },
};
