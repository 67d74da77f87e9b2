import { type Duration, durationOfExponent, type TimeExponent } from '../base/index.js';
import { MESSAGE_MRAED, MRA } from '../wire/index.js';
import { composeFrom } from './compose.js';
import type { CepCore } from './core.js';
import { CAUSE, EVENT } from './event-queue.js';
import type { MraParameters } from './parameters.js';
import type { Cep } from './record.js';
import { STATE } from './states.js';

/** MRA: "I have your message and need longer" (IBTA 12.9.8.6). */

const DEFAULT_SERVICE_TIMEOUT = 24;

type Exchange = 'req' | 'rep' | 'lap';

/** The state in which we have asked the peer to wait, by the message that is to be answered. */
const MRA_SENT = { req: STATE.REQ_MRA_SENT, rep: STATE.REP_MRA_SENT, lap: STATE.LAP_MRA_SENT } as const;
/** The state in which the peer has asked us to. */
const MRA_RCVD = { req: STATE.REQ_MRA_RCVD, rep: STATE.REP_MRA_RCVD, lap: STATE.LAP_MRA_RCVD } as const;

/** Which message waits for its answer: the peer's in the states in which we may send an MRA, ours where we may get one. */
function exchangeOf(cep: Cep): Exchange {
  switch (cep.state) {
    case STATE.REQ_RCVD:
    case STATE.REQ_MRA_SENT:
    case STATE.REQ_SENT:
    case STATE.REQ_MRA_RCVD:
      return 'req';
    case STATE.REP_RCVD:
    case STATE.REP_MRA_SENT:
    case STATE.REP_SENT:
    case STATE.REP_MRA_RCVD:
      return 'rep';
    default:
      return 'lap';
  }
}

/** Tells the peer to wait. It is kept: the peer may repeat its message if the MRA was lost. */
export function sendMra(core: CepCore, cep: Cep, { serviceTimeout, privateData }: MraParameters): void {
  const exchange = exchangeOf(cep);
  const mad = composeFrom(core, 'MRA', {
    localCommId: cep.localCommId,
    remoteCommId: cep.remoteCommId,
    messageMraed: MESSAGE_MRAED[exchange],
    serviceTimeout: serviceTimeout ?? DEFAULT_SERVICE_TIMEOUT,
    privateData,
  });
  core.keep(cep, mad);
  core.transmit(cep, mad);
  core.enter(cep, MRA_SENT[exchange]);
}

/** The peer repeats its message: it has not seen our MRA. */
export function repeatMra(core: CepCore, cep: Cep): void {
  core.sendAgain(cep);
}

/** The peer needs longer. It extends this wait only; later retries use the normal time again. */
export function extendWait(core: CepCore, cep: Cep): void {
  const { incoming } = core;
  if (incoming === undefined) return;
  const { bytes, at } = incoming;
  const exchange = exchangeOf(cep);
  if (MRA.fields.messageMraed.get(bytes, at) !== MESSAGE_MRAED[exchange]) {
    core.drop('wrongMessage');
    return;
  }
  const service = durationOfExponent(MRA.fields.serviceTimeout.get(bytes, at) as TimeExponent);
  const wait = (service + 2 * durationOfExponent(cep.packetLife as TimeExponent)) as Duration;
  core.lengthenWait(cep, MRA_RCVD[exchange], wait);
  if (core.hasRoomForEvent(cep)) core.tell(cep, EVENT.mra_received, CAUSE.message);
  else core.drop('eventsUnread');
}
