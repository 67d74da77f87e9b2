import type { ChannelAdapter } from '../ca/index.js';
import { MESSAGE_NAMES } from '../wire/index.js';
import { droppedPackets } from './fabric.js';
import type { SimAdapter } from './sim-adapter.js';
import type { World } from './world.js';

/** What an adapter counted must add up to what the fabric brought and took. */
export function checkCounters(world: World, adapter: SimAdapter, ca: ChannelAdapter): void {
  const { sent, retries, received, duplicates, drops } = ca.cep.counters;
  const fail = (what: string, counted: number, seen: number): never =>
    world.fail('counters', `adapter ${adapter.number} counts ${counted} ${what}; the fabric saw ${seen}`);
  for (const [number, message] of MESSAGE_NAMES.entries()) {
    const taken = adapter.taken[number] as number;
    if (sent[message] !== taken) fail(`${message}s sent`, sent[message], taken);
    if (retries[message] > taken) fail(`${message}s sent again`, retries[message], taken);
    if (duplicates[message] > received[message]) {
      fail(`duplicates of ${message}`, duplicates[message], received[message]);
    }
  }
  const allReceived = sum(received);
  const ofData = ca.transport?.counters.packetsReceived ?? 0;
  const arrived = allReceived + drops.malformed + droppedPackets(ca) + ofData;
  if (arrived !== adapter.delivered) fail('messages received', arrived, adapter.delivered);
  // No message was forged: each that is dropped is counted once, and no more than came in.
  const { noBuffers, transmitQueueFull, ...others } = drops;
  if (sum(others) > allReceived) fail('messages dropped', sum(others), allReceived);
  if (drops.duplicate > sum(duplicates) + received.REQ) fail('duplicates dropped', drops.duplicate, sum(duplicates));
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** When the network has healed and all has come to rest: what stands has done all that it was asked, and what has ended has done a part. */
export function checkFlows(world: World): void {
  for (const { flow, attempt, from, to } of world.flows) {
    if (from.outgoing === flow && to.incoming === flow) flow.check();
    else flow.checkEnded(to.isKnown);
    const [trouble] = flow.trouble;
    if (trouble !== undefined) world.fail('data', trouble, attempt);
  }
}

/** Nothing that a manager can hold is left over. */
export function checkLeftovers(world: World, adapter: SimAdapter, ca: ChannelAdapter): void {
  const left = Object.entries({ ...ca.cep.usage(), ...ca.transport?.usage() }).filter(([, count]) => count !== 0);
  if (left.length === 0) return;
  const list = left.map(([what, count]) => `${count} ${what}`).join(', ');
  world.fail('leftover', `adapter ${adapter.number} still holds ${list}`);
}
