import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mix, SlotIndex } from '../../src/cep/slot-index.js';

const CAPACITY = 1_000;
const NEIGHBOURS = [0, 60, 124, 188, 63, 127, 64, 191];

/** The slots of a run that have a key. */
function find(index: SlotIndex, keys: readonly number[], hash: number, key: number): number[] {
  const found: number[] = [];
  for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
    if (keys[index.at(place)] === key) found.push(index.at(place));
  }
  return found;
}

describe.each([
  ['well', (key: number) => mix(7, key)],
  ['badly: a few homes for all', (key: number) => key & 3],
  ['badly: by their high bits', (key: number) => key << 24],
  ['badly: to homes beside those that theirs are split into', (key: number) => NEIGHBOURS[key & 7] as number],
])('an index whose keys are hashed %s', (_, hashOf) => {
  test('finds what was inserted and not removed, however many came and went', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ slot: fc.integer({ min: 1, max: CAPACITY }), key: fc.nat(500) }), { maxLength: 600 }),
        (steps) => {
          const keys: number[] = [];
          const index = new SlotIndex(CAPACITY, (slot) => hashOf(keys[slot] as number));
          const held = new Set<number>();
          for (const { slot, key } of steps) {
            if (held.delete(slot)) {
              index.remove(slot);
            } else {
              keys[slot] = key;
              held.add(slot);
              index.insert(slot);
            }
            expect(index.size).toBe(held.size);
          }
          for (let key = 0; key <= 500; key += 1) {
            const expected = [...held].filter((slot) => keys[slot] === key);
            expect(find(index, keys, hashOf(key), key).toSorted()).toEqual(expected.toSorted());
          }
        },
      ),
    );
  });
});

test.each([0, 1, 5, 31, 32, 33, CAPACITY])('holds as many as %i', (capacity) => {
  const index = new SlotIndex(capacity, (slot) => mix(1, slot));
  for (let slot = 1; slot <= capacity; slot += 1) index.insert(slot);
  const keys = Array.from({ length: capacity + 1 }, (_, slot) => slot);
  for (let slot = 1; slot <= capacity; slot += 1) expect(find(index, keys, mix(1, slot), slot)).toEqual([slot]);
  for (let slot = 1; slot <= capacity; slot += 1) index.remove(slot);
  expect(index.size).toBe(0);
  for (let place = 0; place < 2 * capacity + 2; place += 1) expect(index.at(place)).toBe(0);
});

test('few entries stay close together, in a table that is made for many', () => {
  const index = new SlotIndex(2 ** 20, (slot) => mix(1, slot));
  for (let slot = 1; slot <= 100; slot += 1) {
    index.insert(slot);
    expect(index.first(mix(1, slot))).toBeLessThan(256);
  }
});
