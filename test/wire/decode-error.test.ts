import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ATTRIBUTE_ID,
  checkMad,
  DecodeError,
  type DecodeErrorCode,
  decodeMad,
  MAD_BYTES,
  MESSAGE_NAMES,
} from '../../src/wire/index.js';
import { anyMad, asMad, patternedMad } from './mads.js';

const REQ = patternedMad('REQ');

function expectError(result: unknown, code: DecodeErrorCode, field: string, expected: number, actual: number): void {
  expect(result).toBeInstanceOf(DecodeError);
  expect(result).toMatchObject({ name: 'DecodeError', code, details: { field, expected, actual } });
}

describe('a MAD that is not 256 bytes long', () => {
  test('is truncated at every length below', () => {
    for (let length = 0; length < MAD_BYTES; length += 1) {
      expectError(decodeMad(REQ.subarray(0, length)), 'TRUNCATED', 'mad', 256, length);
      expectError(decodeMad(REQ, 0, length), 'TRUNCATED', 'mad', 256, length);
    }
  });

  test.each([257, 260, 300, 2_048])('is oversized with %i bytes', (length) => {
    const bytes = new Uint8Array(length);
    bytes.set(REQ);
    expectError(decodeMad(bytes), 'OVERSIZED', 'mad', 256, length);
    expect(decodeMad(bytes, 0, MAD_BYTES)).not.toBeInstanceOf(DecodeError);
  });

  test('is truncated when the buffer ends before it, whatever the length says', () => {
    expectError(decodeMad(REQ, 1, MAD_BYTES), 'TRUNCATED', 'mad', 256, 255);
    expectError(decodeMad(REQ, 255, MAD_BYTES), 'TRUNCATED', 'mad', 256, 1);
    expectError(decodeMad(REQ, 256, MAD_BYTES), 'TRUNCATED', 'mad', 256, 0);
    expectError(decodeMad(REQ, 1_000, MAD_BYTES), 'TRUNCATED', 'mad', 256, 0);
  });

  test('is oversized by what follows it when no length is given', () => {
    const bytes = new Uint8Array(300);
    bytes.set(REQ, 10);
    expectError(decodeMad(bytes, 10), 'OVERSIZED', 'mad', 256, 290);
  });
});

describe('a wrong constant of the header', () => {
  test.each([
    [0, 'baseVersion', 'WRONG_BASE_VERSION', 1],
    [1, 'managementClass', 'WRONG_CLASS', 7],
    [2, 'classVersion', 'WRONG_CLASS_VERSION', 2],
    [3, 'method', 'WRONG_METHOD', 3],
  ] as const)('in byte %i is reported as %s, every value of it', (index, field, code, right) => {
    for (let value = 0; value < 256; value += 1) {
      const bytes = REQ.slice();
      bytes[index] = value;
      if (value === right) expect(decodeMad(bytes)).not.toBeInstanceOf(DecodeError);
      else expectError(decodeMad(bytes), code, field, right, value);
    }
  });

  test('is reported in the order of the bytes', () => {
    expectError(decodeMad(new Uint8Array(MAD_BYTES)), 'WRONG_BASE_VERSION', 'baseVersion', 1, 0);
    expectError(
      decodeMad(Uint8Array.of(1, 7, 1, 0x81, ...REQ.subarray(4))),
      'WRONG_CLASS_VERSION',
      'classVersion',
      2,
      1,
    );
  });
});

test('every attribute ID but the eleven is unknown', () => {
  const bytes = REQ.slice();
  const known: number[] = [];
  for (let attributeId = 0; attributeId <= 0xffff; attributeId += 1) {
    bytes[16] = attributeId >> 8;
    bytes[17] = attributeId & 0xff;
    const error = checkMad(bytes, 0, MAD_BYTES);
    if (error === undefined) known.push(attributeId);
    else if (error.code !== 'UNKNOWN_ATTRIBUTE' || error.details.actual !== attributeId) expect.fail(error.message);
  }
  expect(known).toEqual([0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a]);
});

describe('an error says in words what its numbers say', () => {
  test.each([
    [decodeMad(REQ, 0, 12), 'mad needs 256 bytes, 12 are there'],
    [decodeMad(REQ, 0, 300), 'mad has 256 bytes, 300 are given'],
    [decodeMad(Uint8Array.of(2, ...REQ.subarray(1))), 'baseVersion is 0x2, not 0x1'],
    [decodeMad(Uint8Array.from(REQ, (byte, i) => (i === 17 ? 0x1b : byte))), 'attributeId 0x001b is not a CM message'],
  ])('%s', (error, message) => {
    expect(error).toMatchObject({ message });
  });
});

describe('no bytes make the decoder throw', () => {
  const anyLength = fc.oneof(fc.constant(MAD_BYTES), fc.integer({ min: -10, max: 600 }), fc.double());
  const anyOffset = fc.oneof(fc.nat(300), fc.integer({ min: -300, max: 600 }), fc.double());

  test('whatever the bytes, the offset and the length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600, size: 'max' }), anyOffset, anyLength, (bytes, offset, length) => {
        for (const result of [decodeMad(bytes), decodeMad(bytes, offset), decodeMad(bytes, offset, length)]) {
          if (!(result instanceof DecodeError)) expect(MESSAGE_NAMES).toContain(result.message);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('and what decodes has 256 bytes, all of them in the buffer', () => {
    fc.assert(
      fc.property(anyMad('REQ'), fc.nat(300), anyOffset, anyLength, (mad, before, offset, length) => {
        const bytes = new Uint8Array(before + MAD_BYTES);
        bytes.set(mad, before);
        const result = decodeMad(bytes, offset, length);
        if (result instanceof DecodeError) return;
        expect(offset).toBe(before);
        expect(length).toBe(MAD_BYTES);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [0, Number.NaN],
    [Number.NaN, 256],
    [Number.NaN, Number.NaN],
    [0.5, 256],
    [-1, 256],
    [-1, 257],
    [Number.POSITIVE_INFINITY, 256],
    [Number.NEGATIVE_INFINITY, 256],
    [0, Number.POSITIVE_INFINITY],
  ])('nor is it misled by offset %d and length %d', (offset, length) => {
    expect(decodeMad(REQ.subarray(0, 40), offset, length)).toBeInstanceOf(DecodeError);
    expect(checkMad(REQ.subarray(0, 40), offset, length)).toBeInstanceOf(DecodeError);
  });

  test.each(MESSAGE_NAMES)('and every %s decodes: what its values may be is for others to judge', (message) => {
    fc.assert(
      fc.property(anyMad(message), (mad) => {
        expect(decodeMad(mad)).toMatchObject({ message });
      }),
    );
    expect(decodeMad(asMad(message, new Uint8Array(MAD_BYTES).fill(0xff)))).toMatchObject({ message });
  });
});

test('checking a MAD gives the error that decoding it gives', () => {
  fc.assert(
    fc.property(anyMad('MRA'), fc.nat(19), fc.nat(255), (mad, index, value) => {
      mad[index] = value;
      const error = checkMad(mad, 0, MAD_BYTES);
      const result = decodeMad(mad);
      if (error === undefined) expect(result).toMatchObject({ header: {} });
      else expect(result).toEqual(error);
    }),
  );
  expect(ATTRIBUTE_ID.get(REQ, 0)).toBe(0x10);
});
