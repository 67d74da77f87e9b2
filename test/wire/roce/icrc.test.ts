import zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGid } from '../../../src/base/index.js';
import {
  type Crc32,
  Icrc,
  IDENTIFICATION_UNKNOWN,
  icrcOfFrame,
  storedIcrc,
  storeIcrc,
  verifyFrameIcrc,
} from '../../../src/wire/index.js';
import { naiveCrc32, naiveIcrc } from './naive-icrc.js';
import { anyFramed, anyRoceV2, type TestPacket } from './packets.js';

const icrc = new Icrc();

test('the naive CRC is the one of Ethernet: its check value is 0xcbf43926', () => {
  expect(naiveCrc32(Buffer.from('123456789')) >>> 0).toBe(0xcbf4_3926);
});

describe.each([4, 6] as const)('a RoCEv2 packet over IPv%i', (ipVersion) => {
  const compute = ({ path, identification, frame, packet }: TestPacket): number =>
    icrc.compute(path, identification, frame, packet.bthOffset, packet.end);

  test('has the ICRC that a second computation gives, from its path and from its frame', () => {
    fc.assert(
      fc.property(anyRoceV2(ipVersion), (example) => {
        const expected = naiveIcrc(example.frame, example.packet, ipVersion);
        expect(compute(example)).toBe(expected);
        expect(icrcOfFrame(example.frame, example.packet)).toBe(expected);
      }),
    );
  });

  test('verifies once it is sealed, and its identification is recovered', () => {
    fc.assert(
      fc.property(anyRoceV2(ipVersion), ({ path, identification, frame, packet }) => {
        const { bthOffset, end } = packet;
        icrc.seal(path, identification, frame, bthOffset, end);
        expect(verifyFrameIcrc(frame, packet)).toBe(true);
        for (const known of [identification, IDENTIFICATION_UNKNOWN]) {
          expect(icrc.verify(path, known, frame, bthOffset, end)).toBe(true);
          expect(icrc.identification).toBe(identification);
        }
      }),
    );
  });

  test('is sealed by changing its last four bytes only', () => {
    fc.assert(
      fc.property(anyRoceV2(ipVersion), ({ path, identification, frame, packet }) => {
        const before = frame.slice();
        icrc.seal(path, identification, frame, packet.bthOffset, packet.end);
        expect(frame.subarray(0, -4)).toEqual(before.subarray(0, -4));
      }),
    );
  });

  test('has the same ICRC wherever its addresses stand', () => {
    fc.assert(
      fc.property(anyRoceV2(ipVersion), fc.nat(40), fc.nat(40), (example, sourceOffset, destinationOffset) => {
        const { path, identification, frame, packet } = example;
        const source = new Uint8Array(64).fill(0x77);
        const destination = new Uint8Array(64).fill(0x77);
        source.set(path.source, sourceOffset);
        destination.set(path.destination, destinationOffset);
        const elsewhere = { ...path, source, sourceOffset, destination, destinationOffset };
        expect(icrc.compute(elsewhere, identification, frame, packet.bthOffset, packet.end)).toBe(compute(example));
      }),
    );
  });

  test('is computed afresh each time: nothing is left of packets of other lengths or families', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(anyRoceV2(4), anyRoceV2(6)), { maxLength: 5 }),
        anyRoceV2(ipVersion),
        (others, one) => {
          const used = new Icrc();
          for (const { path, frame, packet } of others) {
            used.verify(path, IDENTIFICATION_UNKNOWN, frame, packet.bthOffset, packet.end);
          }
          const { path, identification, frame, packet } = one;
          used.seal(path, identification, frame, packet.bthOffset, packet.end);
          expect(used.verify(path, IDENTIFICATION_UNKNOWN, frame, packet.bthOffset, packet.end)).toBe(true);
          expect(used.identification).toBe(identification);
          expect(storedIcrc(frame, packet.end)).toBe(naiveIcrc(frame, packet, ipVersion));
        },
      ),
    );
  });
});

