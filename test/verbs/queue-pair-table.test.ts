import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Random, type Reference, ReferenceLedger, SeededRandom } from '../../src/base/index.js';
import {
  DEFAULT_QUEUE_PAIR_LIMITS,
  QPN_COUNT_MAX,
  type QueuePair,
  QueuePairTable,
  type Transport,
} from '../../src/verbs/index.js';
import { errorOf, tables } from './queue-pairs.js';

/** The numbers then begin this many before the last, and go round. */
const nearTheEnd = (before: number): Random => ({ uint32: () => QPN_COUNT_MAX - before });
const QPN_LAST = 0xff_fffe;

describe('numbers', () => {
  test('go round past the last one, and are never those of the SMI, the GSI or a multicast group', () => {
    const { table } = tables({ qpnCount: 8 }, nearTheEnd(3));
    const given = Array.from({ length: 8 }, () => table.create({ transport: 'rc' }).qpn);
    expect(given).toEqual([0xff_fffc, 0xff_fffd, 0xff_fffe, 2, 3, 4, 5, 6]);
  });

  test.each([1, 2, 3, 7, 8])(
    'lead to their own queue pair and no other, when they begin %d before the end',
    (before) => {
      const { table } = tables({ qpnCount: 8 }, nearTheEnd(before));
      const made = new Map<number, QueuePair>();
      for (let each = 0; each < 8; each += 1) {
        const queuePair = table.create({ transport: 'rc' });
        made.set(queuePair.qpn, queuePair);
      }
      const around = Array.from({ length: 40 }, (_, index) => [
        index - 20,
        QPN_LAST - 20 + index,
        2 ** 24 + index,
      ]).flat();
      for (const qpn of [...around, 2 ** 32 - 1, 2 ** 32 + 2, 2.5, Number.NaN]) {
        expect(table.get(qpn), `0x${qpn.toString(16)}`).toBe(made.get(qpn));
      }
    },
  );

  test('differ from start to start', () => {
    const firsts = Array.from(
      { length: 50 },
      (_, seed) => tables({}, new SeededRandom(seed)).table.create({ transport: 'ud' }).qpn,
    );
    expect(new Set(firsts).size).toBe(50);
    expect(firsts.filter((qpn) => qpn >= 2 ** 23).length).toBeGreaterThan(10);
  });

  test('can be all that there are', () => {
    const ledger = new ReferenceLedger();
    const limits = { qpnCount: QPN_COUNT_MAX };
    const table = new QueuePairTable({ random: nearTheEnd(1), ledger, limits });
    const [last, first] = [table.create({ transport: 'rc' }), table.create({ transport: 'rc' })];
    expect([last.qpn, first.qpn]).toEqual([QPN_LAST, 2]);
    expect(table.get(QPN_LAST)).toBe(last);
    expect(table.get(QPN_LAST - 1)).toBeUndefined();
  });
});

describe('maxQueuePairs', () => {
  test('is what there may be at once; those that are destroyed and still held count', () => {
    const { ledger, table } = tables({ maxQueuePairs: 2, qpnCount: 2 });
    const [first, second] = [table.create({ transport: 'rc' }), table.create({ transport: 'rc' })];
    const full = (): void => {
      const { code, details } = errorOf(() => table.create({ transport: 'rc' }));
      expect({ code, details }).toEqual({ code: 'LIMIT_REACHED', details: { limit: 'maxQueuePairs' } });
      expect(table.size).toBe(2);
    };
    full();
    const reference = second.hold('cep');
    second.destroy();
    full();
    ledger.poll();
    full();
    reference.release();
    full();
    ledger.poll();
    expect(table.create({ transport: 'rc' }).qpn).toBe(second.qpn);
    full();
    expect(table.get(first.qpn)).toBe(first);
  });

  test('and qpnCount have sensible defaults, and are checked', () => {
    expect(DEFAULT_QUEUE_PAIR_LIMITS).toEqual({ maxQueuePairs: 65_535, qpnCount: 1_048_576 });
    const wrong = [
      { maxQueuePairs: 0 },
      { maxQueuePairs: 1.5 },
      { maxQueuePairs: 9, qpnCount: 8 },
      { qpnCount: QPN_COUNT_MAX + 1 },
      { qpnCount: 64.5 },
    ];
    for (const limits of wrong) expect(() => tables(limits)).toThrow(/maxQueuePairs/);
  });
});

