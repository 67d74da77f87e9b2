import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES_MAX, INTERFACES_MAX, PACKET_BYTES_MAX } from '../../../src/wire/capture/index.js';
import { counting, join, zeros } from './bytes.js';
import { Blocks } from './capture-files.js';
import { readAll } from './read-all.js';

const data = counting(5, 10);
const NAME = new Uint8Array([0x65, 0x74, 0x68]);

describe.each([
  { order: 'little-endian', blocks: new Blocks(true), other: new Blocks(false) },
  { order: 'big-endian', blocks: new Blocks(false), other: new Blocks(true) },
])('a $order pcapng file', ({ blocks, other }) => {
  const start = join(blocks.section(), blocks.interface());

  test('is read with microseconds by default', () => {
    const { records, error } = readAll(join(start, blocks.enhanced(data, 1_700_000_000_123_456n, { original: 99 })));
    expect(error).toBeUndefined();
    const timestamp = { seconds: 1_700_000_000, nanoseconds: 123_456_000 };
    expect(records).toEqual([{ frame: 1, timestamp, linkType: 1, originalLength: 99, data }]);
  });

  test.each([
    { resolution: 9, units: 1_700_000_000_123_456_789n, seconds: 1_700_000_000, nanoseconds: 123_456_789 },
    { resolution: 0, units: 17n, seconds: 17, nanoseconds: 0 },
    { resolution: 12, units: 5_000_000_001_999n, seconds: 5, nanoseconds: 1 },
    { resolution: 0x80 | 10, units: 1024n * 3n + 512n, seconds: 3, nanoseconds: 500_000_000 },
    { resolution: 0x80 | 32, units: (9n << 32n) | 1n, seconds: 9, nanoseconds: 0 },
    { resolution: 127, units: 1n << 63n, seconds: 0, nanoseconds: 0 },
  ])('keeps times of resolution $resolution exactly', ({ resolution, units, seconds, nanoseconds }) => {
    const options = [blocks.option(2, NAME), blocks.option(9, Uint8Array.of(resolution)), blocks.option(0, zeros(0))];
    const file = join(blocks.section(), blocks.interface(1, 0, ...options), blocks.enhanced(data, units));
    expect(readAll(file).records[0]?.timestamp).toEqual({ seconds, nanoseconds });
  });

  test('adds the offset of the interface, which may be negative', () => {
    const options = [blocks.option(14, blocks.number(-10n, 8))];
    const file = join(blocks.section(), blocks.interface(1, 0, ...options), blocks.enhanced(data, 3_000_001n));
    expect(readAll(file).records[0]?.timestamp).toEqual({ seconds: -7, nanoseconds: 1_000 });
  });

  test('with a time beyond all exact seconds ends in an error', () => {
    const options = [blocks.option(9, Uint8Array.of(0))];
    const file = join(blocks.section(), blocks.interface(1, 0, ...options), blocks.enhanced(data, 1n << 60n));
    expect(readAll(file).error?.code).toBe('TIMESTAMP_RANGE');
  });

  test('ends its options at the end mark', () => {
    const options = [blocks.option(0, zeros(0)), blocks.option(9, Uint8Array.of(0))];
    const file = join(blocks.section(), blocks.interface(1, 0, ...options), blocks.enhanced(data, 3_000_000n));
    expect(readAll(file).records[0]?.timestamp).toEqual({ seconds: 3, nanoseconds: 0 });
  });

  test('may have several interfaces of different link types', () => {
    const interfaces = [blocks.interface(1), blocks.interface(247), blocks.interface(276)];
    const packets = [2, 0, 1].map((id) => blocks.enhanced(data, 0n, { id }));
    const { records, error } = readAll(join(blocks.section(), ...interfaces, ...packets));
    expect(error).toBeUndefined();
    expect(records.map(({ frame, linkType }) => [frame, linkType])).toEqual([
      [1, 276],
      [2, 1],
      [3, 247],
    ]);
  });

  test('may have several sections, each of its own byte order and interfaces', () => {
    const second = join(other.section({ minor: 2 }), other.interface(101), other.enhanced(data, 2_000_000n));
    const { records, error } = readAll(join(start, blocks.enhanced(data, 1_000_000n), second));
    expect(error).toBeUndefined();
    expect(records.map(({ frame, linkType, timestamp }) => [frame, linkType, timestamp?.seconds])).toEqual([
      [1, 1, 1],
      [2, 101, 2],
    ]);
  });

  test('forgets the interfaces of a section with the section', () => {
    const { error } = readAll(join(start, other.section(), other.enhanced(data, 0n)));
    expect(error?.code).toBe('UNKNOWN_INTERFACE');
  });

  test('may have obsolete packet blocks', () => {
    const { records, error } = readAll(join(start, blocks.obsolete(data, 1_000_001n)));
    expect(error).toBeUndefined();
    const timestamp = { seconds: 1, nanoseconds: 1_000 };
    expect(records).toEqual([{ frame: 1, timestamp, linkType: 1, originalLength: 5, data }]);
  });

  test('may have simple packet blocks, which have no time', () => {
    const { records, error } = readAll(join(start, blocks.simple(data)));
    expect(error).toBeUndefined();
    expect(records).toEqual([{ frame: 1, timestamp: undefined, linkType: 1, originalLength: 5, data }]);
  });

  test('cuts simple packets at the snapshot length of the first interface', () => {
    const { records } = readAll(join(blocks.section(), blocks.interface(1, 3), blocks.simple(data.subarray(0, 3), 5)));
    expect(records[0]).toMatchObject({ originalLength: 5, data: data.subarray(0, 3) });
  });

  test('has blocks of other types skipped', () => {
    const unknown = [blocks.block(5, zeros(8)), blocks.block(0x8000_0bad, zeros(0)), blocks.block(0, zeros(64))];
    const { records, error } = readAll(join(start, ...unknown, blocks.enhanced(data, 0n), ...unknown));
    expect(error).toBeUndefined();
    expect(records).toHaveLength(1);
  });

  const fault = start.length + blocks.enhanced(data, 0n).length;
  test.each([
    { lie: 'no length', block: blocks.block(6, zeros(20), { length: 0 }), code: 'BLOCK_LENGTH' },
    { lie: 'a length below the least', block: blocks.block(5, zeros(0), { length: 8 }), code: 'BLOCK_LENGTH' },
    { lie: 'a length that is no multiple of 4', block: blocks.block(5, zeros(5)), code: 'BLOCK_LENGTH' },
    { lie: 'another trailing length', block: blocks.block(5, zeros(8), { trailer: 24 }), code: 'BLOCK_LENGTH' },
    { lie: 'a length beyond the file', block: blocks.block(5, zeros(8), { length: 40 }), code: 'TRUNCATED' },
    {
      lie: 'a length beyond the limit',
      block: blocks.block(5, zeros(8), { length: BLOCK_BYTES_MAX + 4 }),
      code: 'BLOCK_TOO_LONG',
    },
    { lie: 'too little for a packet', block: blocks.block(6, zeros(16)), code: 'BLOCK_LENGTH' },
    { lie: 'too little for an obsolete packet', block: blocks.block(2, zeros(16)), code: 'BLOCK_LENGTH' },
    { lie: 'too little for a simple packet', block: blocks.block(3, zeros(0)), code: 'BLOCK_LENGTH' },
    { lie: 'too little for an interface', block: blocks.block(1, zeros(4)), code: 'BLOCK_LENGTH' },
    { lie: 'too little for a section', block: blocks.section().slice(0, 12), code: 'TRUNCATED' },
    {
      lie: 'a packet longer than its block',
      block: blocks.enhanced(data, 0n, { captured: 9 }),
      code: 'PACKET_LENGTH',
    },
    { lie: 'a simple packet longer than its block', block: blocks.simple(data, 9), code: 'PACKET_LENGTH' },
    {
      lie: 'a packet longer than the limit',
      block: blocks.enhanced(data, 0n, { captured: PACKET_BYTES_MAX + 1 }),
      code: 'PACKET_TOO_LONG',
    },
    {
      lie: 'an interface that is not there',
      block: blocks.enhanced(data, 0n, { id: 1 }),
      code: 'UNKNOWN_INTERFACE',
    },
    { lie: 'an interface that is not there, obsolete', block: blocks.obsolete(data, 0n, 1), code: 'UNKNOWN_INTERFACE' },
    { lie: 'a wrong byte-order magic', block: blocks.section({ magic: 0x1a2b3c4e }), code: 'BYTE_ORDER' },
    { lie: 'a later major version', block: blocks.section({ major: 2 }), code: 'UNSUPPORTED_VERSION' },
    {
      lie: 'an option longer than its block',
      block: blocks.interface(1, 0, blocks.option(2, NAME, 5)),
      code: 'OPTION_LENGTH',
    },
    {
      lie: 'a resolution of two bytes',
      block: blocks.interface(1, 0, blocks.option(9, zeros(2))),
      code: 'OPTION_LENGTH',
    },
    {
      lie: 'an offset of four bytes',
      block: blocks.interface(1, 0, blocks.option(14, zeros(4))),
      code: 'OPTION_LENGTH',
    },
  ])('with $lie ends in one clear error', ({ block, code }) => {
    const { records, error } = readAll(join(start, blocks.enhanced(data, 0n), block));
    expect(records).toHaveLength(1);
    expect(error?.code).toBe(code);
    expect(error?.details).toMatchObject({ offset: fault, frame: 2 });
  });

  test('describes interfaces up to the limit and no further', () => {
    const interfaces = Array.from({ length: INTERFACES_MAX }, () => blocks.interface());
    const last = blocks.enhanced(data, 0n, { id: INTERFACES_MAX - 1 });
    const full = join(blocks.section(), ...interfaces, last);
    expect(readAll(full)).toMatchObject({ records: [{ frame: 1 }], error: undefined });
    const { records, error } = readAll(join(full, blocks.interface(), last));
    expect(records).toHaveLength(1);
    expect(error?.code).toBe('TOO_MANY_INTERFACES');
  });

  test('is read up to the longest block', () => {
    const longest = blocks.block(5, zeros(BLOCK_BYTES_MAX - 12));
    const { records, error, bufferedBytesMax } = readAll(join(start, longest, blocks.enhanced(data, 0n)), [65_536]);
    expect(error).toBeUndefined();
    expect(records).toHaveLength(1);
    expect(bufferedBytesMax).toBeLessThanOrEqual(2 * BLOCK_BYTES_MAX);
  });
});

test('a section too short for its fixed part is refused', () => {
  const short = new Blocks(true).block(0x0a0d0d0a, Uint8Array.of(0x4d, 0x3c, 0x2b, 0x1a));
  expect(readAll(short).error?.code).toBe('BLOCK_LENGTH');
});
