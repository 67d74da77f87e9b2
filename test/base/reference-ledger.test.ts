import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError, type LedgerEntry, type Reference, ReferenceLedger } from '../../src/base/index.js';

/** A ledger with one object, and how often its completion has run. */
function opened(): { ledger: ReferenceLedger; object: LedgerEntry; gone: () => number } {
  const ledger = new ReferenceLedger();
  let times = 0;
  const object = ledger.open('qp 0x11', () => {
    times += 1;
  });
  return { ledger, object, gone: () => times };
}

describe('an object', () => {
  test('is gone when the last of its references is released, whatever their order', () => {
    const { ledger, object, gone } = opened();
    const [owner, cep] = [object.hold('owner'), object.hold('cep')];
    owner.release();
    expect(ledger.poll()).toBe(0);
    expect(gone()).toBe(0);
    cep.release();
    expect(ledger.poll()).toBe(1);
    expect(gone()).toBe(1);
    expect(ledger.size).toBe(0);
  });

  test('completes at the next poll, never inside the release, and once', () => {
    const { ledger, object, gone } = opened();
    object.hold('owner').release();
    expect(gone()).toBe(0);
    for (let each = 0; each < 3; each += 1) ledger.poll();
    expect(gone()).toBe(1);
  });

  test('that was never held does not complete, and is in the report', () => {
    const { ledger, gone } = opened();
    expect(ledger.poll()).toBe(0);
    expect(gone()).toBe(0);
    expect(ledger.report()).toEqual([{ object: 'qp 0x11', holders: [] }]);
  });

  test('has no reference for those who come after the last was released, polled or not', () => {
    const { ledger, object } = opened();
    object.hold('owner').release();
    const details = { object: 'qp 0x11', holder: 'cep' };
    const late = new AssertionError('cep takes a reference to qp 0x11, which nobody holds any more', details);
    expect(() => object.hold('cep')).toThrow(late);
    ledger.poll();
    expect(() => object.hold('cep')).toThrow(AssertionError);
    expect(ledger.poll()).toBe(0);
  });
});

describe('a reference', () => {
  test('is released once: the second time is an assertion that names holder and object, and takes nobody else’s', () => {
    const { ledger, object, gone } = opened();
    const mine = object.hold('cep');
    const other = object.hold('cep');
    mine.release();
    const details = { object: 'qp 0x11', holder: 'cep' };
    const twice = new AssertionError('cep releases its reference to qp 0x11 twice', details);
    expect(() => mine.release()).toThrow(twice);
    expect(ledger.report()).toEqual([{ object: 'qp 0x11', holders: ['cep'] }]);
    other.release();
    ledger.poll();
    expect(() => other.release()).toThrow(AssertionError);
    expect(ledger.poll()).toBe(0);
    expect(gone()).toBe(1);
  });

  test('can be released as a plain function', () => {
    const { ledger, object } = opened();
    const { release } = object.hold('owner');
    release();
    expect(ledger.poll()).toBe(1);
  });
});

test('a report lists what is left, oldest first, with all of its holders', () => {
  const ledger = new ReferenceLedger();
  const [first, second, third] = ['first', 'second', 'third'].map((name) => ledger.open(name, () => {}));
  third?.hold('owner');
  first?.hold('cep');
  first?.hold('endpoint').release();
  first?.hold('transport');
  second?.hold('owner').release();
  ledger.poll();
  expect(ledger.report()).toEqual([
    { object: 'first', holders: ['cep', 'transport'] },
    { object: 'third', holders: ['owner'] },
  ]);
});

describe('a completion', () => {
  test('that releases another object’s last reference has it complete at the next poll', () => {
    const ledger = new ReferenceLedger();
    const log: string[] = [];
    const inner = ledger.open('inner', () => log.push('inner')).hold('outer');
    const outer = ledger.open('outer', () => {
      inner.release();
      log.push('outer');
    });
    outer.hold('owner').release();
    expect(ledger.poll()).toBe(1);
    expect(log).toEqual(['outer']);
    expect(ledger.poll()).toBe(1);
    expect(log).toEqual(['outer', 'inner']);
  });

  test('that polls runs no other completion from inside itself', () => {
    const ledger = new ReferenceLedger();
    const log: string[] = [];
    for (const name of ['a', 'b']) {
      ledger
        .open(name, () => {
          log.push(`${name} begins`);
          expect(ledger.poll()).toBe(0);
          log.push(`${name} ends`);
        })
        .hold('owner')
        .release();
    }
    expect(ledger.poll()).toBe(2);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('that throws is not repeated, and keeps none behind it from running', () => {
    const ledger = new ReferenceLedger();
    let ran = 0;
    const fail = (): void => {
      throw new Error('on purpose');
    };
    ledger.open('bad', fail).hold('owner').release();
    ledger
      .open('good', () => {
        ran += 1;
      })
      .hold('owner')
      .release();
    expect(() => ledger.poll()).toThrow('on purpose');
    expect(ledger.poll()).toBe(1);
    expect(ran).toBe(1);
    expect(ledger.size).toBe(0);
  });
});

/** What anybody may do next; the numbers pick among what there is. */
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('hold' as const), pick: fc.nat() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('poll' as const) }) },
);

/** The same as plain lists that count. */
interface Modelled {
  readonly name: string;
  readonly entry: LedgerEntry;
  readonly holders: string[];
  held: boolean;
}

test('any sequence of opens, holds, releases and polls does what counting by hand says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const ledger = new ReferenceLedger();
      const objects: Modelled[] = [];
      const taken: { reference: Reference; of: Modelled; released: boolean }[] = [];
      const queued: string[] = [];
      const completed: string[] = [];
      const expected: string[] = [];
      const isGone = ({ held, holders }: Modelled): boolean => held && holders.length === 0;

      steps.forEach((taking, index) => {
        if (taking.kind === 'open') {
          const name = `object ${index}`;
          const entry = ledger.open(name, () => completed.push(name));
          objects.push({ name, entry, holders: [], held: false });
        } else if (taking.kind === 'hold' && objects.length > 0) {
          const of = objects[taking.pick % objects.length] as Modelled;
          const holder = `holder ${index}`;
          if (isGone(of)) {
            expect(() => of.entry.hold(holder)).toThrow(AssertionError);
          } else {
            taken.push({ reference: of.entry.hold(holder), of, released: false });
            of.held = true;
            of.holders.push(holder);
          }
        } else if (taking.kind === 'release' && taken.length > 0) {
          const one = taken[taking.pick % taken.length] as (typeof taken)[number];
          if (one.released) {
            expect(() => one.reference.release()).toThrow(AssertionError);
          } else {
            one.reference.release();
            one.released = true;
            one.of.holders.splice(one.of.holders.indexOf(one.reference.holder), 1);
            if (isGone(one.of)) queued.push(one.of.name);
          }
        } else if (taking.kind === 'poll') {
          expect(ledger.poll()).toBe(queued.length);
          expected.push(...queued.splice(0));
        }
        expect(completed).toEqual(expected);
        const left = objects.filter(({ name }) => !expected.includes(name));
        expect(ledger.size).toBe(left.length);
        expect(ledger.report()).toEqual(left.map(({ name, holders }) => ({ object: name, holders })));
      });
    }),
    { numRuns: 1_000 },
  );
});
