import { accept, launchReply } from './accepting.js';
import { again, launchRequest } from './connecting.js';
import { answerDisconnect, end } from './ending.js';
import { answerPath, launchPathAnswer, migrate, propose } from './proposing.js';
import type { Side } from './side.js';
import type { Action } from './world.js';

/** What a consumer has put off, and does if it makes sense when its moment has come. */
export const ACT: Readonly<Record<Action, (side: Side) => void>> = {
  answer: (side) => {
    if (side.phase === 'open') accept(side);
  },
  launchRequest,
  launchReply,
  end: (side) => {
    if (side.phase === 'established') end(side);
  },
  answerDisconnect: (side) => {
    if (side.phase !== 'ended' && side.phase !== 'over') answerDisconnect(side);
  },
  /** Data arrived on the queue pair: the connection stands, whatever becomes of the RTU. */
  data: (side) => {
    if (side.phase === 'open' && side.sentReply) {
      side.consumer.call(side, 'established', (owner, cid, now) => owner.established(cid, now));
    }
  },
  propose,
  answerPath,
  launchPathAnswer,
  migrate,
  destroy: (side) => side.consumer.destroy(side),
  again,
  /** These consumers have no queue pairs. */
  traffic: () => undefined,
};
