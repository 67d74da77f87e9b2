import type { IbcmError } from '../../base/index.js';
import type { CmEvent } from '../../cm/index.js';
import { AP_STATUSES, REJECT_REASONS } from '../../wire/index.js';
import { requestOf } from '../connecting.js';
import { checkAnswered, establish } from '../ending.js';
import type { Attempt, Role } from '../side.js';
import { isFromQueuePair, tagOf } from '../tag.js';
import { type Action, ENTRY, type World } from '../world.js';
import { accept } from './admission.js';
import { endConnection, ended, letGo, over, rejectRequest } from './end.js';
import { checkTag, fieldsOf, learn } from './messages.js';
import { type Hosted, nowOf, type QueuePairConsumer, type QueuePairSide } from './queue-pair-consumer.js';

/** What a consumer of queue pairs does: the scripts are those of consumers of CEPs. */

const TRIES = 4;
/** How long it takes at most until data on the new path makes the peer's queue pair move, too. */
const FOLLOWS_WITHIN_US = 300;

/** The first call of an attempt. @param part whose part in the script it plays. */
export function begin(consumer: QueuePairConsumer, attempt: Attempt, part: Role): void {
  const isCrossing = attempt.actives.length > 0 && attempt.script.kind === 'peerToPeer';
  const prefersUsed = attempt.script[part].qpn < 0.5;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const hosted = consumer.takeQueuePair(prefersUsed && tries === 0);
    if (hosted === undefined) return;
    if (connect(consumer, attempt, part, hosted)) {
      if (isCrossing) return;
      const { world } = consumer;
      world.lifecycles += 1;
      if (attempt.script.kind === 'peerToPeer')
        world.at(world.now + attempt.script.crossAfter, ENTRY.cross, attempt.number);
      return;
    }
    consumer.free.push(hosted);
  }
}

/** Reads and atomics that a queue pair does, and answers, at once. */
export const depthsOf = ({ data }: QueuePairConsumer): { responderResources?: number; initiatorDepth?: number } =>
  data === undefined ? {} : { responderResources: 3, initiatorDepth: 4 };

/** Small packets. */
const pathOf = ({ data }: QueuePairConsumer): { mtu?: number } => (data === undefined ? {} : { mtu: 1 });

/** @returns whether there is a REQ. */
function connect(consumer: QueuePairConsumer, attempt: Attempt, part: Role, hosted: Hosted): boolean {
  const { world, adapter } = consumer;
  const { inspector } = adapter;
  const { queuePair } = hosted;
  const { script, round } = attempt;
  const { port } = script;
  const isHeld = adapter.isQpnHeld(port, queuePair.qpn);
  const { qpn, ...request } = requestOf({
    attempt,
    round,
    consumer,
    part: script[part],
    port,
    localQpn: queuePair.qpn,
    localPsn: script[part].psn,
    otherAdapter: part === 'active' ? script.to : script.from,
  });
  const call = (): void => queuePair.connect({ ...request, ...depthsOf(consumer), ...pathOf(consumer) }, world.now);
  const code = consumer.attempt(undefined, 'connect', call, [isHeld ? 'QPN_IN_USE' : undefined]);
  if (code === 'LIMIT_REACHED' && !world.isTight) world.fail('call', 'connect finds a limit, far below it', attempt);
  if (code !== undefined) return false;
  if (!inspector.findQpn(port, qpn)) world.fail('queuePair', 'a queue pair that has connected has no CEP', attempt);
  const side = world.newSide(attempt, 'active', part, consumer, inspector.cid);
  side.round = round;
  side.localQpn = qpn;
  side.localPsn = script[part].psn;
  side.localCommId = inspector.localCommId;
  world.attemptsByCommId.set(side.localCommId, attempt);
  attempt.actives.push(side);
  consumer.give(side, hosted);
  world.trace?.call(side, 'connect', undefined);
  if (side.part.destroyAfter > 0) world.later(side.part.destroyAfter, side, 'destroy');
  return true;
}

/** Answers a REQ or a REP as the script says. */
export function answer(side: QueuePairSide): void {
  const { consumer, part } = side;
  switch (part.answer) {
    case 'accept':
      answerNow(side);
      return;
    case 'acceptAfterMra':
      askForTime(side);
      consumer.world.later(part.answerAfter, side, 'answer');
      return;
    case 'acceptLate':
      consumer.world.later(part.answerAfter, side, 'answer');
      return;
    case 'reject':
      refuse(side);
      return;
    case 'destroy':
      letGo(side);
      return;
  }
}

function answerNow(side: QueuePairSide): void {
  const { consumer } = side;
  const request = consumer.requests.get(side);
  const hosted = consumer.queuePairs.get(side);
  if (request !== undefined) accept(side, request);
  else if (hosted === undefined) return;
  else if (side.role === 'active') confirm(side, hosted);
  else if (!side.sentReply) replyToCrossing(side, hosted);
}

