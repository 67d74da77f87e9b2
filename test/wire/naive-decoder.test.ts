import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError, decodeMad, MESSAGE_NAMES } from '../../src/wire/index.js';
import { CAPTURES, madsOf } from './captures.js';
import { anyMad, asMad, flatNumbers, valueMask } from './mads.js';
import { naiveDecode } from './naive-decoder.js';

function expectSameReading(mad: Uint8Array): void {
  const naive = naiveDecode(mad);
  const decoded = decodeMad(mad);
  if (decoded instanceof DecodeError) throw decoded;
  expect(decoded.message).toBe(naive.message);
  expect(flatNumbers(decoded.header)).toEqual(naive.header);
  expect(flatNumbers(decoded.fields)).toEqual(naive.fields);
}

describe('two decoders, written apart, read the same values', () => {
  test.each(CAPTURES)('from every message that Linux sent in %s', (capture) => {
    const captured = madsOf(capture);
    expect(captured.length).toBeGreaterThan(0);
    for (const { mad } of captured) expectSameReading(mad);
  });

  test.each(MESSAGE_NAMES)('from every %s there can be', (message) => {
    fc.assert(fc.property(anyMad(message), expectSameReading));
  });

  test.each(MESSAGE_NAMES)('from a %s of which any single bit is set', (message) => {
    for (let bit = 0; bit < 8 * 256; bit += 1) {
      const bytes = new Uint8Array(256);
      bytes[bit >> 3] = 0x80 >> (bit & 7);
      expectSameReading(asMad(message, bytes));
    }
  });

  test.each(MESSAGE_NAMES)('and agree on which bits of a %s are reserved', (message) => {
    const { reserved } = naiveDecode(asMad(message, new Uint8Array(256)));
    const mask = valueMask(message);
    const constants = new Set([0, 1, 2, 3, 16, 17]);
    const ours = Array.from(mask, (bits, index) => {
      const free = constants.has(index) ? 0 : ~bits & 0xff;
      return free.toString(2).padStart(8, '0');
    });
    expect(ours.join('')).toBe(reserved);
  });
});

test('the captures hold nine of the eleven messages; Linux answers no LAP over RoCE', () => {
  const seen = new Set(CAPTURES.flatMap((capture) => madsOf(capture).map(({ mad }) => naiveDecode(mad).message)));
  expect([...seen].sort()).toEqual(['DREP', 'DREQ', 'MRA', 'REJ', 'REP', 'REQ', 'RTU', 'SIDR_REP', 'SIDR_REQ']);
});
