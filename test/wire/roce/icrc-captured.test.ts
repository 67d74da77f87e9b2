import { describe, expect, test } from 'vitest';
import {
  Icrc,
  IDENTIFICATION_UNKNOWN,
  icrcOfFrame,
  type RocePath,
  storedIcrc,
  verifyFrameIcrc,
} from '../../../src/wire/index.js';
import { CAPTURES, packetsOf } from '../captures.js';
import { maskedBits, naiveIcrc } from './naive-icrc.js';
import { type TestPacket, testPacketOf } from './packets.js';

const icrc = new Icrc();

function verify(
  { path, packet }: TestPacket,
  identification: number,
  frame: Uint8Array,
  other: Partial<RocePath> = {},
): boolean {
  return icrc.verify({ ...path, ...other }, identification, frame, packet.bthOffset, packet.end);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
  return copy;
}

function* bitsOf(start: number, end: number): Generator<number> {
  for (let bit = 8 * start; bit < 8 * end; bit += 1) yield bit;
}

describe.each(CAPTURES)('every RoCEv2 packet of %s', (capture) => {
  const packets = packetsOf(capture).map(testPacketOf);

  test('has the ICRC that its headers and contents call for', () => {
    expect(packets.length).toBeGreaterThan(0);
    for (const { frame, packet, ipVersion } of packets) {
      expect(verifyFrameIcrc(frame, packet)).toBe(true);
      expect(icrcOfFrame(frame, packet)).toBe(storedIcrc(frame, packet.end));
      expect(naiveIcrc(frame, packet, ipVersion)).toBe(storedIcrc(frame, packet.end));
    }
  });

  test('is not changed by being checked, not even in a Buffer', () => {
    for (const { frame, packet } of packets) {
      const buffer = Buffer.from(frame);
      expect(verifyFrameIcrc(buffer, packet)).toBe(true);
      expect(buffer.equals(frame)).toBe(true);
    }
  });

  test('verifies when its IPv4 identification is known', () => {
    for (const packet of packets) {
      expect(verify(packet, packet.identification, packet.frame)).toBe(true);
      expect(icrc.identification).toBe(packet.identification);
    }
  });

  test('verifies when its IPv4 identification is not known, and gives it away', () => {
    for (const packet of packets) {
      expect(verify(packet, IDENTIFICATION_UNKNOWN, packet.frame)).toBe(true);
      expect(icrc.identification).toBe(packet.identification);
    }
  });

  test('is sealed again as Linux sealed it', () => {
    for (const { path, packet, frame, identification } of packets) {
      const copy = frame.slice();
      copy.fill(0, packet.end - 4, packet.end);
      icrc.seal(path, identification, copy, packet.bthOffset, packet.end);
      expect(copy).toEqual(frame);
    }
  });
});

/** A CM packet and the longest and the shortest packet of each family. */
const EXAMPLES = (['rping-ipv4', 'rping-ipv6'] as const).flatMap((capture) => {
  const packets = packetsOf(capture).map(testPacketOf);
  const bySize = packets.toSorted((a, b) => a.frame.length - b.frame.length);
  const cm = packets.find(({ frame, packet }) => frame[packet.bthOffset] === 0x64);
  return [cm, bySize.at(0), bySize.at(-1)].flatMap((packet) =>
    packet ? [{ name: `${capture}, ${packet.frame.length} bytes`, ...packet }] : [],
  );
});

describe.each(EXAMPLES)('a packet of $name', (example) => {
  const { frame, packet, path, ipVersion, identification } = example;
  const addressBytes = ipVersion === 4 ? 4 : 16;
  const masks = maskedBits(packet, ipVersion);
  const isMasked = (bit: number): boolean =>
    masks.some(([byte, mask]) => byte === bit >> 3 && (mask & (0x80 >> (bit & 7))) !== 0);

  test('fails in its frame when any one bit is flipped that the ICRC covers, and no other', () => {
    for (const bit of bitsOf(packet.headerOffset, packet.end)) {
      expect(verifyFrameIcrc(flipped(frame, bit), packet), `byte ${bit >> 3} bit ${bit & 7}`).toBe(isMasked(bit));
    }
  });

  test.each([
    ['known', identification],
    ['unknown', IDENTIFICATION_UNKNOWN],
  ])(
    'fails with its identification %s when any one bit of its transport part is flipped, except those of the BTH that may change',
    (_, known) => {
      for (const bit of bitsOf(packet.bthOffset, packet.end)) {
        expect(verify(example, known, flipped(frame, bit)), `byte ${bit >> 3} bit ${bit & 7}`).toBe(isMasked(bit));
      }
    },
  );

  test.each([
    ['known', identification],
    ['unknown', IDENTIFICATION_UNKNOWN],
  ])('fails with its identification %s when any one bit of an address or the source port is another', (_, known) => {
    for (const bit of bitsOf(16 - addressBytes, 16)) {
      expect(verify(example, known, frame, { source: flipped(path.source, bit) })).toBe(false);
      expect(verify(example, known, frame, { destination: flipped(path.destination, bit) })).toBe(false);
    }
    for (let bit = 0; bit < 16; bit += 1) {
      expect(verify(example, known, frame, { sourcePort: path.sourcePort ^ (1 << bit) })).toBe(false);
    }
  });

  test('fails when it is cut short or has grown by a byte, with its identification known and unknown', () => {
    for (const length of [-1, 1]) {
      const other = new Uint8Array(frame.length + 1);
      other.set(frame);
      for (const known of [identification, IDENTIFICATION_UNKNOWN]) {
        expect(icrc.verify(path, known, other, packet.bthOffset, packet.end + length)).toBe(false);
      }
    }
  });

  test(ipVersion === 4 ? 'fails with any wrong identification' : 'has no identification that could be wrong', () => {
    for (let bit = 0; bit < 16; bit += 1) {
      expect(verify(example, identification ^ (1 << bit), frame)).toBe(ipVersion === 6);
    }
  });
});

test('a damaged packet of unknown identification passes about once in 65,536 times', () => {
  const [example] = EXAMPLES;
  if (example === undefined) throw new Error('there is no example');
  const copy = example.frame.slice();
  const view = new DataView(copy.buffer);
  let passed = 0;
  const tries = 400_000;
  for (let damage = 1; damage <= tries; damage += 1) {
    // Four bytes in the MAD's middle, a different damage each time.
    view.setUint32(example.packet.bthOffset + 100, Math.imul(damage, 0x9e37_79b1));
    if (verify(example, IDENTIFICATION_UNKNOWN, copy)) passed += 1;
  }
  // 6.1 are to be expected; the damage, and so the number, is the same in each run.
  expect(passed).toBe(7);
});
