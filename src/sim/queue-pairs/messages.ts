import { assert } from '../../base/index.js';
import type { CmEvent } from '../../cm/index.js';
import type { MessageFields, MessageName } from '../../wire/index.js';
import { belongsTo } from '../tag.js';
import type { QueuePairSide } from './queue-pair-consumer.js';

/** What the message of an event says. */
export function fieldsOf<Name extends MessageName>({ message }: CmEvent, name: Name): MessageFields<Name> {
  assert(message?.message === name, `the event comes from a ${name}`);
  return message.fields as MessageFields<Name>;
}

/** A message must belong to the side's own attempt and try. */
export function checkTag(side: QueuePairSide, privateData: Uint8Array, what: string): void {
  if (!belongsTo(side, privateData, 0)) side.consumer.world.fail('parameters', `${what} of another attempt`, side);
}

/** What the peer says of itself in a REQ or REP. */
export function learn(side: QueuePairSide, fields: MessageFields<'REQ'> | MessageFields<'REP'>): void {
  side.remoteQpn = fields.localQpn;
  side.remotePsn = fields.startingPsn;
  side.remoteCommId = fields.localCommId;
}