test('every one of the 65,536 identifications is recovered', () => {
  const path = {
    source: parseGid('10.77.0.3'),
    sourceOffset: 0,
    destination: parseGid('10.77.0.2'),
    destinationOffset: 0,
    sourcePort: 55_410,
  };
  const bytes = new Uint8Array(280).fill(0x3c);
  for (let identification = 0; identification <= 0xffff; identification += 1) {
    icrc.seal(path, identification, bytes, 0, bytes.length);
    if (!icrc.verify(path, IDENTIFICATION_UNKNOWN, bytes, 0, bytes.length) || icrc.identification !== identification) {
      expect.fail(`identification ${identification} is taken for ${icrc.identification}`);
    }
  }
});

test('what came before makes no difference to what is verified, or recovered', () => {
  const path = {
    source: parseGid('10.0.0.1'),
    sourceOffset: 0,
    destination: parseGid('10.0.0.2'),
    destinationOffset: 0,
    sourcePort: 49_152,
  };
  const packet = fc.record({
    step: fc.constantFrom(1, 1, 1, 0, 64),
    length: fc.constantFrom(40, 280, 4_348, 4_352, 5_000),
    damage: fc.constantFrom(0, 0, 0, 1, 0xff),
  });
  const shared = new Icrc();
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 20 }), (packets) => {
      let identification = 0;
      for (const { step, length, damage } of packets) {
        identification = step === 0 ? 0 : identification + step;
        const bytes = Uint8Array.from({ length }, (_, i) => i * 3);
        icrc.seal(path, identification, bytes, 0, length);
        bytes[length - 6] = (bytes[length - 6] as number) ^ damage;
        const alone = new Icrc();
        const isRight = alone.verify(path, IDENTIFICATION_UNKNOWN, bytes, 0, length);
        expect(shared.verify(path, IDENTIFICATION_UNKNOWN, bytes, 0, length)).toBe(isRight);
        if (isRight) expect(shared.identification).toBe(alone.identification);
        if (damage === 0) expect(alone.identification).toBe(identification);
      }
    }),
  );
});

test('packets between few ends, of few lengths and identifications, each have their own ICRC, whatever came before', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', '192.168.0.1'].map((text) => parseGid(text));
  const frame = Uint8Array.from({ length: 128 }, (_, i) => i * 5);
  const few = fc.record({
    source: fc.constantFrom(...addresses),
    destination: fc.constantFrom(...addresses),
    sourcePort: fc.constantFrom(4791, 49_152),
    identification: fc.constantFrom(0, 1, 63, 64, 0xffff),
    length: fc.constantFrom(40, 44, 128),
  });
  const shared = new Icrc();
  fc.assert(
    fc.property(fc.array(few, { minLength: 1, maxLength: 30 }), (packets) => {
      for (const { source, destination, sourcePort, identification, length } of packets) {
        const path = { source, sourceOffset: 0, destination, destinationOffset: 0, sourcePort };
        const alone = new Icrc().compute(path, identification, frame, 0, length);
        expect(shared.compute(path, identification, frame, 0, length)).toBe(alone);
      }
    }),
  );
});

test('zeros at a packet’s end, however many, are covered like other bytes', () => {
  const path = {
    source: parseGid('10.0.0.1'),
    sourceOffset: 0,
    destination: parseGid('10.0.0.2'),
    destinationOffset: 0,
    sourcePort: 49_152,
  };
  for (let zeros = 0; zeros <= 600; zeros += 4) {
    for (const others of [16, 20]) {
      const length = others + zeros + 4;
      const bytes = new Uint8Array(length + 1);
      bytes.fill(0xa5, 0, others);
      const byWords = icrc.compute(path, 7, bytes, 0, length);
      // Where they do not begin at a word, they are taken one by one.
      bytes.copyWithin(1, 0, length);
      expect(icrc.compute(path, 7, bytes, 1, length + 1)).toBe(byWords);
    }
  }
});

/** CRC-32 from its definition, bit by bit. */
function crc32ByDefinition(bytes: Uint8Array, crc: number): number {
  let register = ~crc;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit += 1) register = register & 1 ? (register >>> 1) ^ 0xedb8_8320 : register >>> 1;
  }
  return ~register >>> 0;
}

