import { vi } from 'vitest';
import { SeededRandom, TimerWheel } from '../../src/base/index.js';
import { ChannelAdapter } from '../../src/ca/index.js';
import { CepStore } from '../../src/cep/cep-store.js';
import { CepCore } from '../../src/cep/core.js';
import { increment } from '../../src/cep/counters.js';
import { EVENT } from '../../src/cep/event-queue.js';
import { Identities } from '../../src/cep/identities.js';
import { ListenMap } from '../../src/cep/listen-map.js';
import { MadPool } from '../../src/cep/mad-pool.js';
import { PeerRequests } from '../../src/cep/peer-requests.js';
import { SlotIndex } from '../../src/cep/slot-index.js';
import { TimingTable } from '../../src/cep/timing.js';
import type { Invariant, MakeAdapter } from '../../src/sim/index.js';
import {
  APR,
  ATTRIBUTE_ID,
  MESSAGE_NAMES,
  MESSAGE_NUMBER,
  type MessageName,
  REP,
  SIDR_REP,
} from '../../src/wire/index.js';

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
function tamper(change: (bytes: Uint8Array, at: number, message: MessageName) => void): void {
  replace(CepCore.prototype, 'transmit', (original, self, args) => {
    const mad = args[1] as number;
    if (mad !== 0) change(self.mads.bytes, self.at(mad), MESSAGE_NAMES[self.messageOf(mad)] as MessageName);
    return original.apply(self, args);
  });
}

const REQ_ATTRIBUTE = 0x10;
const DREP_ATTRIBUTE = 0x16;
const MAD_HEADER_BYTES = 24;

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
        if (args[1] === EVENT.drep_received) original.apply(self, args);
      });
    },
  },
  {
    name: 'the end of timewait is not told',
    breaks: ['rest'],
    plant: () => {
      const isLost = everyNth(20);
      replace(CepCore.prototype, 'tell', (original, self, args) => {
        if (args[1] === EVENT.timewait_exit && isLost()) return;
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
        if (isCounted()) increment(adapter.cep.counters.messages.received, MESSAGE_NUMBER.REQ);
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
  {
    name: 'the answer to a resolution names another queue pair',
    breaks: ['parameters'],
    plant: () => {
      tamper((bytes, at, message) => {
        if (message === 'SIDR_REP') SIDR_REP.fields.qpn.put(bytes, at, 5);
      });
    },
  },
  {
    name: 'a duplicate of a SIDR_REQ is not recognised',
    breaks: ['duplicate'],
    plant: () => replace(Identities.prototype, 'findRequester', () => 0),
  },
  {
    name: 'an APR says another status than the consumer did',
    breaks: ['parameters'],
    plant: () => {
      tamper((bytes, at, message) => {
        if (message === 'APR') APR.fields.apStatus.put(bytes, at, APR.fields.apStatus.get(bytes, at) ^ 3);
      });
    },
  },
  {
    name: 'a prepared message that is not sent is not given back',
    breaks: ['leftover'],
    plant: () => {
      replace(CepCore.prototype, 'prepare', (original, self, args) =>
        args[1] === 0 ? Object.assign(args[0] as object, { preparedMad: 0 }) : original.apply(self, args),
      );
    },
  },
  {
    name: 'a listener on one port gets nothing',
    breaks: ['listener'],
    plant: () => {
      replace(ListenMap.prototype, 'find', (original, self, [high, low, , ...rest]) =>
        original.apply(self, [high, low, 0, ...rest]),
      );
    },
  },
  {
    name: 'a listener that compares private data gets all',
    breaks: ['listener'],
    plant: () => {
      replace(ListenMap.prototype, 'find', (original, self, [high, low, port, bytes, at, length]) => {
        const copy = Uint8Array.from(bytes as Uint8Array);
        copy[(at as number) + 8] = 1;
        return original.apply(self, [high, low, port, copy, at, length]);
      });
    },
  },
  {
    name: 'a request that was answered is still looked for among those of peers',
    breaks: ['leftover', 'event', 'owner', 'assertion'],
    plant: () => replace(PeerRequests.prototype, 'remove', () => undefined),
  },
  {
    name: 'of two sides that ask each other the wrong one gives way',
    breaks: ['role'],
    makeAdapter: ({ caGuid, ...options }) =>
      new ChannelAdapter({ ...options, caGuid: (0x0003_0000_0000_0000n - caGuid) as typeof caGuid }),
  },
  {
    name: 'a timing policy that nobody uses any more is kept',
    breaks: ['leftover'],
    plant: () => skip(TimingTable.prototype, 'drop', 10),
  },
  {
    name: 'it does not matter where a message comes from',
    breaks: ['forgery'],
    plant: () => replace(Identities.prototype, 'isFromPeer', () => true),
  },
  {
    name: "a message reaches a CEP with only a part of the receiver's comm ID right",
    breaks: ['forgery'],
    makeAdapter: (options) => {
      const adapter = new ChannelAdapter(options);
      const original = adapter.cep.handleMad.bind(adapter.cep);
      const inspector = adapter.cep.inspect();
      adapter.cep.handleMad = (bytes, at, ...rest) => {
        // A message whose sender is known reaches its CEP, whatever it says about the receiver.
        const view = new DataView(bytes.buffer, bytes.byteOffset + at + MAD_HEADER_BYTES);
        for (let slot = inspector.highestSlot; slot > 0; slot -= 1) {
          const known = inspector.moveTo(slot) && inspector.knowsRemoteId && inspector.localCommId !== 0;
          const isTaken = inspector.remoteCommId === view.getUint32(0);
          const attribute = ATTRIBUTE_ID.get(bytes, at);
          if (known && isTaken && attribute !== REQ_ATTRIBUTE) view.setUint32(4, inspector.localCommId);
        }
        original(bytes, at, ...rest);
      };
      return adapter;
    },
  },
];
