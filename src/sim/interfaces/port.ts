import type { CepManager } from '../../cep/index.js';
import type { Consumer } from '../consumer.js';
import type { CepCalls } from './cep-calls.js';
import { CmCalls } from './cm-calls.js';

/** What a consumer's calls go through, and its events come from. */
export interface Port {
  readonly calls: CepCalls;
  /** Gives all events to the consumer. @returns whether there were any. */
  poll(): boolean;
  close(): void;
}

export type MakePort = (consumer: Consumer, manager: CepManager) => Port;

/** The CEP manager's own interface. */
export const cepPort: MakePort = (consumer, manager) => {
  const calls = manager.openOwner();
  return {
    calls,
    poll: () => {
      let any = false;
      for (let event = calls.pollEvent(); event !== undefined; event = calls.pollEvent()) {
        any = true;
        consumer.handle(event);
      }
      return any;
    },
    close: () => calls.close(consumer.world.now),
  };
};

/** The CM-only interface. */
export const cmPort: MakePort = (consumer, manager) => {
  const { world } = consumer;
  const calls = new CmCalls(
    manager,
    (event) => consumer.handle(event),
    (what) => world.fail('interface', what),
  );
  return {
    calls,
    poll: () => {
      const any = calls.poll(world.now);
      calls.check();
      return any;
    },
    close: () => {
      calls.close(world.now);
      while (calls.poll(world.now));
      calls.check();
      const [left] = calls.leftovers();
      if (left !== undefined) world.fail('leftover', `${left} is left when its interface is closed`);
    },
  };
};
