import { Consumer } from '../consumer.js';
import { QueuePairConsumer } from '../queue-pairs/queue-pair-consumer.js';
import type { Listen } from '../services.js';
import { INTERFACE_KINDS, type InterfaceKind, type InterfaceSetting } from '../settings.js';
import type { SimAdapter } from '../sim-adapter.js';
import type { World } from '../world.js';
import type { AnyConsumer } from './any-consumer.js';
import { cepPort, cmPort } from './port.js';

/** A consumer of an adapter, with the interface that the settings say. Where they are mixed, neighbours have different ones. */
export function consumerOf(world: World, adapter: SimAdapter, number: number, listens: readonly Listen[]): AnyConsumer {
  const kind = kindOf(world.settings.interface, adapter.number + number);
  if (kind === 'queue-pairs' || kind === 'data') return new QueuePairConsumer(world, adapter, number, listens);
  return new Consumer(world, adapter, number, kind === 'cm' ? cmPort : cepPort, listens);
}

function kindOf(setting: InterfaceSetting, place: number): InterfaceKind | 'data' {
  return setting === 'mixed' ? (INTERFACE_KINDS[place % INTERFACE_KINDS.length] as InterfaceKind) : setting;
}