test('a table keeps nothing of the queue pairs that are gone', async () => {
  const { ledger, table } = tables();
  const gone = ((): WeakRef<QueuePair> => {
    const queuePair = table.create({ transport: 'rc' });
    queuePair.destroy();
    return new WeakRef(queuePair);
  })();
  ledger.poll();
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  // What a WeakRef was made of stays until the turn ends.
  await nextTurn();
  collectGarbage();
  expect(gone.deref()).toBeUndefined();
});

test('a transport is one of the three', () => {
  const { ledger, table } = tables();
  for (const transport of ['RC', 'xrc', undefined]) {
    const { code, details } = errorOf(() => table.create({ transport: transport as Transport }));
    expect({ code, details }).toEqual({
      code: 'INVALID_ATTRIBUTE',
      details: { attribute: 'transport', value: transport },
    });
  }
  expect({ size: table.size, report: ledger.report() }).toEqual({ size: 0, report: [] });
});

test('a number leads nowhere from the moment the destruction begins', () => {
  const { table } = tables();
  const queuePair = table.create({ transport: 'rc' });
  expect(table.get(queuePair.qpn)).toBe(queuePair);
  queuePair.hold('cep');
  queuePair.destroy();
  expect(table.get(queuePair.qpn)).toBeUndefined();
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('create' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('destroy' as const), pick: fc.nat(), held: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
);

test('a number in use is never given, and a free one as late as possible: in the order of a plain queue', () => {
  const again = { times: 0 };
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 4 }),
      fc.nat(20),
      fc.array(step, { minLength: 20, maxLength: 120 }),
      (maxQueuePairs, spare, before, steps) => {
        const qpnCount = maxQueuePairs + spare;
        const { ledger, table } = tables({ maxQueuePairs, qpnCount }, nearTheEnd(before + 1));
        // Numbers in the order in which they are to be given, all of them.
        const start = QPN_LAST - before;
        const rested = Array.from({ length: qpnCount }, (_, index) => 2 + ((start - 2 + index) % QPN_COUNT_MAX));
        const live: QueuePair[] = [];
        const held: { reference: Reference; qpn: number }[] = [];
        const ending: number[] = [];
        const used = new Set<number>();
        let ended: number[] = [];
        for (const taken of steps) {
          if (taken.kind === 'create') {
            const inUse = live.length + held.length + ending.length;
            if (inUse === maxQueuePairs) {
              expect(errorOf(() => table.create({ transport: 'rc' })).code).toBe('LIMIT_REACHED');
              continue;
            }
            const queuePair = table.create({ transport: 'rc' });
            expect(queuePair.qpn).toBe(rested.shift());
            if (used.has(queuePair.qpn)) again.times += 1;
            used.add(queuePair.qpn);
            live.push(queuePair);
          } else if (taken.kind === 'destroy' && live.length > 0) {
            const [queuePair] = live.splice(taken.pick % live.length, 1) as [QueuePair];
            const { qpn } = queuePair;
            if (taken.held) held.push({ reference: queuePair.hold('test'), qpn });
            else ending.push(qpn);
            queuePair.destroy(() => ended.push(qpn));
          } else if (taken.kind === 'release' && held.length > 0) {
            const [{ reference, qpn }] = held.splice(taken.pick % held.length, 1) as [(typeof held)[number]];
            reference.release();
            ending.push(qpn);
          } else if (taken.kind === 'poll') {
            ledger.poll();
            expect(ended).toEqual(ending);
            rested.push(...ending.splice(0));
            ended = [];
          }
          expect(table.size).toBe(live.length + held.length + ending.length);
          for (const queuePair of live) expect(table.get(queuePair.qpn)).toBe(queuePair);
          for (const qpn of [...rested, ...ending, ...held.map((one) => one.qpn)])
            expect(table.get(qpn)).toBeUndefined();
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(again.times).toBeGreaterThan(100);
});
