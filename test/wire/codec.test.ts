import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CmMad,
  type CmMadInit,
  DecodeError,
  decodeMad,
  encodeMad,
  MAD_BYTES,
  MESSAGE_NAMES,
  MESSAGES,
  messageNameOf,
  writeFields,
} from '../../src/wire/index.js';
import { CAPTURES, madsOf } from './captures.js';
import { anyCleanMad, anyMad, asMad, flatNumbers, patternedMad, valueMask, withoutReserved } from './mads.js';

function decoded(bytes: Uint8Array, offset?: number, length?: number): CmMad {
  const mad = decodeMad(bytes, offset, length);
  if (mad instanceof DecodeError) throw mad;
  return mad;
}

function encoded(mad: CmMadInit): Uint8Array {
  const bytes = new Uint8Array(MAD_BYTES).fill(0xa5);
  encodeMad(mad, bytes);
  return bytes;
}

describe('encoding undoes decoding', () => {
  test.each(MESSAGE_NAMES)('for every %s whose reserved bits are zero', (message) => {
    fc.assert(
      fc.property(anyCleanMad(message), (mad) => {
        expect(encoded(decoded(mad))).toEqual(mad);
      }),
    );
  });

  test.each(CAPTURES)('for every message of %s, byte by byte', (capture) => {
    for (const { mad } of madsOf(capture)) expect(encoded(decoded(mad))).toEqual(mad);
  });

  test.each(MESSAGE_NAMES)('for a %s one field at a time, the others left out', (message) => {
    const mad = patternedMad(message);
    const whole = decoded(mad);
    const leaves = leavesOf(whole.fields);
    const merged = new Uint8Array(MAD_BYTES);
    for (const fields of leaves) {
      encoded({ message, fields } as CmMadInit).forEach((byte, index) => {
        merged[index] = (merged[index] ?? 0) | byte;
      });
    }
    expect(leaves.length).toBe(Object.keys(flatNumbers(whole.fields)).length);
    expect(merged).toEqual(withoutHeader(message, mad));
  });
});

/** The values of a message, each alone in an object of the message's shape. */
function leavesOf(values: object): object[] {
  return Object.entries(values).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && !(value instanceof Uint8Array)
      ? leavesOf(value as object).map((leaf) => ({ [name]: leaf }))
      : [{ [name]: value }],
  );
}

function withoutHeader(message: CmMad['message'], mad: Uint8Array): Uint8Array {
  return asMad(message, mad.slice().fill(0, 0, 24));
}

describe('reserved bits', () => {
  test.each(MESSAGE_NAMES)('of a %s are ignored when it is read and written as zero', (message) => {
    fc.assert(
      fc.property(anyMad(message), (mad) => {
        const clean = withoutReserved(message, mad);
        expect(decoded(mad)).toEqual(decoded(clean));
        expect(encoded(decoded(mad))).toEqual(clean);
      }),
    );
  });

  test.each(MESSAGE_NAMES)('of a %s change nothing, each one alone', (message) => {
    const mad = patternedMad(message);
    const values = decoded(mad);
    const mask = valueMask(message);
    let reserved = 0;
    for (let bit = 0; bit < 8 * MAD_BYTES; bit += 1) {
      const [index, one] = [bit >> 3, 0x80 >> (bit & 7)];
      const isConstant = index < 4 || index === 16 || index === 17;
      if (isConstant || (mask[index] ?? 0) & one) continue;
      const other = mad.slice();
      other[index] = (other[index] ?? 0) ^ one;
      expect(decoded(other), `byte ${index}`).toEqual(values);
      reserved += 1;
    }
    // At least the header's two bytes after the attribute ID.
    expect(reserved).toBeGreaterThanOrEqual(16);
  });
});

describe('a value left out', () => {
  test.each(MESSAGE_NAMES)('makes a %s of zeros, whatever the buffer held', (message) => {
    const empty = asMad(message, new Uint8Array(MAD_BYTES));
    expect(encoded({ message })).toEqual(empty);
    expect(encoded({ message, header: {}, fields: {} })).toEqual(empty);
    expect(encoded({ message, fields: { privateData: undefined } })).toEqual(empty);
    expect(encoded({ message, fields: { privateData: new Uint8Array() } })).toEqual(empty);
  });

  test('leaves the rest of a short byte string zero', () => {
    const bytes = encoded({ message: 'RTU', fields: { privateData: Uint8Array.of(1, 2, 3) } });
    expect([...bytes.subarray(32, 37)]).toEqual([1, 2, 3, 0, 0]);
    expect(bytes.subarray(35).every((byte) => byte === 0)).toBe(true);
  });
});

test('a field written over a message leaves the others, and nothing of a longer byte string that it replaces', () => {
  const mad = patternedMad('DREQ');
  const before = decoded(mad.slice());
  writeFields(MESSAGES.DREQ.fields, { privateData: Uint8Array.of(1, 2, 3) }, mad, 0);
  const privateData = new Uint8Array(220);
  privateData.set([1, 2, 3]);
  expect(decoded(mad)).toEqual({ ...before, fields: { ...before.fields, privateData } });
});

