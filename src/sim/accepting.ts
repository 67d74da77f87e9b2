import { type CepEvent, type RepParameters, STATES } from '../cep/index.js';
import { REJECT_REASONS, REQ, SIDR_REQ } from '../wire/index.js';
import { confirm } from './connecting.js';
import type { Consumer } from './consumer.js';
import { ended } from './ending.js';
import type { CepCalls } from './interfaces/cep-calls.js';
import { answerResolution } from './resolving.js';
import { meantListen } from './services.js';
import type { Attempt, Side } from './side.js';
import { attemptIn, roundIn, tagOf } from './tag.js';
import type { World } from './world.js';

/** The passive side: a request makes a CEP, which is answered as the script says. The active side answers a REP likewise. */

const REJECTION = { reason: REJECT_REASONS.consumerReject };

/** A request that is new to the manager: it must have been sent, to this listener, and be no duplicate. */
export function admit(consumer: Consumer, event: CepEvent): Side {
  const { bytes, at, cid, type } = event;
  const world: World = consumer.world;
  const { inspector } = consumer.adapter;
  const fields = type === 'req_received' ? REQ.fields : SIDR_REQ.fields;
  const tag = at + fields.privateData.byte;
  const attempt = world.attempts[attemptIn(bytes, tag)];
  if (attempt === undefined) world.fail('event', 'a request that nobody sent');
  const remoteCommId = REQ.fields.localCommId.get(bytes, at);
  checkNew(consumer, attempt, remoteCommId);
  checkListener(consumer, attempt, event);
  const side = world.newSide(attempt, 'passive', 'passive', consumer, cid);
  side.round = roundIn(bytes, tag);
  side.localPsn = (side.part.psn + attempt.passives.length) & 0xff_ffff;
  side.remoteCommId = remoteCommId;
  if (type === 'req_received') {
    side.remoteQpn = REQ.fields.localQpn.get(bytes, at);
    side.remotePsn = REQ.fields.startingPsn.get(bytes, at);
  }
  if (inspector.find(cid) && inspector.localCommId !== 0) {
    side.localCommId = inspector.localCommId;
    world.attemptsByCommId.set(side.localCommId, attempt);
  }
  attempt.passives.push(side);
  consumer.sides.set(cid, side);
  if (side.part.destroyAfter > 0) world.later(side.part.destroyAfter, side, 'destroy');
  return side;
}

/** A request that comes again while its CEP still knows of it is a duplicate, and makes no other CEP. */
function checkNew(consumer: Consumer, attempt: Attempt, remoteCommId: number): void {
  const { inspector } = consumer.adapter;
  for (const side of attempt.passives) {
    if (side.consumer !== consumer || side.phase === 'gone' || side.remoteCommId !== remoteCommId) continue;
    if (!inspector.find(side.cid) || inspector.state === 'IDLE') continue;
    consumer.world.fail('duplicate', `a request made a second CEP; its first is in ${inspector.state}`, side);
  }
}

/** Of several listeners that match, the most specific one gets the request. It is not named if the request is over already. */
function checkListener(consumer: Consumer, attempt: Attempt, { listener }: CepEvent): void {
  const { service, extra, port } = attempt.script;
  const meant = consumer.listener(service, meantListen(service, port, extra));
  if (listener !== 0 && listener !== meant)
    consumer.world.fail('listener', 'a request reached another listener', attempt);
}

/** Answers a REQ, REP or SIDR_REQ as the script says. */
export function answer(side: Side): void {
  const { consumer, part } = side;
  switch (part.answer) {
    case 'accept':
      accept(side);
      return;
    case 'acceptAfterMra':
      if (side.attempt.script.kind !== 'resolve') askForTime(side);
      consumer.world.later(part.answerAfter, side, 'answer');
      return;
    case 'acceptLate':
      consumer.world.later(part.answerAfter, side, 'answer');
      return;
    case 'reject':
      refuse(side);
      return;
    case 'destroy':
      consumer.destroy(side);
      return;
  }
}

/** An MRA: the peer's REQ, REP or LAP is here, and its answer will take longer. */
export function askForTime(side: Side): void {
  const serviceTimeout = side.attempt.script.mraTimeout;
  side.consumer.call(side, 'sendMra', (owner, cid, now) => owner.sendMra(cid, { serviceTimeout }, now));
}

function refuse(side: Side): void {
  if (side.attempt.script.kind === 'resolve') {
    answerResolution(side, false);
    return;
  }
  const { consumer } = side;
  const code = consumer.call(side, 'sendRej', (owner, cid, now) => owner.sendRej(cid, REJECTION, now));
  if (code === undefined) ended(side);
  else if (code === 'LIMIT_REACHED') consumer.destroy(side);
}

export function accept(side: Side): void {
  if (side.attempt.script.kind === 'resolve') answerResolution(side, true);
  else if (side.role === 'active') confirm(side);
  else if (!side.sentReply && !side.isPrepared) reply(side);
}

function reply(side: Side): void {
  const { consumer, part } = side;
  const prepares = part.preparesFor > 0;
  const command = prepares ? 'formatRep' : 'sendRep';
  const call = (owner: CepCalls, cid: Side['cid'], now: Consumer['world']['now']): void =>
    prepares ? owner.formatRep(cid, replyOf(side), now) : owner.sendRep(cid, replyOf(side), now);
  // After a crossing the queue pair of its own request is its own already.
  const made =
    side.localQpn === 0 ? consumer.callWithQpn(side, command, call) : consumer.call(side, command, call) === undefined;
  if (!made) giveUp(side);
  else if (prepares) {
    side.isPrepared = true;
    consumer.world.later(part.preparesFor, side, 'launchReply');
  } else side.sentReply = true;
}

function replyOf(side: Side): RepParameters {
  const { localQpn: qpn, localPsn: startingPsn, part } = side;
  const reply = { qpn, startingPsn, privateData: tagOf(side) };
  return part.timing ? { ...reply, timing: part.timing } : reply;
}

/** Sends the REP that was made, unless the attempt has ended meanwhile. */
export function launchReply(side: Side): void {
  if (!side.isPrepared || side.phase !== 'open') return;
  side.isPrepared = false;
  const code = side.consumer.call(side, 'sendFormatted', (owner, cid, now) => owner.sendFormatted(cid, now));
  if (code === undefined) side.sentReply = true;
  else giveUp(side);
}

/** Over already, though it was not told yet; or a limit of the manager is reached: then the consumer does not want it any more. */
function giveUp(side: Side): void {
  const { consumer } = side;
  const { inspector } = consumer.adapter;
  if (inspector.find(side.cid) && WAITING.has(inspector.stateNumber)) consumer.destroy(side);
}

/** The states of a request that waits for its answer. */
const WAITING: ReadonlySet<number> = new Set(
  STATES.flatMap((state, number) =>
    ['REQ_RCVD', 'REQ_MRA_SENT', 'REP_PREPARED', 'REP_PREPARED_MRA_SENT'].includes(state) ? [number] : [],
  ),
);
