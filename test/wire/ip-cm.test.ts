import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseGid, type ServiceId } from '../../src/base/index.js';
import {
  DecodeError,
  decodeIpCmHeader,
  decodeMad,
  EncodeError,
  encodeIpCmHeader,
  IP_CM_HEADER_BYTES,
  IP_CM_REQ_PRIVATE_DATA_MAX,
  IP_CM_SIDR_PRIVATE_DATA_MAX,
  type IpCmHeader,
  MESSAGES,
  PORT_SPACES,
  serviceIdOfPort,
} from '../../src/wire/index.js';
import { CAPTURES, madsOf } from './captures.js';

const V4: IpCmHeader = {
  ipVersion: 4,
  sourcePort: 0xbd06,
  source: parseGid('10.77.0.3'),
  destination: parseGid('10.77.0.2'),
};
const V4_BYTES = `0040bd06${'00'.repeat(12)}0a4d0003${'00'.repeat(12)}0a4d0002`;
const V6: IpCmHeader = {
  ipVersion: 6,
  sourcePort: 0x8124,
  source: parseGid('fd77::3'),
  destination: parseGid('fd77::2'),
};
const V6_BYTES = '00608124fd770000000000000000000000000003fd770000000000000000000000000002';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

function encoded(header: IpCmHeader): Uint8Array {
  const bytes = new Uint8Array(IP_CM_HEADER_BYTES).fill(0xa5);
  encodeIpCmHeader(header, bytes);
  return bytes;
}

function decoded(bytes: Uint8Array, offset?: number): IpCmHeader {
  const header = decodeIpCmHeader(bytes, offset);
  if (header instanceof DecodeError) throw header;
  return header;
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the header of the IP CM service', () => {
  test.each([
    ['IPv4, as rping sent it', V4, V4_BYTES],
    ['IPv6, as rping sent it', V6, V6_BYTES],
  ])('is 36 bytes: %s', (_, header, hex) => {
    expect(hexOf(encoded(header))).toBe(hex);
    expect(decoded(bytesOf(hex))).toEqual(header);
  });

  test('comes back as it went, whatever the addresses', () => {
    const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
    const v4 = bytes(4).map((octets) => parseGid(octets.join('.')));
    const header = fc.oneof(
      fc.record({ ipVersion: fc.constant(4 as const), sourcePort: fc.nat(0xffff), source: v4, destination: v4 }),
      fc.record({
        ipVersion: fc.constant(6 as const),
        sourcePort: fc.nat(0xffff),
        source: bytes(16),
        destination: bytes(16),
      }),
    );
    fc.assert(
      fc.property(header, fc.nat(50), (values, offset) => {
        const into = new Uint8Array(offset + IP_CM_HEADER_BYTES + 7).fill(0x77);
        encodeIpCmHeader(values, into, offset);
        expect(decoded(into, offset)).toEqual(values);
        expect(into.subarray(0, offset).every((byte) => byte === 0x77)).toBe(true);
        expect(into.subarray(offset + IP_CM_HEADER_BYTES).every((byte) => byte === 0x77)).toBe(true);
      }),
    );
  });

  test('leaves the user 56 bytes of a REQ and 180 of a SIDR_REQ', () => {
    expect(IP_CM_REQ_PRIVATE_DATA_MAX).toBe(56);
    expect(IP_CM_SIDR_PRIVATE_DATA_MAX).toBe(180);
    expect(MESSAGES.REQ.fields.privateData.length - IP_CM_HEADER_BYTES).toBe(IP_CM_REQ_PRIVATE_DATA_MAX);
    expect(MESSAGES.SIDR_REQ.fields.privateData.length - IP_CM_HEADER_BYTES).toBe(IP_CM_SIDR_PRIVATE_DATA_MAX);
  });

  test('holds copies of the addresses: the datagram may be overwritten', () => {
    for (const bytes of [bytesOf(V6_BYTES), Buffer.from(V6_BYTES, 'hex')]) {
      const { source, destination } = decoded(bytes);
      bytes.fill(0);
      expect(formatAddress(source)).toBe('fd77::3');
      expect(formatAddress(destination)).toBe('fd77::2');
    }
  });

  test('does not change the message that it is read from, not even a Buffer', () => {
    const bytes = Buffer.from(V4_BYTES, 'hex');
    decoded(bytes);
    expect(hexOf(bytes)).toBe(V4_BYTES);
  });

  test('does not change the addresses that it is made of', () => {
    const source = parseGid('10.1.2.3');
    encoded({ ...V4, source });
    expect(formatAddress(source)).toBe('10.1.2.3');
  });

  test('has IPv4 addresses as GIDs even if the twelve bytes before them are not zero', () => {
    const bytes = bytesOf(V4_BYTES).fill(0xee, 4, 16);
    expect(formatAddress(decoded(bytes).source)).toBe('10.77.0.3');
  });

  test('is read whatever the low bits after the IP version are', () => {
    expect(decoded(bytesOf(V4_BYTES).fill(0x4f, 1, 2))).toEqual(V4);
  });
});