describe('a MAD inside a larger buffer', () => {
  const place = fc.record({ before: fc.nat(300), after: fc.nat(300) });

  test.each(MESSAGE_NAMES)('a %s is read where it stands, and its byte strings are views', (message) => {
    fc.assert(
      fc.property(anyMad(message), place, (mad, { before, after }) => {
        const buffer = new Uint8Array(before + MAD_BYTES + after).fill(0x5a);
        buffer.set(mad, before);
        const values = decoded(buffer, before, MAD_BYTES);
        expect(values).toEqual(decoded(mad));
        const { privateData } = values.fields;
        expect(privateData.buffer).toBe(buffer.buffer);
        const last = before + MAD_BYTES - 1;
        expect(privateData.byteOffset + privateData.length - 1).toBe(last);
        buffer[last] = (buffer[last] ?? 0) ^ 0xff;
        expect(privateData.at(-1)).toBe(buffer[last]);
      }),
      { numRuns: 20 },
    );
  });

  test.each(MESSAGE_NAMES)('a %s is written where it is wanted, and nothing beside it', (message) => {
    fc.assert(
      fc.property(anyCleanMad(message), place, (mad, { before, after }) => {
        const buffer = new Uint8Array(before + MAD_BYTES + after).fill(0x5a);
        const expected = buffer.slice();
        expected.set(mad, before);
        encodeMad(decoded(mad), buffer, before);
        expect(buffer).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  test('GIDs and additional information are views too', () => {
    const req = asMad('REQ', new Uint8Array(MAD_BYTES));
    const rej = asMad('REJ', new Uint8Array(MAD_BYTES));
    const request = decoded(req);
    const reject = decoded(rej);
    if (request.message !== 'REQ' || reject.message !== 'REJ') throw new Error('neither is another message');
    expect(request.fields.primaryPath.localGid.buffer).toBe(req.buffer);
    expect(request.fields.alternatePath.remoteGid.buffer).toBe(req.buffer);
    expect(reject.fields.additionalRejectInformation.buffer).toBe(rej.buffer);
  });

  test('a view of a view counts from its own start', () => {
    const mad = patternedMad('REP');
    const buffer = new Uint8Array(1_000);
    buffer.set(mad, 300);
    expect(decoded(buffer.subarray(200, 600), 100, MAD_BYTES)).toEqual(decoded(mad));
    expect(decoded(Buffer.from(mad)).header).toEqual(decoded(mad).header);
  });
});

describe('vendor IDs in pieces', () => {
  test('a REQ has its vendor ID in bytes 5 to 7', () => {
    const bytes = encoded({ message: 'REQ', fields: { vendorId: 0x12_3456 } });
    expect([...bytes.subarray(24 + 4, 24 + 9)]).toEqual([0, 0x12, 0x34, 0x56, 0]);
    expect(decoded(bytes).fields).toMatchObject({ vendorId: 0x12_3456 });
  });

  test('a REP has its vendor ID in bytes 15, 19 and 23, after QPN, EECN and PSN', () => {
    const fields = { vendorId: 0x12_3456, localQpn: 0xa1_a2a3, localEecn: 0xb1_b2b3, startingPsn: 0xc1_c2c3 };
    const bytes = encoded({ message: 'REP', fields });
    expect([...bytes.subarray(24 + 12, 24 + 24)]).toEqual([
      0xa1, 0xa2, 0xa3, 0x12, 0xb1, 0xb2, 0xb3, 0x34, 0xc1, 0xc2, 0xc3, 0x56,
    ]);
    expect(decoded(bytes).fields).toMatchObject(fields);
  });

  test('a SIDR_REP has its vendor ID in bytes 6, 7 and 11, around the QPN', () => {
    const fields = { vendorId: 0x12_3456, qpn: 0xa1_a2a3, additionalInformationLength: 0xee };
    const bytes = encoded({ message: 'SIDR_REP', fields });
    expect([...bytes.subarray(24 + 4, 24 + 12)]).toEqual([0, 0xee, 0x12, 0x34, 0xa1, 0xa2, 0xa3, 0x56]);
    expect(decoded(bytes).fields).toMatchObject(fields);
  });
});

test('the attribute IDs are 0x0010 to 0x001a, in the order of the specification', () => {
  expect(MESSAGE_NAMES.map((name) => [MESSAGES[name].attributeId, MESSAGES[name].name])).toEqual([
    [0x10, 'REQ'],
    [0x11, 'MRA'],
    [0x12, 'REJ'],
    [0x13, 'REP'],
    [0x14, 'RTU'],
    [0x15, 'DREQ'],
    [0x16, 'DREP'],
    [0x17, 'SIDR_REQ'],
    [0x18, 'SIDR_REP'],
    [0x19, 'LAP'],
    [0x1a, 'APR'],
  ]);
  for (const name of MESSAGE_NAMES) expect(messageNameOf(MESSAGES[name].attributeId)).toBe(name);
});
