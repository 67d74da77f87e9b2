import type { ChannelAdapter } from '../ca/index.js';
import { MESSAGE_NAMES } from '../wire/index.js';
import { droppedPackets } from './fabric.js';
import type { SimAdapter } from './sim-adapter.js';
import type { World } from './world.js';

/** What an adapter counted must add up to what the fabric brought and took. */
export function checkCounters(world: World, adapter: SimAdapter, ca: ChannelAdapter): void {
  const { counters } = ca.cep;
  const fail = (what: string, counted: number, seen: number): never =>
    world.fail('counters', `adapter ${adapter.number} counts ${counted} ${what}; the fabric saw ${seen}`);
  let received = 0;
  let duplicates = 0;
  for (const message of MESSAGE_NAMES) {
    const sent = counters.sent[message];
    if (sent !== adapter.taken[message]) fail(`${message}s sent`, sent, adapter.taken[message]);
    if (counters.retries[message] > sent) fail(`${message}s sent again`, counters.retries[message], sent);
    if (counters.duplicates[message] > counters.received[message]) {
      fail(`duplicates of ${message}`, counters.duplicates[message], counters.received[message]);
    }
    received += counters.received[message];
    duplicates += counters.duplicates[message];
  }
  const arrived = received + counters.drops.malformed + droppedPackets(ca);
  if (arrived !== adapter.delivered) fail('messages received', arrived, adapter.delivered);
  // No message was forged: each that is dropped is counted once, and no more than came in.
  const { noBuffers, transmitQueueFull, ...drops } = counters.drops;
  const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
  if (dropped > received) fail('messages dropped', dropped, received);
  if (drops.duplicate > duplicates + counters.received.REQ) fail('duplicates dropped', drops.duplicate, duplicates);
}

/** Nothing that a manager can hold is left over. */
export function checkLeftovers(world: World, adapter: SimAdapter, ca: ChannelAdapter): void {
  const left = Object.entries(ca.cep.usage()).filter(([, count]) => count !== 0);
  if (left.length === 0) return;
  const list = left.map(([what, count]) => `${count} ${what}`).join(', ');
  world.fail('leftover', `adapter ${adapter.number} still holds ${list}`);
}
