import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AddressSyntaxError,
  formatAddress,
  formatGid,
  GID_BYTES,
  gidAt,
  gidEquals,
  isIpv4Gid,
  parseGid,
} from '../../src/base/index.js';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const gidOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

/** Half of the groups are zero, so that there are runs to shorten. */
const anyGid = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
const anyIpv4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'));

describe('an address is formatted as RFC 5952 recommends', () => {
  test.each([
    ['leading zeros are left out (4.1)', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['a run of zeros is shortened as far as possible (4.2.1)', '20010db8000000000000000000020001', '2001:db8::2:1'],
    ['one group of zeros is not shortened (4.2.2)', '20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['the longest run is the one that is shortened (4.2.3)', '20010000000000010000000000000001', '2001:0:0:1::1'],
    ['of two equal runs the first is shortened (4.2.3)', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['letters are small (4.3)', '20010db80000000000000000aaaa0abc', '2001:db8::aaaa:abc'],
    ['a run at the start', '00000000000000000000000000000001', '::1'],
    ['a run at the end', 'fe800000000000000000000000000000', 'fe80::'],
    ['nothing but zeros', '00000000000000000000000000000000', '::'],
    ['no zeros', 'fd771111222233334444555566667777', 'fd77:1111:2222:3333:4444:5555:6666:7777'],
    ['a mapped IPv4 address (5)', '00000000000000000000ffff0a4d0003', '::ffff:10.77.0.3'],
    ['an IPv4-compatible address is not a mapped one', '0000000000000000000000000a4d0003', '::a4d:3'],
  ])('%s', (_, hex, text) => {
    expect(formatGid(gidOf(hex))).toBe(text);
    expect(hexOf(parseGid(text))).toBe(hex);
  });
});

describe('a text is read', () => {
  test.each([
    ['10.77.0.3', '00000000000000000000ffff0a4d0003'],
    ['0.0.0.0', '00000000000000000000ffff00000000'],
    ['255.255.255.255', '00000000000000000000ffffffffffff'],
    ['::FFFF:10.77.0.3', '00000000000000000000ffff0a4d0003'],
    ['::ffff:a4d:3', '00000000000000000000ffff0a4d0003'],
    ['0:0:0:0:0:FFFF:10.77.0.3', '00000000000000000000ffff0a4d0003'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
    ['2001:0DB8:0000:0000:0008:0800:200C:417A', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['1::', '00010000000000000000000000000000'],
  ])('%s', (text, hex) => {
    expect(hexOf(parseGid(text))).toBe(hex);
  });

  test('and comes back as itself, whatever the GID', () => {
    fc.assert(
      fc.property(anyGid, (gid) => {
        expect(hexOf(parseGid(formatGid(gid)))).toBe(hexOf(gid));
        expect(hexOf(parseGid(formatGid(gid).toUpperCase()))).toBe(hexOf(gid));
        expect(hexOf(parseGid(formatAddress(gid)))).toBe(hexOf(gid));
      }),
    );
  });

  test('and an IPv4 address comes back as itself', () => {
    fc.assert(
      fc.property(anyIpv4, (text) => {
        const gid = parseGid(text);
        expect(isIpv4Gid(gid)).toBe(true);
        expect(formatAddress(gid)).toBe(text);
        expect(formatGid(gid)).toBe(`::ffff:${text}`);
      }),
    );
  });

  test('and no text that is formatted has a shorter or longer reading: formatting is a normal form', () => {
    fc.assert(
      fc.property(anyGid, (gid) => {
        const text = formatGid(gid);
        expect(formatGid(parseGid(text))).toBe(text);
        expect(text).not.toMatch(/:::|(^|:)0[0-9a-f]/);
      }),
    );
  });
});

describe('what is not an address is refused', () => {
  test.each([
    '',
    ' ',
    ':',
    ':::',
    '::::',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.999',
    '01.2.3.4',
    '1.2.3.00',
    '1.2.3.-4',
    '1.2.3.+4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '1.2.3.0x4',
    '1.2.3.1e1',
    '1..3.4',
    '١.٢.٣.٤',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8:',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1::2::3',
    '1:::2',
    '12345::',
    'g::',
    '::1%eth0',
    'fe80::1%2',
    '[::1]',
    '::1/64',
    '::0x1',
    '::-1',
    '::1 ',
    '::1\n',
    '::1.2.3',
    '::1.2.3.4.5',
    '::1.2.3.256',
    '::01.2.3.4',
    '1.2.3.4::',
    '1.2.3.4:5:6:7:8:9:10',
    '1:2:3:4:5:1.2.3.4:6',
    '1:2:3:4:5:6:7:1.2.3.4',
    '1.2.3.4::1.2.3.4',
    '4::1.2.3.4:4',
    '1:2:1.2.3.4::1.2.3.4',
    'localhost',
  ])('%j', (text) => {
    const error = errorOf(() => parseGid(text));
    expect(error).toBeInstanceOf(AddressSyntaxError);
    expect(error).toMatchObject({ code: 'ADDRESS_SYNTAX', details: { text } });
  });

  test('whatever the text, the result is a GID or an AddressSyntaxError', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(':', '::', '.', '0', '1', 'f', 'ffff', '255', '%', '/', ' ', '\0') }),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        const error = errorOf(() => expect(parseGid(text)).toHaveLength(GID_BYTES));
        if (error !== undefined) expect(error).toBeInstanceOf(AddressSyntaxError);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a text of hundreds of thousands of characters does not take long', () => {
    for (const unit of [':', '::', '1:', '.', '1', '1.']) {
      expect(errorOf(() => parseGid(unit.repeat(200_000)))).toBeInstanceOf(AddressSyntaxError);
    }
  });
});

describe('GIDs inside a message', () => {
  const message = Uint8Array.from([9, 9, 9, ...gidOf('00000000000000000000ffff0a4d0003'), 9]);

  test('are formatted where they stand', () => {
    expect(formatGid(message, 3)).toBe('::ffff:10.77.0.3');
    expect(formatAddress(message, 3)).toBe('10.77.0.3');
    expect(isIpv4Gid(message, 3)).toBe(true);
    expect(isIpv4Gid(message, 2)).toBe(false);
  });

  test('are copied, not viewed', () => {
    const copy = gidAt(message, 3);
    expect(copy).toHaveLength(GID_BYTES);
    expect(copy.buffer).not.toBe(message.buffer);
  });

  test('are copied out of a Buffer too, whose own slice would be a view', () => {
    const buffer = Buffer.from(message);
    const copy = gidAt(buffer, 3);
    buffer.fill(0);
    expect(formatAddress(copy)).toBe('10.77.0.3');
  });

  test('are compared where they stand, every byte of them', () => {
    const gid = gidAt(message, 3);
    expect(gidEquals(message, 3, gid, 0)).toBe(true);
    for (let i = 0; i < GID_BYTES; i += 1) {
      const other = gid.slice();
      other[i] = (other[i] ?? 0) ^ 1;
      expect(gidEquals(message, 3, other, 0)).toBe(false);
    }
  });
});

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
