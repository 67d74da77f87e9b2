import {
  DREP,
  DREQ,
  MESSAGES,
  type MessageInit,
  type MessageName,
  messageNumberOf,
  REJECT_REASONS,
  REP,
  type RTU,
  writeFields,
} from '../wire/index.js';
import type { CepCore, Incoming } from './core.js';
import { type Cep, FLAGS } from './record.js';
import { STATE } from './states.js';

/** How messages are written. Composing comes before any change, so that a value that does not fit changes nothing. */

/** A message that `write` fills in. @param beginning what it is before. @throws EncodeError when a value does not fit its field; nothing is left behind. */
export function composed(core: CepCore, beginning: Uint8Array, write: (bytes: Uint8Array, at: number) => void): number {
  const mad = core.compose(beginning);
  try {
    write(core.mads.bytes, core.at(mad));
  } catch (error) {
    core.mads.drop(mad);
    throw error;
  }
  return mad;
}

/** A message from values by name. @throws EncodeError as {@link composed}. */
export function composeFrom<Name extends MessageName>(core: CepCore, message: Name, values: MessageInit<Name>): number {
  const fields: object = MESSAGES[message].fields;
  return composed(core, MESSAGES[message].empty, (bytes, at) => writeFields(fields, values as object, bytes, at));
}

/** Which message a REJ of ours answers, by state (protocol: REJ's message field). */
function messageRejectedIn(state: number): number {
  switch (state) {
    case STATE.REQ_RCVD:
    case STATE.REQ_MRA_SENT:
    case STATE.REP_PREPARED:
    case STATE.REP_PREPARED_MRA_SENT:
      return 0;
    case STATE.REP_RCVD:
    case STATE.REP_MRA_SENT:
      return 1;
    default:
      return 2;
  }
}

/** A REJ of a CEP. A REJ for a timeout names our CA, by which the peer can find the connection (IBTA 12.6.7.2). */
export function sendReject(
  core: CepCore,
  cep: Cep,
  reason: number,
  privateData?: Uint8Array,
  information?: Uint8Array,
): void {
  const ari = reason === REJECT_REASONS.timeout ? caGuidBytes(core) : information;
  const mad = composeFrom(core, 'REJ', {
    localCommId: cep.localCommId,
    remoteCommId: cep.remoteCommId,
    messageRejected: messageRejectedIn(cep.state),
    rejectInfoLength: ari?.length ?? 0,
    reason,
    additionalRejectInformation: ari,
    privateData,
  });
  core.transmit(cep, mad);
}

function caGuidBytes({ caGuid }: CepCore): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, caGuid.high);
  view.setUint32(4, caGuid.low);
  return bytes;
}

/** A REJ to a message that belongs to no CEP: its comm IDs swapped, in its transaction. */
export function rejectStateless(
  core: CepCore,
  incoming: Incoming,
  message: 'REQ' | 'REP',
  reason: number,
  information?: Uint8Array,
): void {
  const { bytes, at } = incoming;
  const mad = composeFrom(core, 'REJ', {
    localCommId: message === 'REP' ? REP.fields.remoteCommId.get(bytes, at) : 0,
    remoteCommId: REP.fields.localCommId.get(bytes, at),
    messageRejected: message === 'REP' ? 1 : 0,
    rejectInfoLength: information?.length ?? 0,
    reason,
    additionalRejectInformation: information,
  });
  core.transmitStateless(mad, incoming);
}

/** A DREP to a DREQ for a connection that is not there: from its two comm IDs. */
export function answerStrayDreq(core: CepCore, incoming: Incoming): void {
  const { localCommId, remoteCommId } = DREP.fields;
  const mad = core.compose(DREP.empty);
  const at = core.at(mad);
  localCommId.put(core.mads.bytes, at, remoteCommId.get(incoming.bytes, incoming.at));
  remoteCommId.put(core.mads.bytes, at, localCommId.get(incoming.bytes, incoming.at));
  core.transmitStateless(mad, incoming);
}

/** Messages that say nothing but which connection they are about, with private data if the consumer has any. */
export type BareMessage = typeof RTU | typeof DREQ | typeof DREP;

export function composeBare(core: CepCore, cep: Cep, message: BareMessage, privateData?: Uint8Array): number {
  const { localCommId, remoteCommId } = DREP.fields;
  return composed(core, message.empty, (bytes, at) => {
    localCommId.put(bytes, at, cep.localCommId);
    remoteCommId.put(bytes, at, cep.remoteCommId);
    if (message === DREQ) DREQ.fields.remoteQpnEecn.put(bytes, at, cep.remoteQpn);
    if (privateData) message.fields.privateData.set(bytes, at, privateData);
  });
}

/**
 * Sends a bare message. The peer may have to be told again, so one with private data is kept; one without is made anew
 * when needed, so that connections that end, however many, do not take the buffers that their ends need.
 */
export function sendBare(core: CepCore, cep: Cep, mad: number, privateData?: Uint8Array): void {
  core.keep(cep, privateData === undefined || privateData.length === 0 ? 0 : mad);
  core.transmit(cep, mad);
}

/** Sends the bare message again. */
export function repeatBare(core: CepCore, cep: Cep, message: BareMessage): void {
  if (cep.sentMad !== 0 && core.messageOf(cep.sentMad) === messageNumberOf(message.attributeId)) core.sendAgain(cep);
  else core.transmit(cep, composeBare(core, cep, message));
}

export const isActive = (cep: Cep): boolean => (cep.flags & FLAGS.active) !== 0;
