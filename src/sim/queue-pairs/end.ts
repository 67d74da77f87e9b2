import type { CmEvent } from '../../cm/index.js';
import type { ConnectionRequest } from '../../qp/index.js';
import { nowOf, type QueuePairSide } from './queue-pair-consumer.js';

/** The end of a connection, and what becomes of its queue pair. */

const AGAIN_AFTER_US = 5_000;

/** Disconnects. */
export function endConnection(side: QueuePairSide): void {
  if (side.sentDreq || side.hasDreq) return;
  const { consumer, part } = side;
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  if (queuePair === undefined) return;
  const parameters = part.timing ? { timing: part.timing } : {};
  const code = consumer.call(side, 'sendDreq', () => queuePair.disconnect(parameters, nowOf(side)));
  if (code === undefined) side.sentDreq = true;
  else if (code === 'LIMIT_REACHED') letGo(side);
}

/** Gives up what the side has: its request is rejected, its connection given up, or its queue pair destroyed. */
export function letGo(side: QueuePairSide): void {
  const { consumer, attempt } = side;
  const { world } = consumer;
  const request = consumer.requests.get(side);
  if (request !== undefined) {
    rejectRequest(side, request);
    return;
  }
  const hosted = consumer.queuePairs.get(side);
  if (hosted === undefined) return;
  if (attempt.number % 2 === 0) {
    consumer.destroy(hosted);
    return;
  }
  consumer.attempt(side, 'abort', () => hosted.queuePair.abort(nowOf(side)), [undefined]);
  if (hosted.queuePair.state !== 'RESET')
    world.fail('queuePair', 'a connection was given up, and RESET is not reached', side);
  side.phase = 'gone';
  consumer.takeBack(side);
}

/** Refuses a request, or gives it up. */
export function rejectRequest(side: QueuePairSide, request: ConnectionRequest): void {
  const { consumer } = side;
  const code = consumer.attempt(side, 'reject', () => request.reject({}, nowOf(side)), [undefined]);
  // Without room for a REJ. Its sender may give up, but that message may be lost.
  if (code !== undefined) request.destroy(nowOf(side));
  consumer.requests.delete(side);
  side.phase = 'gone';
  consumer.sides.delete(side.cid);
}

/** An event, or a call of its own, has ended the attempt. Timewait follows, unless the queue pair is free already. */
export function ended(side: QueuePairSide, type?: CmEvent['type']): void {
  const { consumer, part } = side;
  side.ending = type;
  side.phase = 'ended';
  const queuePair = consumer.queuePairs.get(side)?.queuePair;
  if (queuePair?.connectionState === undefined) over(side);
  else if (part.leavesAtTimewait) letGo(side);
}

/** The queue pair is free again: for another try, for somebody else, or to be destroyed. */
export function over(side: QueuePairSide): void {
  const { consumer, attempt, part, ending } = side;
  const { world } = consumer;
  const hosted = consumer.queuePairs.get(side);
  side.phase = 'over';
  const failed = ending === 'req_error' || ending === 'rej_received';
  const isAgain = side.role === 'active' && failed && attempt.round < attempt.script.again && !world.isHealed;
  if (isAgain) {
    world.later(AGAIN_AFTER_US, side, 'again');
    return;
  }
  consumer.takeBack(side);
  if (hosted !== undefined && !part.lingers) consumer.destroy(hosted);
}
