import type { CmEvent, CmId } from '../../cm/index.js';
import type { ConnectionRequest } from '../../qp/index.js';
import { meantListen } from '../services.js';
import { attemptIn, roundIn, tagOf } from '../tag.js';
import type { World } from '../world.js';
import { answer, depthsOf } from './behaviour.js';
import { rejectRequest } from './end.js';
import { fieldsOf, learn } from './messages.js';
import { nowOf, type QueuePairConsumer, type QueuePairSide } from './queue-pair-consumer.js';

/** Queue pairs that are tried before a request is rejected. */
const TRIES = 4;

/** The passive side: a request is fetched, and accepted with a queue pair, or not. */

/** A listener's callback: what it is told is fetched at once. */
export function admit(consumer: QueuePairConsumer, listener: CmId, { now }: CmEvent): void {
  const world: World = consumer.world;
  const told: { side?: QueuePairSide } = {};
  const request = consumer.host.pairs.getRequest(listener, (event) => {
    if (told.side) withdraw(told.side, event);
  });
  if (request === undefined) world.fail('interface', 'a request that was just told cannot be fetched');
  if (request.event.type === 'sidr_req_received') {
    request.reject({}, now);
    return;
  }
  const { event } = request;
  const fields = fieldsOf(event, 'REQ');
  const attempt = world.attempts[attemptIn(fields.privateData, 0)];
  if (attempt === undefined) world.fail('event', 'a request that nobody sent');
  const { service, extra, port } = attempt.script;
  const meant = consumer.listener(service, meantListen(service, port, extra));
  if (listener.cid !== meant) world.fail('listener', 'a request reached another listener', attempt);
  const side = world.newSide(attempt, 'passive', 'passive', consumer, event.cid);
  told.side = side;
  side.round = roundIn(fields.privateData, 0);
  side.localPsn = (side.part.psn + attempt.passives.length) & 0xff_ffff;
  learn(side, fields);
  const { inspector } = consumer.adapter;
  if (inspector.find(side.cid) && inspector.localCommId !== 0) {
    side.localCommId = inspector.localCommId;
    world.attemptsByCommId.set(side.localCommId, attempt);
  }
  attempt.passives.push(side);
  consumer.sides.set(side.cid, side);
  consumer.requests.set(side, request);
  consumer.note(side, event);
  side.hasRequest = true;
  if (side.part.destroyAfter > 0) world.later(side.part.destroyAfter, side, 'destroy');
  answer(side);
}

/** Its sender has taken it back. */
function withdraw(side: QueuePairSide, event: CmEvent): void {
  const { consumer } = side;
  consumer.note(side, event);
  side.ending = event.type;
  side.phase = 'over';
  consumer.sides.delete(side.cid);
  consumer.requests.delete(side);
}

/**
 * Accepts with a queue pair; with another one if its number is in use (R3). If the CM refuses, the request is as it was; if the queue pair
 * cannot follow, it is over, and nothing is left of it (R8).
 */
export function accept(side: QueuePairSide, request: ConnectionRequest): void {
  const { consumer, part, localPsn: startingPsn, port } = side;
  const { adapter, world } = consumer;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const hosted = consumer.takeQueuePair(part.qpn < 0.5 && tries === 0);
    if (hosted === undefined) break;
    const { queuePair } = hosted;
    const isHeld = adapter.isQpnHeld(port, queuePair.qpn);
    const timing = part.timing && { timing: part.timing };
    const reply = { startingPsn, privateData: tagOf(side), ...depthsOf(consumer), ...timing };
    const call = (): void => queuePair.accept(request, reply, nowOf(side));
    const code = consumer.call(side, 'formatRep', call, ...(isHeld ? ['QPN_IN_USE'] : []));
    if (code === undefined) {
      if (isHeld) world.fail('qpn', 'accept took a queue pair that is in use', side);
      consumer.requests.delete(side);
      side.localQpn = queuePair.qpn;
      side.sentReply = true;
      consumer.give(side, hosted);
      return;
    }
    consumer.free.push(hosted);
    // Its sender has taken it back, which is told yet.
    if (code === 'INVALID_STATE') return;
    if (request.over) {
      if (adapter.inspector.find(side.cid)) world.fail('queuePair', 'an accept that failed leaves its CEP (R8)', side);
      consumer.requests.delete(side);
      consumer.sides.delete(side.cid);
      side.phase = 'gone';
      return;
    }
    if (code !== 'QPN_IN_USE') break;
  }
  rejectRequest(side, request);
}
