import { afterEach, expect, test, vi } from 'vitest';
import type { Cid, Reference } from '../../src/base/index.js';
import { CidSlots } from '../../src/cep/cid-slot.js';
import { Identities } from '../../src/cep/identities.js';
import type { CidSlot } from '../../src/cep/index.js';
import { CepOwner } from '../../src/cep/owner.js';
import { CmInterface } from '../../src/cm/index.js';
import { QueuePair } from '../../src/verbs/queue-pair.js';
import { explore } from './orders.js';
import { races } from './race.js';
import { SCENARIOS } from './scenarios.js';

/** Violations that are planted, to see that the tests of the orders find them: a checker that finds nothing proves nothing. */

afterEach(() => void vi.restoreAllMocks());

type Call = (...args: never[]) => unknown;

/** Replaces a method by one that gets the original, and what it is called on. */
function replace<T extends object, Name extends keyof T>(
  prototype: T,
  name: Name,
  by: (self: T, original: Call, args: never[]) => unknown,
): void {
  const original = prototype[name] as Call;
  vi.spyOn(prototype, name as never).mockImplementation(function (this: T, ...args: never[]) {
    return by(this, original.bind(this), args);
  } as never);
}

const accepting = (): string | undefined => explore(SCENARIOS['accepting, while either queue pair is destroyed']).wrong;
/** What is wrong when the queue pair is destroyed at any place of a connect. */
const destroyedWhileConnecting = (): string[] =>
  races((world) => {
    const client = world.client.create('client');
    return {
      end: world.client,
      call: () => client.connect(world.request(), world.now),
      intruder: () => world.client.destroy(client, world.now),
    };
  }).flatMap(({ wrong }) => wrong);

test('R6: what a slot held in one turn, destroyed in a later one', () => {
  const slots = new Map<CidSlot, Cid | undefined>();
  replace(CepOwner.prototype, 'bind', (_, bind, args) => {
    bind(...args);
    const slot = args[1] as unknown as CidSlot;
    if (!slots.has(slot)) slots.set(slot, undefined);
  });
  replace(CmInterface.prototype, 'poll', (_, poll, args) => {
    for (const slot of slots.keys()) slots.set(slot, slot.cid);
    return poll(...args);
  });
  replace(CmInterface.prototype, 'destroySlot', (_, destroySlot, args) => {
    const slot = args[0] as unknown as CidSlot;
    // Bound since it was looked at: nobody destroys the CEP.
    if (slot.cid === undefined || slots.get(slot) === slot.cid) destroySlot(...args);
  });
  expect(accepting()).toMatch(/is gone 0 times|is being destroyed/);
});

test('R10: a reference that the owner releases before it destroys the CEP', () => {
  const references = new Map<QueuePair, (() => void)[]>();
  replace(QueuePair.prototype, 'hold', (self, hold, args): Reference => {
    const { holder, release } = hold(...args) as Reference;
    let released = false;
    const once = (): void => {
      if (!released) release();
      released = true;
    };
    references.set(self, [...(references.get(self) ?? []), once]);
    return { holder, release: once };
  });
  replace(QueuePair.prototype, 'destroy', (self, destroy, args) => {
    for (const release of references.get(self) ?? []) release();
    destroy(...args);
  });
  expect(accepting()).toMatch(/is gone before its CEP/);
});

test('R9: a reference that is released in two ways', () => {
  replace(QueuePair.prototype, 'hold', (_, hold, args) => {
    const reference = hold(...args) as Reference;
    return {
      holder: reference.holder,
      release: () => {
        reference.release();
        reference.release();
      },
    };
  });
  expect(accepting()).toMatch(/twice/);
});

test('R9: a reference that the CEP’s destroyed callback does not release', () => {
  replace(QueuePair.prototype, 'hold', (_, hold, args) => ({ ...(hold(...args) as Reference), release: () => {} }));
  expect(accepting()).toMatch(/is gone 0 times/);
});

test('R9: a queue pair that nobody holds for its CEP', () => {
  replace(QueuePair.prototype, 'hold', () => ({ holder: 'cep', release: () => {} }));
  expect(accepting()).toMatch(/is gone before its CEP|CEP is bound to a queue pair that was destroyed/);
});

test('R7: a CEP bound to a slot that is reserved', () => {
  expect(destroyedWhileConnecting()).toEqual([]);
  vi.spyOn(CidSlots.prototype, 'check').mockImplementation(() => {});
  expect(destroyedWhileConnecting().join()).toMatch(/is being destroyed/);
});

test('R8: an accept that fails and leaves its CEP alone', () => {
  vi.spyOn(CmInterface.prototype, 'destroyId').mockImplementation(() => {});
  expect(accepting()).toMatch(/2 IDs, not 1/);
});

test('R8: a queue pair whose destruction leaves its CEP alone', () => {
  vi.spyOn(CmInterface.prototype, 'destroySlot').mockImplementation(() => {});
  expect(accepting()).toMatch(/is gone 0 times/);
});

test('R3: a queue pair number that is not looked for among those in use', () => {
  vi.spyOn(Identities.prototype, 'isQpnInUse').mockReturnValue(false);
  expect(explore(SCENARIOS['giving up on both sides of a connection and connecting again']).wrong).toMatch(
    /two connections use one queue pair/,
  );
});

test('R11: the end of a queue pair, told from within the call', () => {
  replace(QueuePair.prototype, 'destroy', (_, destroy, args) => {
    destroy(...args);
    (args[0] as (() => void) | undefined)?.();
  });
  expect(accepting()).toMatch(/called back from within the call/);
});

test('R22: the end of a queue pair, told twice', () => {
  replace(QueuePair.prototype, 'destroy', (_, destroy, args) => {
    const whenDestroyed = args[0] as (() => void) | undefined;
    destroy((() => {
      whenDestroyed?.();
      whenDestroyed?.();
    }) as never);
  });
  expect(accepting()).toMatch(/is gone 2 times/);
});
