import { assert } from '../base/index.js';
import type { CepEvent, ReqParameters } from '../cep/index.js';
import { REP } from '../wire/index.js';
import { establish } from './ending.js';
import { askPeer } from './peer-to-peer.js';
import { resolve } from './resolving.js';
import { peerServiceId, serviceIdOf } from './services.js';
import type { AnySide, Side } from './side.js';
import { belongsTo, isFromQueuePair, tagOf } from './tag.js';

/** The active side: REQ, and the RTU that answers the REP. */

/** The first call of an attempt, or of another try. */
export function begin(side: Side): void {
  const { attempt, consumer, part } = side;
  const { world, adapter } = consumer;
  const { inspector } = adapter;
  const isCrossing = attempt.actives.length > 0 && attempt.script.kind === 'peerToPeer';
  side.round = attempt.round;
  side.localPsn = part.psn;
  attempt.actives.push(side);
  if (!(attempt.script.kind === 'resolve' ? resolve(side) : request(side))) {
    consumer.destroy(side);
    return;
  }
  if (attempt.script.kind === 'resolve') world.resolutions += 1;
  else if (!isCrossing) world.lifecycles += 1;
  assert(inspector.find(side.cid), 'a CEP that was just used exists');
  side.localCommId = inspector.localCommId;
  world.attemptsByCommId.set(side.localCommId, attempt);
  if (part.destroyAfter > 0) world.later(part.destroyAfter, side, 'destroy');
  if (attempt.script.kind === 'peerToPeer' && !isCrossing) askPeer(attempt);
}

/** The same again, with the same CEP. */
export function again(side: Side): void {
  const { attempt, consumer, cid } = side;
  attempt.round += 1;
  const next = consumer.world.newSide(attempt, 'active', 'active', consumer, cid);
  consumer.sides.set(cid, next);
  begin(next);
}

/** @returns whether there is a request, sent or prepared. */
function request(side: Side): boolean {
  const { consumer, part } = side;
  if (part.preparesFor === 0 || consumer.owner.formatReq === undefined) {
    return consumer.callWithQpn(side, 'sendReq', (owner, cid, now) => owner.sendReq(cid, requestOf(side), now));
  }
  const made = consumer.callWithQpn(side, 'formatReq', (owner, cid, now) =>
    owner.formatReq?.(cid, requestOf(side), now),
  );
  if (made) {
    side.isPrepared = true;
    consumer.world.later(part.preparesFor, side, 'launchRequest');
  }
  return made;
}

/** Sends the REQ that was made. */
export function launchRequest(side: Side): void {
  if (!side.isPrepared) return;
  side.isPrepared = false;
  const code = side.consumer.call(side, 'sendFormatted', (owner, cid, now) => owner.sendFormatted(cid, now));
  if (code !== undefined) side.consumer.destroy(side);
}

/** The REQ that begins a side's attempt. */
export function requestOf(
  side: Pick<AnySide, 'attempt' | 'round' | 'consumer' | 'part' | 'port' | 'localQpn' | 'localPsn' | 'otherAdapter'>,
): ReqParameters {
  const { attempt, consumer, part, port } = side;
  const { kind, service, extra, packetLife, responseTimeout, retries, passive } = attempt.script;
  const isPeer = kind === 'peerToPeer';
  const request = {
    path: consumer.adapter.pathTo(side.otherAdapter, port, packetLife),
    serviceId: isPeer ? peerServiceId(attempt.number) : serviceIdOf(service, passive.owner, extra),
    peerToPeer: isPeer,
    qpn: side.localQpn,
    startingPsn: side.localPsn,
    remoteCmResponseTimeout: responseTimeout,
    localCmResponseTimeout: responseTimeout,
    maxCmRetries: retries,
    privateData: tagOf(side),
  };
  return part.timing ? { ...request, timing: part.timing } : request;
}

/** What the REP says about the peer. */
export function learnReply(side: Side, { bytes, at }: CepEvent): void {
  const tag = at + REP.fields.privateData.byte;
  if (!belongsTo(side, bytes, tag) && !isFromQueuePair(side, bytes, tag)) {
    side.consumer.world.fail('parameters', 'a REP that answers another REQ', side);
  }
  side.remoteQpn = REP.fields.localQpn.get(bytes, at);
  side.remotePsn = REP.fields.startingPsn.get(bytes, at);
  side.remoteCommId = REP.fields.localCommId.get(bytes, at);
}

/** Answers the REP with an RTU: for this side the connection stands. Data may reach the peer before the RTU. */
export function confirm(side: Side): void {
  const { consumer, attempt } = side;
  const code = consumer.call(side, 'sendRtu', (owner, cid, now) => owner.sendRtu(cid, NOTHING, now));
  if (code === 'LIMIT_REACHED') consumer.destroy(side);
  if (code !== undefined) return;
  establish(side);
  const { dataAfter, proposeAfter } = attempt.script;
  const { peer } = side;
  if (dataAfter > 0 && peer !== undefined) consumer.world.later(dataAfter, peer, 'data');
  if (proposeAfter > 0) consumer.world.later(proposeAfter, side, 'propose');
}

const NOTHING = {};
