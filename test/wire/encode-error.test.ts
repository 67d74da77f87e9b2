import { describe, expect, test } from 'vitest';
import {
  type CmMadInit,
  EncodeError,
  encodeMad,
  MAD_BYTES,
  MAD_HEADER,
  MESSAGE_NAMES,
  MESSAGES,
  type MessageName,
} from '../../src/wire/index.js';
import { flatten } from '../../src/wire/layout.js';
import { flatNumbers, patternedMad } from './mads.js';
import { naiveDecode } from './naive-decoder.js';

/** Every field of every message with its width in bits, which a second, independent table says. */
interface FieldCase {
  readonly message: MessageName;
  readonly name: string;
  readonly kind: 'number' | 'bigint' | 'bytes';
  readonly width: number;
}

const KINDS: Readonly<Record<string, FieldCase['kind']>> = {
  OneByteField: 'number',
  TwoByteField: 'number',
  ThreeByteField: 'number',
  WordField: 'number',
  PiecesField: 'number',
  Uint64Field: 'bigint',
  BytesField: 'bytes',
  GidField: 'bytes',
};

function casesOf(message: MessageName): FieldCase[] {
  const widths = fieldWidths(message);
  return flatten(MESSAGES[message].fields).map(([name, field]) => ({
    message,
    name,
    kind: KINDS[field.constructor.name] ?? expect.fail(`${name} is of an unknown kind`),
    width: widths[name] ?? expect.fail(`${name} has no width`),
  }));
}

/** The number of bits of each field: what is left of all ones. */
function fieldWidths(message: MessageName): Record<string, number> {
  const ones = patternedMad(message).fill(0xff, 24);
  const { fields } = naiveDecode(ones);
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, value.toString(2).length]));
}

const CASES = MESSAGE_NAMES.flatMap(casesOf);
const NUMBERS = CASES.filter(({ kind }) => kind === 'number');
const BIGINTS = CASES.filter(({ kind }) => kind === 'bigint');
const BYTES = CASES.filter(({ kind }) => kind === 'bytes');

/** An object of the message's shape that holds one value: `{ primaryPath: { sl: 16 } }`. */
function nested(name: string, value: unknown): object {
  return name.split('.').reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as object;
}

function encode(message: MessageName, fields: unknown, into = new Uint8Array(MAD_BYTES)): Uint8Array {
  encodeMad({ message, fields } as CmMadInit, into);
  return into;
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

function expectError(action: () => unknown, code: string, field: string, limit: unknown, actual: unknown): void {
  const error = errorOf(action);
  expect(error, `${field} ${String(actual)}`).toBeInstanceOf(EncodeError);
  expect(error).toMatchObject({ code, details: { field, limit, actual } });
  expect((error as EncodeError).message).toMatch(new RegExp(field, 'i'));
}

describe('a number that does not fit', () => {
  test.each(MESSAGE_NAMES)('is refused in every field of a %s, by name and with its limit', (message) => {
    const fields = NUMBERS.filter((field) => field.message === message);
    expect(fields.length).toBeGreaterThan(0);
    for (const { name, width } of fields) {
      const max = 2 ** width - 1;
      const refuse = (value: number): void =>
        expectError(() => encode(message, nested(name, value)), 'VALUE_OUT_OF_RANGE', `${message}.${name}`, max, value);
      for (const value of [max + 1, 2 * (max + 1), -1, 0.5, max - 0.5, Number.NaN]) refuse(value);
      for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 2 ** 64]) refuse(value);
      expect(errorOf(() => encode(message, nested(name, max)))).toBeUndefined();
    }
  });

  test.each(MESSAGE_NAMES)(
    'is written whole when it is the greatest that fits in a %s, and touches no other',
    (message) => {
      for (const { name, width } of NUMBERS.filter((field) => field.message === message)) {
        const { fields } = naiveDecode(encode(message, nested(name, 2 ** width - 1)));
        for (const [other, value] of Object.entries(fields)) {
          expect(value, other).toBe(other === name ? 2n ** BigInt(width) - 1n : 0n);
        }
      }
    },
  );

  test('is refused as a string or a bigint too: JavaScript without types calls this as well', () => {
    for (const { message, name } of NUMBERS) {
      for (const value of ['1', 1n, true, null, {}, []]) {
        expect(
          errorOf(() => encode(message, nested(name, value))),
          name,
        ).toBeInstanceOf(EncodeError);
      }
    }
  });
});

describe('a 64-bit number', () => {
  test('that does not fit is refused, by name and with its limit', () => {
    expect(BIGINTS.map(({ message, name }) => `${message}.${name}`)).toEqual([
      'REQ.serviceId',
      'REQ.localCaGuid',
      'REP.localCaGuid',
      'SIDR_REQ.serviceId',
      'SIDR_REP.serviceId',
    ]);
    for (const { message, name } of BIGINTS) {
      for (const value of [2n ** 64n, 2n ** 65n, -1n, -(2n ** 63n)]) {
        expectError(
          () => encode(message, nested(name, value)),
          'VALUE_OUT_OF_RANGE',
          `${message}.${name}`,
          2n ** 64n - 1n,
          value,
        );
      }
    }
  });

  test('that fits is written whole', () => {
    for (const { message, name } of BIGINTS) {
      for (const value of [2n ** 64n - 1n, 2n ** 63n, 2n ** 32n, 2n ** 32n - 1n, 0x0123_4567_89ab_cdefn, 0n]) {
        expect(naiveDecode(encode(message, nested(name, value))).fields[name]).toBe(value);
      }
    }
  });

  test('is not taken from a number, not even from a whole one', () => {
    for (const { message, name } of BIGINTS) {
      for (const value of [1, Number.NaN, -1, '1', null]) {
        expect(
          errorOf(() => encode(message, nested(name, value))),
          name,
        ).toBeInstanceOf(EncodeError);
      }
    }
  });
});

