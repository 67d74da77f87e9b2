import { assert } from '../base/index.js';
import type { CepEvent } from '../cep/index.js';
import { SIDR_REP, SIDR_STATUSES } from '../wire/index.js';
import { ended } from './ending.js';
import { serviceIdOf } from './services.js';
import type { AnySide, Side } from './side.js';
import { belongsTo, tagOf } from './tag.js';

/** The resolution of a service ID: SIDR_REQ and SIDR_REP. No connection, no timewait. */

const Q_KEY = 0x1111_2222;
/** The queue pair that an answer names: one that tells answers apart. */
const qpnOf = ({ attempt, number }: AnySide): number => 2 + (attempt.number << 8) + (number & 0xff);

/** @returns whether it has asked. */
export function resolve(side: Side): boolean {
  const { attempt, consumer, part, port } = side;
  const { service, extra, packetLife, responseTimeout, retries, passive } = attempt.script;
  const question = {
    path: consumer.adapter.pathTo(side.otherAdapter, port, packetLife),
    serviceId: serviceIdOf(service, passive.owner, extra),
    responseTimeout,
    retries,
    privateData: tagOf(side),
    ...(part.timing && { timing: part.timing }),
  };
  return consumer.call(side, 'sendSidrReq', (owner, cid, now) => owner.sendSidrReq(cid, question, now)) === undefined;
}

/** The passive side answers, which is the end for it. */
export function answerResolution(side: Side, isKnown: boolean): void {
  const { consumer } = side;
  const status = isKnown ? SIDR_STATUSES.valid : SIDR_STATUSES.rejected;
  const answer = { status, qpn: isKnown ? qpnOf(side) : 0, qKey: Q_KEY, privateData: tagOf(side) };
  const code = consumer.call(side, 'sendSidrRep', (owner, cid, now) => owner.sendSidrRep(cid, answer, now));
  assert(code === undefined || code === 'LIMIT_REACHED', 'nothing but a limit keeps an answer back');
  if (code !== undefined) {
    consumer.destroy(side);
    return;
  }
  side.answeredStatus = status;
  ended(side);
}

/** The answer is one that was given; the manager itself refuses without anybody's tag. */
export function onResolved(side: Side, { bytes, at }: CepEvent): void {
  const { attempt, consumer } = side;
  const { status, qpn, privateData } = SIDR_REP.fields;
  if (status.get(bytes, at) === SIDR_STATUSES.valid) {
    const named = qpn.get(bytes, at);
    const isGiven = attempt.passives.some(
      (other) => other.answeredStatus === SIDR_STATUSES.valid && qpnOf(other) === named,
    );
    if (!belongsTo(side, bytes, at + privateData.byte) || !isGiven) {
      consumer.world.fail('parameters', 'the answer to a resolution is not one that was given', side);
    }
  }
  side.ending = 'sidr_rep_received';
  ended(side);
}