function askForTime(side: QueuePairSide): void {
  const { consumer, attempt } = side;
  const parameters = { serviceTimeout: attempt.script.mraTimeout };
  const request = consumer.requests.get(side);
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  consumer.call(side, 'sendMra', () => {
    if (request !== undefined) request.delay(parameters, nowOf(side));
    else queuePair?.sendMra(parameters, nowOf(side));
  });
}

function refuse(side: QueuePairSide): void {
  const { consumer } = side;
  const request = consumer.requests.get(side);
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  if (request !== undefined) {
    rejectRequest(side, request);
    return;
  }
  const code = consumer.call(side, 'sendRej', () =>
    queuePair?.sendRej({ reason: REJECT_REASONS.consumerReject }, nowOf(side)),
  );
  if (code === undefined) ended(side);
  else if (code === 'LIMIT_REACHED') letGo(side);
}

/** Answers a REP: for this side the connection stands. */
function confirm(side: QueuePairSide, { queuePair }: Hosted): void {
  const code = side.consumer.call(side, 'sendRtu', () => queuePair.sendRtu({}, nowOf(side)));
  if (code === 'LIMIT_REACHED') letGo(side);
  if (code === undefined) stands(side);
}

/** For the active side; data may reach the peer before the RTU. */
function stands(side: QueuePairSide): void {
  const { attempt, consumer, peer } = side;
  establish(side);
  consumer.data?.link(side);
  const { dataAfter, proposeAfter } = attempt.script;
  if (dataAfter > 0 && peer !== undefined) consumer.world.later(dataAfter, peer, 'data');
  if (proposeAfter > 0) consumer.world.later(proposeAfter, side, 'propose');
}

function replyToCrossing(side: QueuePairSide, { queuePair }: Hosted): void {
  const { consumer, localPsn: startingPsn } = side;
  const reply = { startingPsn, privateData: tagOf(side), ...depthsOf(consumer) };
  const code = consumer.call(side, 'formatRep', () => queuePair.sendRep(reply, nowOf(side)));
  if (code === undefined) side.sentReply = true;
  else if (code === 'LIMIT_REACHED') letGo(side);
}

/** The queue pair could not follow, for want of a buffer: then the connection is rejected, or being ended. */
function fails(side: QueuePairSide, hosted: Hosted, failure: IbcmError): void {
  const { world } = side.consumer;
  if (failure.code !== 'LIMIT_REACHED' || !world.isTight) {
    world.fail('queuePair', `the queue pair could not follow: ${failure.message}`, side);
  }
  if (hosted.queuePair.connectionState === undefined) {
    side.phase = 'gone';
    side.consumer.takeBack(side);
  } else ended(side);
}

/** What a consumer does when its queue pair is told something. */
export function react(side: QueuePairSide, event: CmEvent, failure: IbcmError | undefined): void {
  const { consumer } = side;
  const world: World = consumer.world;
  const { type } = event;
  const hosted = consumer.queuePairs.get(side);
  if (hosted === undefined) world.fail('owner', `${type} is told of a connection without a queue pair`, side);
  const { queuePair, context } = hosted;
  if (failure !== undefined && type !== 'apr_received') {
    fails(side, hosted, failure);
    return;
  }
  switch (type) {
    case 'req_received':
      side.hasRequest = true;
      if (queuePair.connectionState === 'REP_SENT') side.sentReply = true;
      else if (!context.isAutomatic) answer(side);
      return;
    case 'rep_received': {
      const fields = fieldsOf(event, 'REP');
      side.hasReply = true;
      if (!isFromQueuePair(side, fields.privateData, 0)) checkTag(side, fields.privateData, 'a REP');
      learn(side, fields);
      if (queuePair.connectionState === 'ESTABLISHED') stands(side);
      else if (!context.isAutomatic) answer(side);
      return;
    }
    case 'rtu_received':
      side.hasRtu = true;
      establish(side);
      consumer.data?.link(side);
      return;
    case 'dreq_received':
      side.hasDreq = true;
      if (context.isAutomatic) onAnsweredDisconnect(side, hosted);
      else onDisconnect(side);
      return;
    case 'lap_received':
      checkTag(side, fieldsOf(event, 'LAP').privateData, 'a LAP');
      side.hasProposal = true;
      onPathProposed(side);
      return;
    case 'apr_received':
      onPathAnswered(side, fieldsOf(event, 'APR').apStatus);
      return;
    case 'lap_error':
      side.hasProposal = false;
      return;
    case 'timewait_exit':
      side.exits += 1;
      over(side);
      return;
    case 'dreq_error':
      checkAnswered(side);
      ended(side, type);
      return;
    case 'req_error':
    case 'rep_error':
    case 'rej_received':
    case 'drep_received':
      ended(side, type);
      return;
    default:
  }
}

function onAnsweredDisconnect(side: QueuePairSide, { queuePair }: Hosted): void {
  const { inspector } = side.consumer.adapter;
  // What ends it otherwise is told yet.
  const isTold = inspector.find(side.cid) && inspector.unreadEvents === 0;
  if (queuePair.connectionState === 'TIMEWAIT' && isTold) ended(side);
}

