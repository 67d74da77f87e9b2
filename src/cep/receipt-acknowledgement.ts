import { type Duration, durationOfExponent, type TimeExponent } from '../base/index.js';
import { MESSAGE_MRAED, MRA } from '../wire/index.js';
import { composeFrom } from './compose.js';
import type { CepCore } from './core.js';
import type { MraParameters } from './parameters.js';
import type { Cep } from './record.js';
import { STATE } from './states.js';

/** MRA: "I have your message and need longer" (IBTA 12.9.8.6). */

const DEFAULT_SERVICE_TIMEOUT = 24;

/** Tells the peer to wait. It is kept: the peer may repeat its message if the MRA was lost. */
export function sendMra(core: CepCore, cep: Cep, { serviceTimeout, privateData }: MraParameters): void {
  const toReq = cep.state === STATE.REQ_RCVD || cep.state === STATE.REQ_MRA_SENT;
  const mad = composeFrom(core, 'MRA', {
    localCommId: cep.localCommId,
    remoteCommId: cep.remoteCommId,
    messageMraed: toReq ? MESSAGE_MRAED.req : MESSAGE_MRAED.rep,
    serviceTimeout: serviceTimeout ?? DEFAULT_SERVICE_TIMEOUT,
    privateData,
  });
  core.keep(cep, mad);
  core.transmit(cep, mad);
  core.enter(cep, toReq ? 'REQ_MRA_SENT' : 'REP_MRA_SENT');
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
  const forReq = cep.state === STATE.REQ_SENT || cep.state === STATE.REQ_MRA_RCVD;
  if (MRA.fields.messageMraed.get(bytes, at) !== (forReq ? MESSAGE_MRAED.req : MESSAGE_MRAED.rep)) {
    core.drop('wrongMessage');
    return;
  }
  const service = durationOfExponent(MRA.fields.serviceTimeout.get(bytes, at) as TimeExponent);
  const wait = (service + 2 * durationOfExponent(cep.packetLife as TimeExponent)) as Duration;
  core.lengthenWait(cep, forReq ? 'REQ_MRA_RCVD' : 'REP_MRA_RCVD', wait);
  if (core.hasRoomForEvent(cep)) core.tell(cep, 'mra_received', 'message');
  else core.drop('eventsUnread');
}
