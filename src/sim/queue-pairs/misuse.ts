import type { Instant, Random } from '../../base/index.js';
import { below } from '../streams.js';
import type { Hosted, QueuePairConsumer } from './queue-pair-consumer.js';

/** Calls that must fail, with parameters that are right in themselves. */
const CALLS: Readonly<Record<string, (hosted: Hosted, now: Instant) => void>> = {
  disconnect: ({ queuePair }, now) => queuePair.disconnect({}, now),
  sendRtu: ({ queuePair }, now) => queuePair.sendRtu({}, now),
  sendRej: ({ queuePair }, now) => queuePair.sendRej({ reason: 28 }, now),
  sendMra: ({ queuePair }, now) => queuePair.sendMra({}, now),
  sendDrep: ({ queuePair }, now) => queuePair.sendDrep({}, now),
  sendApr: ({ queuePair }, now) => queuePair.sendApr({}, now),
  established: ({ queuePair }, now) => queuePair.established(now),
  migrate: ({ queuePair }, now) => queuePair.migrate(now),
};
const NAMES = Object.keys(CALLS);

/** A consumer makes a call with a queue pair that it has destroyed, or that has no connection (R15, R19). Nothing may change. */
export function misuseQueuePair(consumer: QueuePairConsumer, random: Random): void {
  const { stale, free, world } = consumer;
  const isStale = below(random, 2) === 0;
  const choices = isStale ? stale : free;
  const hosted = choices[below(random, Math.max(1, choices.length))];
  const name = NAMES[below(random, NAMES.length)] as string;
  if (hosted === undefined) return;
  const { state } = hosted.queuePair;
  const expected = isStale ? 'DESTROYED' : 'NOT_CONNECTED';
  consumer.attempt(undefined, name, () => CALLS[name]?.(hosted, world.now), [expected]);
  if (hosted.queuePair.state !== state)
    world.fail('call', `${name} failed, and yet the queue pair is in another state`);
}
