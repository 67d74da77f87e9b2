import type { CmEvent } from '../../cm/index.js';
import { checkTag, fieldsOf, learn } from './messages.js';
import type { QueuePairSide } from './queue-pair-consumer.js';

/** Its own CEP got the peer's request: from now on it is the passive side. */
export function giveWay(side: QueuePairSide, event: CmEvent): void {
  const { attempt, consumer, role, hasReply } = side;
  const { world, adapter } = consumer;
  if (attempt.script.kind !== 'peerToPeer' || role !== 'active' || hasReply) {
    world.fail('owner', 'a request in a CEP that there is already', side);
  }
  const fields = fieldsOf(event, 'REQ');
  checkTag(side, fields.privateData, 'a request that crosses one');
  learn(side, fields);
  const other = side.otherAdapter;
  const isRight = adapter.number === other ? side.localQpn < side.remoteQpn : adapter.number < other;
  if (!isRight) world.fail('role', 'the side with the greater GUID gives way', side);
  attempt.actives.splice(attempt.actives.indexOf(side), 1);
  attempt.passives.push(side);
  side.role = 'passive';
}
