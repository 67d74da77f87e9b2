import { vi } from 'vitest';
import { SeededRandom, TimerWheel } from '../../src/base/index.js';
import { ChannelAdapter } from '../../src/ca/index.js';
import { CepStore } from '../../src/cep/cep-store.js';
import { CepCore } from '../../src/cep/core.js';
import { Identities } from '../../src/cep/identities.js';
import { MadPool } from '../../src/cep/mad-pool.js';
import { SlotIndex } from '../../src/cep/slot-index.js';
import type { Invariant, MakeAdapter } from '../../src/sim/index.js';
import { ATTRIBUTE_ID, REP } from '../../src/wire/index.js';

/** A fault of ours, planted in the CM under simulation. */
export interface Bug {
  readonly name: string;
  /** The invariants of which one must break. */
  readonly breaks: readonly Invariant[];
  /** Puts it in place; what it mocks is restored by the caller. */
  plant?(): void;
  readonly makeAdapter?: MakeAdapter;
}

/** True every n-th time. */
function everyNth(n: number): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % n === 0;
  };
}

/** Replaces a method by one that gets the original, and what it is called on. */
function replace<T extends object, Name extends keyof T>(
  prototype: T,
  name: Name,
  by: (original: (...args: unknown[]) => unknown, self: T, args: unknown[]) => unknown,
): void {
  const original = prototype[name] as (...args: unknown[]) => unknown;
  vi.spyOn(prototype, name as never).mockImplementation(function (this: T, ...args: unknown[]) {
    return by(original, this, args);
  } as never);
}

/** Loses every n-th call of a method. */
function skip<T extends object>(prototype: T, name: keyof T, n: number): void {
  const isLost = everyNth(n);
  replace(prototype, name, (original, self, args) => (isLost() ? undefined : original.apply(self, args)));
}

/** Does something to a message before it is queued. */
function tamper(change: (bytes: Uint8Array, at: number, message: string) => void): void {
  replace(CepCore.prototype, 'transmit', (original, self, args) => {
    const mad = args[1] as number;
    if (mad !== 0) change(self.mads.bytes, self.at(mad), self.messageOf(mad));
    return original.apply(self, args);
  });
}

const DREP_ATTRIBUTE = 0x16;

export const BUGS: readonly Bug[] = [
  {
    name: 'a queue pair is not given back',
    breaks: ['index', 'leftover', 'qpn'],
    plant: () => skip(SlotIndex.prototype, 'remove', 40),
  },
  {
    name: 'an end is told twice',
    breaks: ['ending'],
    plant: () => {
      replace(CepCore.prototype, 'tell', (original, self, args) => {
        original.apply(self, args);
        if ((args[1] as string) === 'drep_received') original.apply(self, args);
      });
    },
  },
  {
    name: 'the end of timewait is not told',
    breaks: ['rest'],
    plant: () => {
      const isLost = everyNth(20);
      replace(CepCore.prototype, 'tell', (original, self, args) => {
        if ((args[1] as string) === 'timewait_exit' && isLost()) return;
        original.apply(self, args);
      });
    },
  },
  {
    name: 'a timer goes on running',
    breaks: ['timer', 'timerLeft'],
    plant: () => skip(TimerWheel.prototype, 'cancel', 100),
  },
  {
    name: 'a timer is not armed again for the next retry',
    breaks: ['timer'],
    plant: () => skip(CepCore.prototype, 'armRetry', 60),
  },
  {
    name: 'a message buffer is not given back',
    breaks: ['leftover'],
    plant: () => skip(MadPool.prototype, 'drop', 400),
  },
  {
    name: 'a REP says another PSN than the consumer did',
    breaks: ['parameters'],
    plant: () => {
      const isWrong = everyNth(20);
      tamper((bytes, at, message) => {
        if (message !== 'REP' || !isWrong()) return;
        REP.fields.startingPsn.put(bytes, at, REP.fields.startingPsn.get(bytes, at) ^ 1);
      });
    },
  },
  {
    name: 'the active side answers with a REP',
    breaks: ['role'],
    plant: () => {
      tamper((bytes, at, message) => {
        if (message === 'RTU') ATTRIBUTE_ID.put(bytes, at, 0x13);
      });
    },
  },
  {
    name: 'a destroyed CID still works',
    breaks: ['call', 'owner'],
    plant: () => {
      replace(CepStore.prototype, 'slotOfCid', (original, self, args) => {
        const slot = original.apply(self, args) as number;
        return slot !== 0
          ? slot
          : (args[0] as number) % 2 ** 20 <= self.highestSlot
            ? (args[0] as number) % 2 ** 20
            : 0;
      });
    },
  },
  {
    name: 'DREPs are never sent',
    breaks: ['finalAnswer'],
    plant: () => {
      tamper((bytes, at, message) => {
        // The peer drops what is no CM message.
        if (message === 'DREP') ATTRIBUTE_ID.put(bytes, at, DREP_ATTRIBUTE + 0x100);
      });
    },
  },
  {
    name: 'a duplicate of a REQ is not recognised',
    breaks: ['duplicate'],
    plant: () => {
      replace(Identities.prototype, 'findRemoteId', () => 0);
      replace(Identities.prototype, 'findRemoteQpn', () => 0);
    },
  },
  {
    name: 'something that is received is counted twice',
    breaks: ['counters'],
    makeAdapter: (options) => {
      const adapter = new ChannelAdapter(options);
      const original = adapter.cep.handleMad.bind(adapter.cep);
      const isCounted = everyNth(30);
      adapter.cep.handleMad = (...args) => {
        if (isCounted()) adapter.cep.counters.received.REQ += 1;
        original(...args);
      };
      return adapter;
    },
  },
  {
    name: 'the ICRC is not checked',
    breaks: ['icrc'],
    makeAdapter: (options) => new ChannelAdapter({ ...options, icrc: 'ignore' }),
  },
  {
    name: 'after a crash the comm IDs are the same as before',
    breaks: ['parameters', 'agreement', 'event', 'ending', 'rest', 'owner', 'leftover'],
    makeAdapter: (options) => new ChannelAdapter({ ...options, random: new SeededRandom(1) }),
  },
];
