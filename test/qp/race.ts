import { AssertionError, IbcmError } from '../../src/base/index.js';
import type { CmInterface } from '../../src/cm/index.js';
import { type End, World } from './world.js';

/**
 * What may happen between two steps of one call, if calls were not indivisible: an intruder acts before or after each call that the queue pair
 * makes of the CM, one place at a time. Nothing in the queue pair's own code may rely on being alone.
 */

/** The calls of the CM that `connect` and `accept` are made of. */
const CALLS = ['createId', 'sendReq', 'formatRep', 'bind', 'getQpAttr', 'sendFormattedRep'] as const;

type Call = (...args: unknown[]) => unknown;

export interface Race {
  /** What the call threw. */
  readonly error: IbcmError | undefined;
  readonly wrong: readonly string[];
  readonly world: World;
}

/** Lets an intruder act at the given place. @returns whether it has, so far. */
function intrude(cm: CmInterface, place: number, intruder: () => void): () => boolean {
  let places = 0;
  const pass = (): void => {
    if (places === place) {
      places += 1;
      intruder();
    } else places += 1;
  };
  for (const name of CALLS) {
    const original = cm[name] as Call;
    cm[name] = ((...args: unknown[]) => {
      pass();
      const result = original.apply(cm, args);
      pass();
      return result;
    }) as never;
  }
  return () => places > place;
}

/** Makes a call with an intruder at every place in turn, lets all happen that follows, and says what is wrong or left over each time. */
export function races(prepare: (world: World) => { end: End; call: () => void; intruder: () => void }): Race[] {
  const all: Race[] = [];
  for (let place = 0; ; place += 1) {
    const world = new World();
    const { end, call, intruder } = prepare(world);
    const hasActed = intrude(end.cm, place, intruder);
    let error: IbcmError | undefined;
    try {
      call();
    } catch (thrown) {
      if (!(thrown instanceof IbcmError) || thrown instanceof AssertionError) throw thrown;
      error = thrown;
    }
    if (!hasActed()) {
      world.leftovers();
      return all;
    }
    all.push({ error, wrong: afterwards(world), world });
  }
}

function afterwards(world: World): string[] {
  try {
    world.settle();
    const wrong = world.ends.flatMap(({ queuePairs, cm }) =>
      queuePairs
        .filter(({ destroyed, state }) => !destroyed && !cm.closed && state !== 'RESET' && state !== 'RTS')
        .map(({ context, state }) => `${context} stays in ${state}`),
    );
    return [...wrong, ...world.leftovers()];
  } catch (error) {
    return [String(error)];
  }
}