function onDisconnect(side: QueuePairSide): void {
  const { consumer, part } = side;
  if (part.onDisconnect === 'answer' || (part.onDisconnect === 'answerLate' && consumer.world.isFinal)) {
    answerDisconnect(side);
  } else if (part.onDisconnect === 'answerLate') {
    consumer.world.later(part.answerAfter, side, 'answerDisconnect');
  } else letGo(side);
}

function answerDisconnect(side: QueuePairSide): void {
  const { consumer } = side;
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  const code = consumer.call(side, 'sendDrep', () => queuePair?.sendDrep({}, nowOf(side)));
  if (code === undefined) ended(side);
  else if (code === 'LIMIT_REACHED') letGo(side);
}

function propose(side: QueuePairSide): void {
  if (side.phase !== 'established' || side.sentDreq || side.hasDreq) return;
  const { consumer, attempt } = side;
  const { proposedTrafficClass, packetLife, port } = attempt.script;
  const path = consumer.adapter.pathTo(side.otherAdapter, port, packetLife, proposedTrafficClass);
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  const proposal = { path, privateData: tagOf(side) };
  const code = consumer.call(side, 'sendLap', () => queuePair?.sendLap(proposal, nowOf(side)));
  if (code === undefined) side.hasProposal = true;
}

function onPathProposed(side: QueuePairSide): void {
  const { consumer, part } = side;
  if (part.answerPath === 'accept' || part.answerPath === 'reject') {
    answerPath(side);
    return;
  }
  if (part.answerPath === 'acceptAfterMra') askForTime(side);
  consumer.world.later(part.answerAfter, side, 'answerPath');
}

function answerPath(side: QueuePairSide): void {
  const { consumer, part } = side;
  if (isBroken(side) || side.phase !== 'established' || !side.hasProposal || side.hasDreq || side.sentDreq) return;
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  const status = part.answerPath === 'reject' ? AP_STATUSES.rejected : AP_STATUSES.success;
  const answer = { status, privateData: tagOf(side) };
  side.hasProposal = false;
  const code = consumer.call(side, 'sendApr', () => queuePair?.sendApr(answer, nowOf(side)));
  if (code === undefined) side.answeredStatus = status;
}

function onPathAnswered(side: QueuePairSide, status: number): void {
  const { consumer, attempt, peer } = side;
  side.hasProposal = false;
  if (peer?.answeredStatus !== status) {
    consumer.world.fail('parameters', `an APR with status ${status} that its peer did not send`, side);
  }
  const { migrateAfter } = attempt.script;
  if (status === AP_STATUSES.success && migrateAfter > 0) consumer.world.later(migrateAfter, side, 'migrate');
}

/** The queue pair moves. The peer's follows when data comes on the new path. */
function migrate(side: QueuePairSide): void {
  if (isBroken(side) || side.phase !== 'established' || side.sentDreq || side.hasDreq) return;
  const { consumer, peer } = side;
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  const code = consumer.call(side, 'migrate', () => queuePair?.migrate(nowOf(side)));
  if (code !== undefined || side.role === 'passive' || peer === undefined) return;
  consumer.world.later(FOLLOWS_WITHIN_US, peer, 'migrate');
}

const nothing = (): void => {};

/** Whether data could not be moved, so that the queue pair is of no use any more, though its connection stands. */
function isBroken(side: QueuePairSide): boolean {
  const { data, queuePairs } = side.consumer;
  return data !== undefined && queuePairs.get(side)?.queuePair.state === 'ERR';
}

/** Data has come before the RTU. */
function onData(side: QueuePairSide): void {
  const queuePair = side.consumer.queuePairs.get(side)?.queuePair;
  if (side.phase === 'open' && side.sentReply && queuePair !== undefined) {
    side.consumer.call(side, 'established', () => queuePair.established(nowOf(side)));
  }
}

/** What a consumer does when the transport has told something of a queue pair. */
export const DATA_REACTIONS = { broken: endConnection, established: onData } as const;

/** What was put off. */
export const QUEUE_PAIR_ACTIONS: Readonly<Record<Action, (side: QueuePairSide) => void>> = {
  answer: (side) => {
    if (side.phase === 'open') answerNow(side);
  },
  // Nothing is prepared here.
  launchRequest: nothing,
  launchReply: nothing,
  launchPathAnswer: nothing,
  data: onData,
  propose,
  answerPath,
  migrate,
  end: (side) => {
    if (side.phase !== 'established') return;
    if (side.part.end === 'destroy') letGo(side);
    else endConnection(side);
  },
  answerDisconnect: (side) => {
    if (side.phase !== 'ended' && side.phase !== 'over') answerDisconnect(side);
  },
  destroy: letGo,
  traffic: (side) => side.consumer.data?.move(side),
  again: (side) => {
    const { consumer, attempt } = side;
    const hosted = consumer.queuePairs.get(side);
    if (hosted === undefined) return;
    attempt.round += 1;
    consumer.takeBack(side);
    begin(consumer, attempt, 'active');
  },
};