describe('what is not such a header', () => {
  test('is refused with any version but 0', () => {
    for (let version = 1; version < 256; version += 1) {
      const error = decodeIpCmHeader(bytesOf(V4_BYTES).fill(version, 0, 1));
      expect(error).toBeInstanceOf(DecodeError);
      expect(error).toMatchObject({
        code: 'WRONG_HEADER_VERSION',
        details: { field: 'ipCmHeader.version', expected: 0, actual: version },
      });
    }
  });

  test('is refused with any IP version but 4 and 6', () => {
    for (let ipVersion = 0; ipVersion < 16; ipVersion += 1) {
      const result = decodeIpCmHeader(bytesOf(V4_BYTES).fill(ipVersion << 4, 1, 2));
      if (ipVersion === 4 || ipVersion === 6) expect(result).toMatchObject({ ipVersion });
      else expect(result).toMatchObject({ code: 'WRONG_IP_VERSION', details: { actual: ipVersion } });
    }
  });

  test('is truncated at every length below 36', () => {
    for (let length = 0; length < IP_CM_HEADER_BYTES; length += 1) {
      const details = { field: 'ipCmHeader', expected: 36, actual: length };
      expect(decodeIpCmHeader(bytesOf(V4_BYTES).subarray(0, length))).toMatchObject({ code: 'TRUNCATED', details });
      expect(decodeIpCmHeader(bytesOf(V4_BYTES), 36 - length)).toMatchObject({ code: 'TRUNCATED', details });
    }
    expect(decodeIpCmHeader(new Uint8Array(), 40)).toMatchObject({ details: { actual: 0 } });
  });

  test('never makes the decoder throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(120), (bytes, offset) => {
        const result = decodeIpCmHeader(bytes, offset);
        if (!(result instanceof DecodeError)) expect([4, 6]).toContain(result.ipVersion);
      }),
    );
  });
});

describe('values that no such header can hold', () => {
  test.each([
    ['a port above 65,535', { sourcePort: 65_536 }, 'ipCmHeader.sourcePort'],
    ['a negative port', { sourcePort: -1 }, 'ipCmHeader.sourcePort'],
    [
      'an IPv6 address for IPv4, of which four bytes would be left',
      { source: parseGid('fd77::3') },
      'ipCmHeader.source',
    ],
    ['an IPv6 destination for IPv4', { destination: parseGid('::1') }, 'ipCmHeader.destination'],
    ['four bytes instead of a GID', { source: Uint8Array.of(10, 77, 0, 3) }, 'ipCmHeader.source'],
    ['seventeen bytes', { destination: new Uint8Array(17) }, 'ipCmHeader.destination'],
  ])('are refused: %s', (_, change, field) => {
    const error = errorOf(() => encoded({ ...V4, ...change }));
    expect(error).toBeInstanceOf(EncodeError);
    expect(error).toMatchObject({ details: { field } });
  });

  test('are not needed to find that there is no room', () => {
    for (const [length, offset] of [
      [35, 0],
      [36, 1],
      [0, 0],
      [100, 65],
      [100, -1],
      [100, Number.NaN],
    ] as const) {
      const into = new Uint8Array(length).fill(7);
      const error = errorOf(() => encodeIpCmHeader(V4, into, offset));
      expect(error).toBeInstanceOf(EncodeError);
      expect(error).toMatchObject({ code: 'NO_ROOM' });
      expect(into.every((byte) => byte === 7)).toBe(true);
    }
  });
});

describe('the captured requests', () => {
  test.each(CAPTURES)('of %s name the addresses of the packets that carried them', (capture) => {
    for (const { mad, frame, ipVersion, udpOffset } of madsOf(capture)) {
      const request = decodeMad(mad);
      if (request instanceof DecodeError || (request.message !== 'REQ' && request.message !== 'SIDR_REQ')) continue;
      const header = decoded(request.fields.privateData);
      const addressBytes = ipVersion === 4 ? 4 : 16;
      const source = frame.bytes.subarray(udpOffset - 2 * addressBytes, udpOffset - addressBytes);
      const destination = frame.bytes.subarray(udpOffset - addressBytes, udpOffset);
      expect(header.ipVersion).toBe(ipVersion);
      expect(header.source.subarray(-addressBytes)).toEqual(source);
      expect(header.destination.subarray(-addressBytes)).toEqual(destination);
      expect(header.sourcePort).toBeGreaterThan(0);
      if (request.message === 'REQ') {
        expect(header.source).toEqual(request.fields.primaryPath.localGid);
        expect(header.destination).toEqual(request.fields.primaryPath.remoteGid);
      }
      // What follows the header is the user's; the header itself is written as Linux wrote it.
      expect(encoded(header)).toEqual(request.fields.privateData.slice(0, IP_CM_HEADER_BYTES));
    }
  });
});

describe('the service ID of a port', () => {
  test.each([
    ['tcp', 7_174, 0x0106_1c06n],
    ['udp', 7_174, 0x0111_1c06n],
    ['ib', 1, 0x013f_0001n],
    ['ipoib', 0xffff, 0x0002_ffffn],
    ['tcp', 0, 0x0106_0000n],
  ] as const)('%s %i', (portSpace, port, expected) => {
    expect(serviceIdOfPort(portSpace, port)).toBe(expected as ServiceId);
  });

  test('is refused for a port that would be a port of another space', () => {
    for (const port of [65_536, -1, 0.5, Number.NaN]) {
      const error = errorOf(() => serviceIdOfPort('tcp', port));
      expect(error).toBeInstanceOf(EncodeError);
      expect(error).toMatchObject({
        code: 'VALUE_OUT_OF_RANGE',
        details: { field: 'port', limit: 65_535, actual: port },
      });
    }
  });

  test('is the one that Linux asks for', () => {
    const asked = new Set(
      CAPTURES.flatMap((capture) => madsOf(capture)).flatMap(({ mad }) => {
        const request = decodeMad(mad);
        if (request instanceof DecodeError) return [];
        return request.message === 'REQ' || request.message === 'SIDR_REQ' ? [request.fields.serviceId >> 16n] : [];
      }),
    );
    expect(asked).toEqual(new Set([BigInt(PORT_SPACES.tcp), BigInt(PORT_SPACES.udp)]));
  });
});
