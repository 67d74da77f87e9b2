import type { Random, ServiceId } from '../base/index.js';
import type { PathAddress } from '../cep/index.js';
import {
  beginMad,
  MAD_BYTES,
  MESSAGES,
  type MessageInit,
  type MessageName,
  REJECT_REASONS,
  writeFields,
} from '../wire/index.js';
import type { AnySide } from './side.js';
import { caGuidOf, gidOf, type SimAdapter } from './sim-adapter.js';
import { oneOf } from './streams.js';
import type { World } from './world.js';

/**
 * An attacker who is not on the way, and knows all of a connection but one thing: the receiver's comm ID, the sender's, the
 * queue pair, or an address from which it can send. Whatever it sends must change no CEP.
 */
type Unknown = 'receiver' | 'sender' | 'qpn' | 'address';
type Forged = Exclude<MessageName, 'SIDR_REQ' | 'SIDR_REP'>;

/** Which messages are tried without what. A REQ is only told from a new one, or from a peer that forgot, by its address. */
const FORGERIES: readonly (readonly [Forged, Unknown])[] = [
  ...(['REJ', 'DREQ', 'DREP', 'RTU', 'MRA', 'REP', 'LAP', 'APR'] as const).flatMap((message) =>
    (['receiver', 'sender', 'address'] as const).map((unknown) => [message, unknown] as const),
  ),
  ['DREQ', 'qpn'],
  ['LAP', 'qpn'],
  ['REQ', 'address'],
];
/** No adapter has this number. */
const ATTACKER = 250;
const NOBODYS_SERVICE = 0x01ff_0000n as ServiceId;

/** Forges a message to one of the adapter's connections, if it has any, and checks that nothing came of it. */
export function forge(world: World, adapter: SimAdapter, random: Random): void {
  const { ca, inspector, books } = adapter;
  const sides = adapter.consumers.flatMap((consumer) => [...consumer.sides.values()].filter(isTarget));
  const [message, wanted] = oneOf(random, FORGERIES);
  if (ca === undefined || sides.length === 0) return;
  const side = oneOf(random, sides);
  if (!inspector.find(side.cid)) world.fail('owner', 'a CID of ours names no CEP', side);
  const unknown = isKnownSoFar(side, inspector.knowsRemoteId, wanted) ? wanted : 'address';
  const bytes = new Uint8Array(MAD_BYTES);
  beginMad(MESSAGES[message], bytes, 0);
  writeFields(MESSAGES[message].fields as object, valuesOf(side, adapter, message, unknown, random), bytes, 0);
  const deadline = inspector.timerDeadline;
  books.balance();
  adapter.delivered += 1;
  world.forgeries += 1;
  ca.cep.handleMad(bytes, 0, MAD_BYTES, wayBackTo(adapter, side, unknown), world.now);
  const changed = inspector.nextChanged(0);
  inspector.find(side.cid);
  if (changed === 0 && inspector.timerDeadline === deadline) return;
  world.fail(
    'forgery',
    `a forged ${message} that lacks the ${unknown} changed CEP ${changed}, in ${inspector.state}`,
    side,
  );
}

const isTarget = ({ phase, attempt, localCommId }: AnySide): boolean =>
  attempt.script.kind !== 'resolve' && localCommId !== 0 && (phase === 'open' || phase === 'established');

/**
 * Before a side knows its peer's comm ID, that is no secret that could protect it; and an answer that goes to the peer because the
 * receiver's comm ID is wrong must find a peer that knows ours.
 */
function isKnownSoFar({ phase }: AnySide, knowsRemoteId: boolean, unknown: Unknown): boolean {
  if (unknown === 'receiver') return phase === 'established';
  return unknown === 'address' || knowsRemoteId;
}

function valuesOf(side: AnySide, { inspector }: SimAdapter, message: Forged, unknown: Unknown, random: Random): object {
  const other = (value: number, range: number): number => (value + 1 + (random.uint32() % (range - 1))) % range;
  const { localCommId, remoteCommId, localQpn, remoteQpn } = inspector;
  const ends = {
    localCommId: unknown === 'sender' ? other(remoteCommId, 2 ** 32) : remoteCommId,
    remoteCommId: unknown === 'receiver' ? other(localCommId, 2 ** 32) : localCommId,
  };
  const remoteQpnEecn = unknown === 'qpn' ? other(localQpn, 2 ** 24) : localQpn;
  const more: { readonly [Name in Forged]?: MessageInit<Name> } = {
    REJ: { reason: REJECT_REASONS.consumerReject, messageRejected: random.uint32() % 3 },
    MRA: { messageMraed: random.uint32() % 3, serviceTimeout: 20 },
    REP: { localQpn: 0xffff, startingPsn: 1 },
    DREQ: { remoteQpnEecn },
    LAP: { remoteQpnEecn },
  };
  if (message !== 'REQ') return { ...ends, ...more[message] };
  const peer = gidOf(side.otherAdapter, side.port);
  const attacker = gidOf(ATTACKER, side.port);
  return {
    localCommId: remoteCommId,
    localCaGuid: caGuidOf(side.otherAdapter),
    localQpn: remoteQpn,
    serviceId: NOBODYS_SERVICE,
    primaryPath: {
      localGid: random.uint32() % 2 === 0 ? peer : attacker,
      remoteGid: gidOf(side.consumer.adapter.number, side.port),
    },
  } satisfies MessageInit<'REQ'>;
}

/** Where the message seems to come from. */
function wayBackTo(adapter: SimAdapter, { port, otherAdapter }: AnySide, unknown: Unknown): PathAddress {
  const remoteGid = gidOf(unknown === 'address' ? ATTACKER : otherAdapter, port);
  return { port, localGid: adapter.gid(port), remoteGid, trafficClass: 0, sourcePort: 0 };
}
