import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/index.js';
import { connect, type Fabric, Fabric as NewFabric, outcomesOf, patterned, type Queues } from './fabric.js';
import { disturb } from './model.js';

const LENGTH = 1_500;
const ROUNDS = 3;
/** As many moments as the longest of these scripts has. */
const MOMENTS_MAX = 250;

interface Scene {
  readonly fabric: Fabric;
  readonly a: Queues;
  readonly b: Queues;
  /** Memory of both sides that the other works on. */
  readonly memory: readonly Uint8Array[];
  readonly sends: number;
  readonly receives: number;
}

/** Two queue pairs that send, write, read and add both ways at once. */
function scene(faulty: boolean): Scene {
  const fabric = new NewFabric({ maxUnackedPackets: 4 });
  const [a, b] = [fabric.a.create(), fabric.b.create()];
  connect(a, b, { ackTimeout: 8, minRnrTimer: 3 });
  if (faulty) disturb(fabric, new SeededRandom(7), { loss: 100, duplication: 50, corruption: 0, delay: 300 });
  const memory: Uint8Array[] = [];
  let id = 0;
  for (const [own, peer] of [
    [a, b],
    [b, a],
  ] as const) {
    const [from, back, target, into] = [own, own, peer, peer].map(({ side }) => side.register(LENGTH));
    if (!from || !back || !target || !into) throw new Error('four regions');
    from.bytes.set(patterned(LENGTH));
    memory.push(back.bytes, target.bytes, into.bytes);
    const where = { remoteAddress: target.address, rkey: target.rkey };
    for (let round = 0; round < ROUNDS; round += 1) {
      peer.queues.postReceive({ id: 100 + round, elements: [into.element()] });
      const post = (request: Parameters<typeof own.queues.postSend>[0]): void => {
        id += 1;
        own.queues.postSend({ ...request, id }, fabric.now);
      };
      post({ opcode: 'send', elements: [from.element()] });
      post({ opcode: 'rdmaWrite', elements: [from.element()], ...where });
      post({ opcode: 'rdmaRead', elements: [back.element()], ...where });
      post({ opcode: 'fetchAndAdd', add: 1n, elements: [back.element(0, 8)], ...where });
    }
  }
  return { fabric, a, b, memory, sends: 4 * ROUNDS, receives: ROUNDS };
}

/** Goes on until a moment, counted in steps; false if all was over before. */
function goTo({ fabric }: Scene, moment: number): boolean {
  for (let i = 0; i < moment; i += 1) if (!fabric.step() && !fabric.jump()) return false;
  return true;
}

const count = (outcomes: readonly string[], pattern: RegExp): number =>
  outcomes.filter((outcome) => pattern.test(outcome)).length;

describe.each([
  ['a good network', false],
  ['a bad network', true],
])('At every moment while data moves both ways over %s', (_, faulty) => {
  const moments = (check: (scene: Scene) => void): number => {
    for (let moment = 0; moment < MOMENTS_MAX; moment += 1) {
      const made = scene(faulty);
      const goesOn = goTo(made, moment);
      check(made);
      if (!goesOn) return moment;
    }
    return MOMENTS_MAX;
  };

  /** After it, nothing of one side's memory changes. */
  const expectQuiet = ({ fabric, a, memory }: Scene, lead: () => void): void => {
    lead();
    // Half of the memory is that of a.
    const own = memory.map((bytes) => bytes.slice());
    const ownRegions = [0, 4, 5];
    fabric.run();
    expect(ownRegions.filter((i) => Buffer.compare(memory[i] as Uint8Array, own[i] as Uint8Array) !== 0)).toEqual([]);
    expect(a.side.layer.usage()).toMatchObject({ timers: 0, turns: 0 });
  };

  it('a queue pair that is led to ERR completes each request once, and touches nothing afterwards', () => {
    const tried = moments((made) => {
      const { a, b, sends, receives } = made;
      const before = outcomesOf(a);
      expectQuiet(made, () => a.queuePair.modify({ state: 'ERR' }));
      const all = [...before, ...outcomesOf(a)];
      expect([count(all, /receive/), count(all, /send|rdma|fetch/)]).toEqual([receives, sends]);
      const ids = all.map((outcome) => outcome.split(' ')[0]);
      expect(new Set(ids).size).toBe(sends + receives);
      // Once something is flushed, all behind it is.
      const sent = all.filter((outcome) => !outcome.includes('receive'));
      const flushed = sent.filter((outcome) => outcome.endsWith('flushed'));
      expect(sent.slice(sent.length - flushed.length)).toEqual(flushed);
      expect(count(sent, /success|flushed/)).toBe(sends);
      // The peer finds out by itself, if it wanted anything.
      const peers = outcomesOf(b);
      expect(count(peers, /send|rdma|fetch/)).toBe(sends);
    });
    expect(tried).toBeGreaterThan(20);
  });

  it('a queue pair that is destroyed says and touches nothing afterwards', () => {
    const tried = moments((made) => {
      const { a } = made;
      outcomesOf(a);
      expectQuiet(made, () => a.queuePair.destroy());
      expect(outcomesOf(a)).toEqual([]);
      expect(a.side.events()).toEqual([]);
      expect(a.side.layer.usage()).toMatchObject({ queuePairs: 0, events: 0 });
      a.completions.destroy();
    });
    expect(tried).toBeGreaterThan(20);
  });

  it('a queue pair that is led to RESET forgets, and can be connected again', () => {
    const tried = moments((made) => {
      const { fabric, a } = made;
      outcomesOf(a);
      expectQuiet(made, () => a.queuePair.modify({ state: 'RESET' }));
      expect([outcomesOf(a), a.queues.sends, a.queues.receives]).toEqual([[], 0, 0]);
      const c = fabric.b.create();
      fabric.fate = (bytes) => [{ bytes, delay: 0 }];
      connect(a, c, { psn: 77 });
      c.queues.postReceive({ id: 1 });
      a.queues.postSend({ opcode: 'send', id: 2 }, fabric.now);
      fabric.run();
      expect([outcomesOf(a), outcomesOf(c)]).toEqual([['2 send success'], ['1 receive success']]);
    });
    expect(tried).toBeGreaterThan(20);
  });

  it('memory that is deregistered is not touched afterwards, and no request is lost', () => {
    for (let moment = 0; moment < 60; moment += 1) {
      const fabric = new NewFabric({ maxUnackedPackets: 4 });
      const [a, b] = [fabric.a.create(), fabric.b.create()];
      connect(a, b, { ackTimeout: 8 });
      if (faulty) disturb(fabric, new SeededRandom(moment), { loss: 50, duplication: 50, corruption: 0, delay: 300 });
      const [from, target] = [a.side.register(4_096), b.side.register(4_096)];
      from.bytes.fill(1);
      const where = { remoteAddress: target.address, rkey: target.rkey };
      for (const id of [1, 2, 3]) {
        a.queues.postSend({ opcode: 'rdmaWrite', id, elements: [from.element()], ...where }, fabric.now);
      }
      for (let i = 0; i < moment; i += 1) if (!fabric.step()) fabric.jump();
      target.deregister();
      const bytes = target.bytes.slice();
      fabric.run();
      expect(Buffer.compare(target.bytes, bytes)).toBe(0);
      expect(outcomesOf(a)).toHaveLength(3);
    }
  });
});
