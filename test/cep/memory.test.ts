import { expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/cep/index.js';
import { PATHS_PER_CEP } from '../../src/cep/limits.js';
import { RECORD_WORDS } from '../../src/cep/record.js';
import { SlotIndex } from '../../src/cep/slot-index.js';
import { Pair } from './pair.js';

const WORD_BYTES = 4;

/** Bytes of an index for so many entries. */
function indexBytes(entries: number): number {
  const index = new SlotIndex(entries, () => 0);
  let places = 1;
  for (let place = index.after(0); place !== 0; place = index.after(place)) places += 1;
  return places * WORD_BYTES;
}

test('an established connection costs at most 256 bytes: its record and its share of the indexes', () => {
  const { maxCeps, maxTransmits } = DEFAULT_LIMITS;
  const record = RECORD_WORDS * WORD_BYTES;
  const identities = (3 * indexBytes(maxCeps)) / maxCeps;
  const paths = indexBytes(PATHS_PER_CEP * maxCeps + maxTransmits + 1) / maxCeps;
  expect(record + identities + paths).toBeLessThanOrEqual(256);
});

test('an established connection holds no message, no event and no timer', () => {
  const pair = new Pair();
  pair.listen();
  pair.established();
  for (const { manager } of [pair.client, pair.server]) {
    manager.pollTransmit();
    expect(manager.usage()).toMatchObject({ mads: 0, events: 0, timers: 0, transmits: 0, timings: 0, paths: 1 });
  }
});
