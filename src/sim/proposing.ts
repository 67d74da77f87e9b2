import type { CepErrorCode, CepEvent } from '../cep/index.js';
import { AP_STATUSES, APR, LAP } from '../wire/index.js';
import { askForTime } from './accepting.js';
import type { Side } from './side.js';
import { belongsTo, tagOf } from './tag.js';

/** A second path for a connection that stands: LAP, APR, and moving there. One is proposed in each attempt at most. */

/** How long it takes at most until data on the new path makes the peer's queue pair move, too. */
const FOLLOWS_WITHIN_US = 300;

/** The active side proposes a path. */
export function propose(side: Side): void {
  if (side.phase !== 'established' || side.sentDreq || side.hasDreq) return;
  const { consumer, attempt, part } = side;
  const { proposedTrafficClass, packetLife } = attempt.script;
  const path = consumer.adapter.pathTo(side.otherAdapter, attempt.script.port, packetLife, proposedTrafficClass);
  const proposal = { path, privateData: tagOf(side), ...(part.timing && { timing: part.timing }) };
  const code = consumer.call(side, 'sendLap', (owner, cid, now) => owner.sendLap(cid, proposal, now));
  if (code === undefined) side.hasProposal = true;
}

/** The passive side is asked. A LAP whose answer was lost asks again. */
export function onPathProposed(side: Side, { bytes, at }: CepEvent): void {
  const { consumer, part } = side;
  if (!belongsTo(side, bytes, at + LAP.fields.privateData.byte)) {
    consumer.world.fail('parameters', 'a LAP of another attempt', side);
  }
  side.hasProposal = true;
  if (part.answerPath === 'accept' || part.answerPath === 'reject') {
    answerPath(side);
    return;
  }
  if (part.answerPath === 'acceptAfterMra') askForTime(side);
  consumer.world.later(part.answerAfter, side, 'answerPath');
}

/** It agrees, or not: at once, or with an APR that is made now and sent later. */
export function answerPath(side: Side): void {
  if (side.isPrepared || !mayAnswer(side)) return;
  const { consumer, part } = side;
  const parameters = { status: statusOf(side), privateData: tagOf(side) };
  if (part.preparesFor === 0 || consumer.owner.formatApr === undefined) {
    answered(
      side,
      consumer.call(side, 'sendApr', (owner, cid, now) => owner.sendApr(cid, parameters, now)),
    );
    return;
  }
  const code = consumer.call(side, 'formatApr', (owner, cid, now) => owner.formatApr?.(cid, parameters, now));
  if (code !== undefined) return;
  side.isPrepared = true;
  consumer.world.later(part.preparesFor, side, 'launchPathAnswer');
}

/** Sends the APR that was made, unless the connection has ended meanwhile. */
export function launchPathAnswer(side: Side): void {
  side.isPrepared = false;
  if (!mayAnswer(side)) return;
  answered(
    side,
    side.consumer.call(side, 'sendFormatted', (owner, cid, now) => owner.sendFormatted(cid, now)),
  );
}

const mayAnswer = ({ phase, hasProposal, hasDreq, sentDreq }: Side): boolean =>
  phase === 'established' && hasProposal && !hasDreq && !sentDreq;

const statusOf = ({ part }: Side): number =>
  part.answerPath === 'reject' ? AP_STATUSES.rejected : AP_STATUSES.success;

function answered(side: Side, code: CepErrorCode | undefined): void {
  side.hasProposal = false;
  if (code === undefined) side.answeredStatus = statusOf(side);
}

/** The active side learns the answer, which must be the one that was given. */
export function onPathAnswered(side: Side, { bytes, at }: CepEvent): void {
  const { consumer, attempt, peer } = side;
  const status = APR.fields.apStatus.get(bytes, at);
  side.hasProposal = false;
  if (
    !belongsTo(side, bytes, at + APR.fields.privateData.byte) ||
    peer === undefined ||
    peer.answeredStatus !== status
  ) {
    consumer.world.fail('parameters', `an APR with status ${status} that its peer did not send`, side);
  }
  const { migrateAfter } = attempt.script;
  if (status === AP_STATUSES.success && migrateAfter > 0) consumer.world.later(migrateAfter, side, 'migrate');
}

/** The queue pair has moved. The peer's follows when data comes on the new path. */
export function migrate(side: Side): void {
  if (side.phase !== 'established' || side.sentDreq || side.hasDreq) return;
  const { consumer, peer } = side;
  const code = consumer.call(side, 'migrate', (owner, cid, now) => owner.migrate(cid, now));
  if (code !== undefined || side.role === 'passive' || peer === undefined) return;
  consumer.world.later(FOLLOWS_WITHIN_US, peer, 'migrate');
}