describe.each([
  ['from its definition', crc32ByDefinition],
  ['of zlib', (zlib as { readonly crc32?: Crc32 }).crc32],
])('with a CRC %s', (_, crc32) => {
  const path = {
    source: parseGid('10.0.0.1'),
    sourceOffset: 0,
    destination: parseGid('10.0.0.2'),
    destinationOffset: 0,
  };
  const frame = Uint8Array.from({ length: 4_300 }, (__, i) => (i * i) >> 3);

  test.skipIf(crc32 === undefined)('the ICRC is the same, and it is asked about what is long', () => {
    let asked = 0;
    const platform = new Icrc((bytes, crc) => {
      asked += 1;
      return (crc32 as Crc32)(bytes, crc);
    });
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 4_200 }), fc.nat(99), fc.nat(0xffff), (length, start, identification) => {
        const packet = [{ ...path, sourcePort: length }, identification, frame, start, start + length] as const;
        expect(platform.compute(...packet)).toBe(icrc.compute(...packet));
      }),
    );
    expect(asked).toBeGreaterThan(0);
    const before = asked;
    platform.compute({ ...path, sourcePort: 1 }, 0, frame, 0, 280);
    expect(asked).toBe(before);
  });
});

describe('the length of a packet', () => {
  const path = {
    source: parseGid('10.0.0.1'),
    sourceOffset: 0,
    destination: parseGid('10.0.0.2'),
    destinationOffset: 0,
    sourcePort: 49_152,
  };

  test.each([16, 17, 18, 19, 20, 23, 24, 25, 280, 4_096 + 32, 65_507])('may be %i bytes', (length) => {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7);
    icrc.seal(path, 0xbeef, bytes, 0, length);
    expect(icrc.verify(path, 0xbeef, bytes, 0, length)).toBe(true);
    expect(icrc.verify(path, IDENTIFICATION_UNKNOWN, bytes, 0, length)).toBe(true);
    expect(icrc.identification).toBe(0xbeef);
    expect(icrc.verify(path, 0xbeee, bytes, 0, length)).toBe(false);
  });

  test('is no less than a BTH and an ICRC in a frame', () => {
    const frame = new Uint8Array(100);
    for (let length = 0; length < 16; length += 1) {
      const packet = {
        transport: 'rocev2',
        headerOffset: 14,
        headerLength: 20,
        bthOffset: 42,
        end: 42 + length,
      } as const;
      expect(verifyFrameIcrc(frame, packet)).toBe(false);
    }
  });
});

describe.each([
  ['a RoCEv1 packet', 'rocev1', 40],
  ['a local InfiniBand packet', 'infiniband', 8],
  ['a global InfiniBand packet', 'infiniband', 48],
] as const)('%s', (_, transport, headerLength) => {
  test('has the ICRC that a second computation gives', () => {
    fc.assert(
      fc.property(anyFramed(transport, headerLength), ({ frame, packet }) => {
        const expected = naiveIcrc(frame, packet, 6);
        expect(icrcOfFrame(frame, packet)).toBe(expected);
        storeIcrc(frame, packet.end, expected);
        expect(verifyFrameIcrc(frame, packet)).toBe(true);
      }),
    );
  });

  test('is not changed by being checked', () => {
    fc.assert(
      fc.property(anyFramed(transport, headerLength), ({ frame, packet }) => {
        const before = frame.slice();
        verifyFrameIcrc(frame, packet);
        expect(frame).toEqual(before);
      }),
    );
  });
});

test('the ICRC stands least significant byte first at the packet’s end', () => {
  const bytes = new Uint8Array(8);
  storeIcrc(bytes, 7, 0x8123_4567 | 0);
  expect([...bytes]).toEqual([0, 0, 0, 0x67, 0x45, 0x23, 0x81, 0]);
  expect(storedIcrc(bytes, 7)).toBe(0x8123_4567 | 0);
});

test('options of an IPv4 header count as they stand', () => {
  const frame = new Uint8Array(14 + 24 + 8 + 16).map((_, index) => index * 13);
  frame[14] = 0x46;
  const packet = { transport: 'rocev2', headerOffset: 14, headerLength: 24, bthOffset: 46, end: 62 } as const;
  expect(icrcOfFrame(frame, packet)).toBe(naiveIcrc(frame, packet, 4));
  const other = frame.slice();
  other[14 + 21] = 0;
  expect(icrcOfFrame(other, packet)).not.toBe(icrcOfFrame(frame, packet));
});
