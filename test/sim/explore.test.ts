import { expect, test } from 'vitest';
import { SeededRandom, uniform } from '../../src/base/index.js';
import { LiveSide, makeManager, type SideNumber } from '../../src/sim/explore/live-side.js';
import { MessageTable } from '../../src/sim/explore/message-table.js';
import { Search } from '../../src/sim/explore/search.js';
import { MESSAGES_FROM, SideGraph } from '../../src/sim/explore/side-graph.js';
import { StateSet } from '../../src/sim/explore/state-set.js';
import { explore, SCRIPTS, type Script } from '../../src/sim/index.js';

/** Every order of everything in small scripts. `ibcm explore` does the same with more retries. */

const BOUNDS = { losses: 1, duplicates: 1, maxRetries: 1, maxStates: 2_000_000 };

/** States, transitions and the longest run: whatever changes the protocol changes them, and should say so here. */
const SIZES: Readonly<Record<string, readonly [states: number, transitions: number, depth: number]>> = {
  connect: [15_132, 42_802, 36],
  mra: [30_586, 103_836, 50],
  disconnect: [159_761, 567_597, 47],
  'alternate-path': [67_971, 223_912, 46],
  'alternate-path-disconnect': [133_718, 467_138, 51],
  sidr: [598, 1_651, 12],
  'destroy-active': [38_543, 143_249, 40],
  'destroy-passive': [68_498, 214_286, 39],
  'destroy-both': [252_426, 1_099_955, 42],
  'peer-to-peer': [31_476, 108_798, 36],
};
const small = SCRIPTS.filter(({ name }) => name in SIZES);

test.each(small.map((script) => [SIZES[script.name]?.[0], script.name, script] as const))(
  'nothing goes wrong in any of the %i states of "%s"',
  (_, name, script) => {
    const { states, transitions, depth, violation } = explore({ script, ...BOUNDS });
    expect(violation?.message).toBeUndefined();
    expect([states, transitions, depth]).toEqual(SIZES[name]);
  },
  120_000,
);

const scriptNamed = (name: string): Script => {
  const script = SCRIPTS.find((each) => each.name === name);
  if (script === undefined) throw new Error(`no script ${name}`);
  return script;
};

test('reconnecting with an old REQ on its way ends well when nothing is sent twice', () => {
  const script = { ...scriptNamed('reconnect'), maxRetries: 0 };
  const { states, violation } = explore({ script, losses: 0, duplicates: 0 });
  expect(violation?.message).toBeUndefined();
  expect(states).toBeGreaterThan(1_000);
});

/** What both sides are in when a script may have ended. */
function endsOf(
  script: Script,
  reduces: boolean,
  losses: number,
): { readonly ends: Set<string>; readonly states: number } {
  const bounds = { ...BOUNDS, maxRetries: 0, losses };
  const search = new Search(script, bounds, makeManager, reduces);
  expect(search.run()).toBeUndefined();
  expect(search.longestRun()).toBeGreaterThan(0);
  const ends = new Set<string>();
  for (let state = 0; state < search.size; state += 1) {
    if (!search.isResting(state)) continue;
    const sides = ([0, 1] as const).map((side) =>
      namelessly(search.sides[side].lead(search.side(state, side)).image()),
    );
    ends.add(sides.join('/'));
  }
  return { ends, states: search.size };
}

/** An image in which buffers have no numbers, since the order in which they were seen first may differ. */
const namelessly = (image: string): string => image.replaceAll(/\d+\/\d+\/\d+\/\d+\/\d+/g, 'path');

test.each([
  'connect',
  'mra',
  'disconnect',
  'alternate-path',
  'sidr',
  'destroy-active',
  'destroy-passive',
  'peer-to-peer',
  'cm-only',
  'cm-only-close',
])(
  'the orders that are left out of "%s" lead to no other ends',
  (name) => {
    const script = scriptNamed(name);
    const all = endsOf(script, false, 0);
    const some = endsOf(script, true, 0);
    expect(some.states).toBeLessThan(all.states);
    expect(some.ends).toEqual(all.ends);
  },
  120_000,
);

test('a step from a state is the same whichever way led there', () => {
  for (const { name, plans } of SCRIPTS) {
    const messages = new MessageTable();
    const settings = ([0, 1] as const).map((side) => ({
      side,
      plan: plans[side],
      maxRetries: 2,
      make: makeManager,
      messages,
    }));
    const graphs = settings.map((each) => new SideGraph(each));
    const random = new SeededRandom(1);
    for (let run = 0; run < 30; run += 1) {
      const live = settings.map((each) => new LiveSide(each));
      const at = [0, 0];
      const flight: number[] = [];
      for (let step = 0; step < 60; step += 1) {
        const options = ([0, 1] as const).flatMap((side) =>
          (graphs[side]?.inputs(at[side] ?? 0) ?? []).map((input) => ({ side, input })),
        );
        for (const message of flight) {
          options.push({ side: messages.receiver(message) as SideNumber, input: MESSAGES_FROM + message });
        }
        const choice = options[options.length === 0 ? 0 : uniform(random, options.length)];
        if (choice === undefined) break;
        const { side, input } = choice;
        const [graph, liveSide] = [graphs[side], live[side]];
        if (graph === undefined || liveSide === undefined) throw new Error('two sides');
        const move = graph.move(at[side] ?? 0, input);
        // Some messages are delivered again and again.
        if (input >= MESSAGES_FROM && uniform(random, 4) > 0) flight.splice(flight.indexOf(input - MESSAGES_FROM), 1);
        const sent = liveSide.apply(graph.describe(input));
        expect(sent, name).toEqual(move.sent);
        flight.push(...sent);
        at[side] = move.to;
      }
      for (const side of [0, 1]) expect(live[side]?.image(), name).toBe(graphs[side]?.lead(at[side] ?? 0).image());
    }
  }
}, 120_000);

test('exploring twice gives the same', () => {
  const script = scriptNamed('sidr');
  const [once, again] = [explore({ script, ...BOUNDS }), explore({ script, ...BOUNDS })];
  expect(again).toEqual(once);
});

test('a script beyond the bound is said to be', () => {
  const result = explore({ script: scriptNamed('connect'), maxStates: 1_000 });
  expect(result.violation?.details.invariant).toBe('bound');
});

test('a set of states takes no two for one, and knows each again', () => {
  const set = new StateSet();
  const random = new SeededRandom(7);
  const seen = new Map<string, number>();
  for (let i = 0; i < 200_000; i += 1) {
    const [a, b, c] = [uniform(random, 40), uniform(random, 40), uniform(random, 100)];
    const key = `${a},${b},${c}`;
    const number = seen.get(key) ?? seen.size;
    seen.set(key, number);
    if (set.add(a, b, c) !== number) expect.fail(`${key} is state ${number}`);
  }
  expect(set.size).toBe(seen.size);
});