describe('a byte string', () => {
  test('that is one byte too long is refused, by name and with its limit', () => {
    for (const { message, name, width } of BYTES) {
      const room = width / 8;
      for (const length of [room + 1, MAD_BYTES, 100_000]) {
        const value = new Uint8Array(length);
        expectError(() => encode(message, nested(name, value)), 'TOO_LONG', `${message}.${name}`, room, length);
      }
    }
  });

  test('that just fits is written whole, and touches no other field', () => {
    for (const { message, name, width } of BYTES) {
      const { fields } = naiveDecode(encode(message, nested(name, new Uint8Array(width / 8).fill(0xff))));
      for (const [other, value] of Object.entries(fields)) {
        expect(value, other).toBe(other === name ? 2n ** BigInt(width) - 1n : 0n);
      }
    }
  });

  test('is not taken from text, which would become zeros, nor from a plain array', () => {
    for (const { message, name } of BYTES) {
      for (const value of ['text', [1, 2, 300], new Uint16Array(4), new ArrayBuffer(4), 7, null]) {
        expectError(
          () => encode(message, nested(name, value)),
          'VALUE_OUT_OF_RANGE',
          `${message}.${name}`,
          expect.any(Number),
          0,
        );
      }
    }
  });

  test('may be shorter than its field, but a GID may not', () => {
    for (const { message, name, width } of BYTES) {
      const short = new Uint8Array(width / 8 - 1);
      const action = (): unknown => encode(message, nested(name, short));
      if (!name.endsWith('Gid')) expect(errorOf(action)).toBeUndefined();
      else expectError(action, 'VALUE_OUT_OF_RANGE', `${message}.${name}`, 16, 15);
    }
  });

  test('has room for 72 bytes of additional information, 16 of a GID, and private data to the end of the MAD', () => {
    const room = BYTES.map(({ message, name, width }) => `${message}.${name} ${width / 8}`);
    expect(room.filter((text) => text.includes('privateData'))).toEqual([
      'REQ.privateData 92',
      'MRA.privateData 222',
      'REJ.privateData 148',
      'REP.privateData 196',
      'RTU.privateData 224',
      'DREQ.privateData 220',
      'DREP.privateData 224',
      'SIDR_REQ.privateData 216',
      'SIDR_REP.privateData 136',
      'LAP.privateData 168',
      'APR.privateData 148',
    ]);
    expect(room.filter((text) => /nformation 72$/.test(text))).toHaveLength(3);
    expect(room.filter((text) => /Gid 16$/.test(text))).toHaveLength(6);
  });
});

describe('the MAD header', () => {
  test('refuses what does not fit, by name', () => {
    for (const [name, field] of flatten(MAD_HEADER)) {
      const max = 2n ** BigInt(8 * field.length) - 1n;
      const isWide = name === 'transactionId';
      const value = isWide ? max + 1n : Number(max) + 1;
      expectError(
        () => encodeMad({ message: 'RTU', header: { [name]: value } }, new Uint8Array(MAD_BYTES)),
        'VALUE_OUT_OF_RANGE',
        `header.${name}`,
        isWide ? max : Number(max),
        value,
      );
    }
  });

  test('is written beside the message', () => {
    const header = { status: 1, classSpecific: 2, transactionId: 3n, attributeModifier: 4 };
    const bytes = new Uint8Array(MAD_BYTES);
    encodeMad({ message: 'RTU', header, fields: { localCommId: 5 } }, bytes);
    expect(naiveDecode(bytes).header).toEqual(flatNumbers(header));
    expect(naiveDecode(bytes).fields).toMatchObject({ localCommId: 5n });
  });
});

describe('a buffer without room for a MAD', () => {
  test('is refused at every length, and not touched', () => {
    for (let length = 0; length < MAD_BYTES; length += 1) {
      const into = new Uint8Array(length).fill(7);
      expectError(() => encodeMad({ message: 'REQ' }, into), 'NO_ROOM', 'mad', length, MAD_BYTES);
      expect(into.every((byte) => byte === 7)).toBe(true);
    }
  });

  test.each([1, 255, 256, 1_000, -1, Number.NaN, Number.POSITIVE_INFINITY])('is refused at offset %d', (offset) => {
    const into = new Uint8Array(MAD_BYTES).fill(7);
    const error = errorOf(() => encodeMad({ message: 'REQ' }, into, offset));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error).toMatchObject({ code: 'NO_ROOM' });
    expect(into.every((byte) => byte === 7)).toBe(true);
  });
});

describe('a name that the message does not have', () => {
  test.each([
    ['localCommID', { localCommID: 1 }],
    ['privatedata', { privatedata: new Uint8Array(1) }],
    ['primaryPath.flowlabel', { primaryPath: { flowlabel: 1 } }],
    ['toString', { toString: 1 }],
    ['constructor', { constructor: { name: 1 } }],
    ['primaryPath.hasOwnProperty', { primaryPath: { hasOwnProperty: 1 } }],
  ])('is refused: %s', (name, fields) => {
    const error = errorOf(() => encode('REQ', fields));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error).toMatchObject({ details: { field: `REQ.${name}` } });
  });

  test.each([5, 'text', null, true, 5n])('and so is %s where a path belongs', (value) => {
    expect(errorOf(() => encode('REQ', { primaryPath: value }))).toBeInstanceOf(EncodeError);
  });
});
