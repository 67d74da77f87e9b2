import { assert } from '../base/index.js';
import { checkParameters } from './agreement.js';
import { SHORTEST_WAIT_US } from './part.js';
import type { AnySide, Side } from './side.js';

/** From an established connection to its end, and what comes after it. */

const NOTHING = {};
const AGAIN_AFTER_US = 5_000;

/** The side believes that the connection stands. */
export function establish(side: AnySide): void {
  const { consumer, part } = side;
  side.phase = 'established';
  checkParameters(consumer.world, side);
  if (part.end !== 'wait') consumer.world.later(part.hold, side, 'end');
}

/** Ends an established connection as the script says; one that would wait for the other side disconnects. */
export function end(side: Side): void {
  if (side.part.end === 'destroy') side.consumer.destroy(side);
  else disconnect(side);
}

export function disconnect(side: Side): void {
  if (side.sentDreq || side.hasDreq) return;
  const { consumer, part } = side;
  const parameters = part.timing ? { timing: part.timing } : NOTHING;
  const code = consumer.call(side, 'sendDreq', (owner, cid, now) => owner.sendDreq(cid, parameters, now));
  if (code === undefined) side.sentDreq = true;
  else if (code === 'LIMIT_REACHED') consumer.destroy(side);
}

/** The peer disconnects. */
export function onDisconnect(side: Side): void {
  const { consumer, part } = side;
  if (part.onDisconnect === 'answer' || (part.onDisconnect === 'answerLate' && consumer.world.isFinal)) {
    answerDisconnect(side);
  } else if (part.onDisconnect === 'answerLate') {
    consumer.world.later(part.answerAfter, side, 'answerDisconnect');
  } else {
    consumer.destroy(side);
  }
}

/** Crossing DREQs: the DREP to ours may have ended it before we answer theirs. */
export function answerDisconnect(side: Side): void {
  const { consumer } = side;
  const code = consumer.call(side, 'sendDrep', (owner, cid, now) => owner.sendDrep(cid, NOTHING, now));
  if (code === undefined) ended(side);
  else if (code === 'LIMIT_REACHED') consumer.destroy(side);
}

/** The attempt has ended, by an event or a call. Timewait follows, if the CEP is in it or has unread events (its end). */
export function ended(side: Side): void {
  const { consumer } = side;
  const { inspector } = consumer.adapter;
  side.phase = 'ended';
  assert(inspector.find(side.cid), 'a CEP of ours exists');
  const timewait = inspector.state !== 'IDLE' || inspector.unreadEvents > 0;
  consumer.forgetQpn(side);
  if (!timewait) over(side);
  else if (side.part.leavesAtTimewait) consumer.destroy(side);
}

/** Nothing is lost any more, nobody sleeps, and no answer takes as long as the shortest time that a script waits. */
export function checkAnswered(side: AnySide): void {
  const { world } = side.consumer;
  const { latencyUs, jitterUs } = world.settings;
  if (!world.isFinal || world.hasOverflowed || 2 * (latencyUs + jitterUs) >= SHORTEST_WAIT_US) return;
  world.fail('finalAnswer', `the ${side.role} side's DREQ was not answered`, side);
}

/** The CEP is in IDLE again. */
export function over(side: Side): void {
  side.phase = 'over';
  const { attempt, part, consumer, ending } = side;
  const failed = ending === 'req_error' || ending === 'rej_received' || ending === 'sidr_req_error';
  if (side.role === 'active' && failed && attempt.round < attempt.script.again && !consumer.world.isHealed) {
    consumer.world.later(AGAIN_AFTER_US, side, 'again');
  } else if (!part.lingers) {
    consumer.destroy(side);
  }
}
