import { afterEach, describe, expect, test, vi } from 'vitest';
import { CepCore } from '../../src/cep/core.js';
import { EVENT } from '../../src/cep/event-queue.js';
import { Identities } from '../../src/cep/identities.js';
import { CepManager, type PathAddress, STATES } from '../../src/cep/index.js';
import { SlotIndex } from '../../src/cep/slot-index.js';
import { counterexampleLadder, type Exploration, type ExploreOptions, explore, SCRIPTS } from '../../src/sim/index.js';
import { ATTRIBUTE_ID, MESSAGE_NUMBER, type MessageName, MRA, messageNameOf, REP } from '../../src/wire/index.js';

/** Bugs that are planted in the manager, to see that the explorer finds them: a checker that finds nothing proves nothing. */

afterEach(() => void vi.restoreAllMocks());

const BOUNDS = { losses: 1, duplicates: 1, maxRetries: 1, maxStates: 1_000_000 };

function find(name: string, options: Partial<ExploreOptions> = {}): Exploration {
  const script = SCRIPTS.find((each) => each.name === name);
  if (script === undefined) throw new Error(`no script ${name}`);
  return explore({ script, ...BOUNDS, ...options });
}

/** The violation's invariant, and whether there is a ladder that ends with it. */
function invariantOf({ violation, counterexample }: Exploration): string | undefined {
  if (violation !== undefined) {
    expect(counterexample.at(-1)).toMatchObject({ kind: 'violation', text: violation.message });
    expect(counterexampleLadder(counterexample)).toHaveLength(counterexample.length);
  }
  return violation?.details.invariant;
}

/** A manager that does not see some messages. */
function deafTo(message: MessageName, isDeaf: (manager: CepManager, commId: number) => boolean) {
  return class extends CepManager {
    override handleMad(...args: [Uint8Array, number, number, PathAddress, never]): void {
      const [bytes, at] = args;
      const kind = messageNameOf(ATTRIBUTE_ID.get(bytes, at));
      if (kind === message && isDeaf(this, MRA.fields.remoteCommId.get(bytes, at))) return;
      super.handleMad(...args);
    }
  };
}

const isIn =
  (state: string) =>
  (manager: CepManager, commId: number): boolean => {
    const inspector = manager.inspect();
    return inspector.findCommId(commId) && inspector.state === state;
  };

type Call = (...args: unknown[]) => unknown;
/** Replaces a step that handlers are written in. */
function replaceIn<T extends object>(
  prototype: T,
  name: keyof T,
  by: (original: Call, self: T, args: unknown[]) => unknown,
): void {
  const original = prototype[name] as Call;
  vi.spyOn(prototype, name as never).mockImplementation(function (this: T, ...args: unknown[]) {
    return by(original.bind(this), this, args);
  } as never);
}
const replace = (name: keyof CepCore, by: (original: Call, self: CepCore, args: unknown[]) => unknown): void =>
  replaceIn(CepCore.prototype, name, by);

describe('found', () => {
  test('a repeated DREQ that is not answered from timewait', () => {
    const Deaf = deafTo('DREQ', isIn('TIMEWAIT'));
    expect(invariantOf(find('disconnect', { make: (options) => new Deaf(options) }))).toBe('answer');
  });

  test('a repeated REP that is not answered with an RTU', () => {
    const Deaf = deafTo('REP', isIn('ESTABLISHED'));
    expect(invariantOf(find('connect', { make: (options) => new Deaf(options) }))).toBe('answer');
  });

  test('a REJ that an established connection does not hear', () => {
    const Deaf = deafTo('REJ', isIn('ESTABLISHED'));
    expect(invariantOf(find('connect', { make: (options) => new Deaf(options) }))).toBe('agreement');
  });

  test('a retry timer that is forgotten', () => {
    replace('armRetry', () => undefined);
    expect(invariantOf(find('connect'))).toBe('timer');
  });

  test('a timer that runs where nothing is awaited', () => {
    replace('enter', (enter, self, args) => {
      enter(...args);
      if (args[1] === STATES.indexOf('ESTABLISHED')) self.armRetry(args[0] as never);
    });
    expect(invariantOf(find('connect'))).toBe('timer');
  });

  test.each(['rtu_received', 'rep_received', 'drep_received', 'rej_received', 'timewait_exit'] as const)(
    '%s, told twice',
    (type) => {
      replace('tell', (tell, _, args) => {
        tell(...args);
        if (args[1] === EVENT[type]) tell(...args);
      });
      expect(invariantOf(find('disconnect'))).toMatch(/event|ending/);
    },
  );

  test.each(['req_error', 'rep_error', 'rej_received', 'dreq_error', 'drep_received'] as const)(
    '%s, not told',
    (type) => {
      replace('tell', (tell, _, args) => (args[1] === EVENT[type] ? undefined : tell(...args)));
      expect(invariantOf(find('disconnect'))).toMatch(/event|untold/);
    },
  );

  test('a PSN that the peer never named', () => {
    replace('transmit', (transmit, self, args) => {
      const mad = args[1] as number;
      if (mad !== 0 && self.messageOf(mad) === MESSAGE_NUMBER.REP)
        REP.fields.startingPsn.put(self.mads.bytes, self.at(mad), 1);
      return transmit(...args);
    });
    expect(invariantOf(find('connect'))).toBe('parameters');
  });

  test('a queue pair that is not given back', () => {
    replaceIn(SlotIndex.prototype, 'remove', () => undefined);
    expect(invariantOf(find('connect'))).toBe('usage');
  });

  test('a buffer that is not given back', () => {
    replace('keep', (keep, self, args) => {
      self.mads.share(args[1] as number);
      keep(...args);
    });
    expect(invariantOf(find('connect'))).toBe('leftover');
  });

  test('an assertion that fails', () => {
    replace('countRetry', () => {
      throw new TypeError('planted');
    });
    const { violation } = find('sidr');
    expect(violation?.message).toBe('assertion: something is thrown: planted');
  });
});

describe('the budgets are kept', () => {
  test('what takes a loss is found with one, and not without', () => {
    // A DREQ that is not repeated comes in the end, unless it is lost.
    replace('countRetry', (countRetry, self, args) => {
      countRetry(...args);
      if (args[1] === MESSAGE_NUMBER.DREQ)
        vi.spyOn(self, 'transmit').mockImplementationOnce((_, mad) => self.mads.drop(mad));
    });
    const bounds = { duplicates: 0, maxRetries: 1 };
    expect(invariantOf(find('disconnect', { ...bounds, losses: 0 }))).toBeUndefined();
    expect(invariantOf(find('disconnect', { ...bounds, losses: 1 }))).toBe('agreement');
  });

  test('what takes a duplicate is found with one, and not without', () => {
    // Without retries, nothing but a duplicate comes when its sender is known already.
    replaceIn(Identities.prototype, 'findRemoteId', () => 0);
    replaceIn(Identities.prototype, 'findRemoteQpn', () => 0);
    const bounds = { maxRetries: 0, losses: 0 };
    expect(invariantOf(find('connect', { ...bounds, duplicates: 0 }))).toBeUndefined();
    expect(invariantOf(find('connect', { ...bounds, duplicates: 1 }))).toBe('peer');
  });
});
