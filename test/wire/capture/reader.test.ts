import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUFFERED_BYTES_MAX, CaptureReader, CaptureUseError } from '../../../src/wire/capture/index.js';
import { counting, join } from './bytes.js';
import { Blocks, pcapHeader, pcapRecord } from './capture-files.js';
import { readAll } from './read-all.js';

const packet = fc.record({
  data: fc.uint8Array({ maxLength: 60 }),
  seconds: fc.nat(2_000_000_000),
  microseconds: fc.nat(999_999),
  kind: fc.constantFrom('enhanced', 'obsolete', 'simple', 'unknown', 'section'),
});

interface Part {
  readonly bytes: Uint8Array;
  readonly isPacket: boolean;
}

/** Valid files of both formats and byte orders, as the parts that they are made of. */
const validParts: fc.Arbitrary<readonly Part[]> = fc
  .record({ packets: fc.array(packet, { maxLength: 12 }), littleEndian: fc.boolean(), isPcapng: fc.boolean() })
  .map(({ packets, littleEndian, isPcapng }) => {
    if (!isPcapng) {
      const records = packets.map(({ data, seconds, microseconds }) => ({
        bytes: pcapRecord(data, { littleEndian, seconds, fraction: microseconds }),
        isPacket: true,
      }));
      return [{ bytes: pcapHeader({ littleEndian }), isPacket: false }, ...records];
    }
    const blocks = new Blocks(littleEndian);
    const start = { bytes: join(blocks.section(), blocks.interface()), isPacket: false };
    const rest = packets.map(({ data, seconds, microseconds, kind }) => {
      const units = BigInt(seconds) * 1_000_000n + BigInt(microseconds);
      if (kind === 'enhanced') return { bytes: blocks.enhanced(data, units), isPacket: true };
      if (kind === 'obsolete') return { bytes: blocks.obsolete(data, units), isPacket: true };
      if (kind === 'simple') return { bytes: blocks.simple(data), isPacket: true };
      if (kind === 'section') return start;
      return { bytes: blocks.block(99, data.subarray(0, data.length & ~3)), isPacket: false };
    });
    return [start, ...rest];
  });
const fileOf = (parts: readonly Part[]): Uint8Array => join(...parts.map(({ bytes }) => bytes));
const validFile = validParts.map(fileOf);

/** How many packets lie wholly in the first `length` bytes. */
function packetsWithin(parts: readonly Part[], length: number): number {
  let end = 0;
  let count = 0;
  for (const { bytes, isPacket } of parts) {
    end += bytes.length;
    if (isPacket && end <= length) count += 1;
  }
  return count;
}

describe('any file', () => {
  test('gives the same records however it is cut into chunks', () => {
    fc.assert(
      fc.property(validFile, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (file, chunks) => {
        const { records, error } = readAll(file);
        expect(error).toBeUndefined();
        expect(readAll(file, chunks)).toMatchObject({ records, error: undefined });
        expect(readAll(file, [1])).toMatchObject({ records, error: undefined });
      }),
    );
  });

  test('gives the same records if nothing is polled before its end', () => {
    fc.assert(
      fc.property(validFile, fc.integer({ min: 1, max: 50 }), (file, length) => {
        const reader = new CaptureReader();
        for (let i = 0; i < file.length; i += length) reader.push(file.subarray(i, i + length));
        reader.end();
        for (const expected of readAll(file).records) expect(reader.poll()).toEqual(expected);
        expect(reader.poll()).toBeUndefined();
        expect(reader.error).toBeUndefined();
      }),
    );
  });

  test('cut anywhere gives the records before the cut and at most one error', () => {
    fc.assert(
      fc.property(validParts, fc.nat(), fc.integer({ min: 1, max: 50 }), (parts, place, length) => {
        const file = fileOf(parts);
        const cut = place % (file.length + 1);
        const whole = readAll(file).records;
        const { records, error } = readAll(file.subarray(0, cut), [length]);
        expect(records).toEqual(whole.slice(0, packetsWithin(parts, cut)));
        if (error !== undefined) expect(['TRUNCATED', 'EMPTY']).toContain(error.code);
        if (error !== undefined) expect(error.details.frame).toBe(records.length + 1);
      }),
    );
  });

  test('damaged anywhere never throws, and the records before the damage are right', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(validFile, damage, fc.integer({ min: 1, max: 50 }), (file, changes, length) => {
        const damaged = file.slice();
        for (const [place, value] of changes) damaged[place % file.length] = value;
        const whole = readAll(damaged);
        const chunked = readAll(damaged, [length]);
        expect(chunked.records).toEqual(whole.records);
        expect(chunked.error?.details).toEqual(whole.error?.details);
        // No packet takes less than 16 bytes of the file.
        expect(whole.records.length).toBeLessThanOrEqual(damaged.length / 16);
        expect(whole.records.map(({ frame }) => frame)).toEqual(whole.records.map((_, i) => i + 1));
      }),
      { numRuns: 500 },
    );
  });

  test('of random bytes never throws', () => {
    const magics = [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [0x0a, 0x0d, 0x0d, 0x0a], []];
    fc.assert(
      fc.property(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 200 }), (magic, bytes) => {
        const { records } = readAll(join(Uint8Array.from(magic), bytes), [7]);
        expect(records.length).toBeLessThanOrEqual(bytes.length / 12);
      }),
    );
  });
});

describe('a reader', () => {
  const file = join(pcapHeader(), pcapRecord(counting(8)), pcapRecord(counting(8)));

  test('keeps quiet about a record that may still be completed', () => {
    const reader = new CaptureReader();
    reader.push(file.subarray(0, 60));
    expect(reader.poll()?.frame).toBe(1);
    expect(reader.poll()).toBeUndefined();
    expect(reader.error).toBeUndefined();
  });

  test('has nothing to say before anything is pushed', () => {
    const reader = new CaptureReader();
    expect(reader.poll()).toBeUndefined();
    expect(reader.error).toBeUndefined();
  });

  test('bears empty chunks', () => {
    const reader = new CaptureReader();
    reader.push(new Uint8Array(0));
    reader.push(file);
    reader.push(new Uint8Array(0));
    reader.end();
    expect(reader.poll()?.frame).toBe(1);
    expect(reader.poll()?.frame).toBe(2);
    expect(reader.poll()).toBeUndefined();
    expect(reader.error).toBeUndefined();
  });

  test('keeps its first error, and ignores what follows it', () => {
    const reader = new CaptureReader();
    reader.push(counting(100));
    reader.poll();
    const { error } = reader;
    expect(error?.code).toBe('UNKNOWN_FORMAT');
    reader.push(file);
    reader.end();
    expect(reader.poll()).toBeUndefined();
    expect(reader.error).toBe(error);
    expect(reader.bufferedBytes).toBe(0);
  });

  test('hands out plain byte arrays, also of Buffers', () => {
    const reader = new CaptureReader();
    reader.push(Buffer.from(file));
    expect(reader.poll()?.data.constructor).toBe(Uint8Array);
  });

  test('refuses a push after the end', () => {
    const reader = new CaptureReader();
    reader.end();
    expect(() => reader.push(file)).toThrow(CaptureUseError);
  });

  test('refuses to be filled without being polled', () => {
    const reader = new CaptureReader();
    reader.push(pcapHeader());
    reader.push(new Uint8Array(BUFFERED_BYTES_MAX));
    expect(() => reader.push(file)).toThrow(expect.objectContaining({ code: 'NOT_POLLED' }));
  });

  test('holds no more than a few chunks of a long file', () => {
    const packets = pcapRecord(counting(322));
    const chunk = join(...Array.from({ length: 200 }, () => packets));
    const reader = new CaptureReader();
    reader.push(pcapHeader());
    let frames = 0;
    let pushed = 0;
    let held = 0;
    // Chunks that end in the middle of records, 100 MB in all.
    while (pushed < 100_000_000) {
      const start = pushed % packets.length;
      const piece = chunk.subarray(start, start + 65_536);
      reader.push(piece);
      pushed += piece.length;
      while (reader.poll() !== undefined) frames += 1;
      held = Math.max(held, reader.bufferedBytes);
    }
    expect(reader.error).toBeUndefined();
    expect(frames).toBe(Math.floor(pushed / packets.length));
    expect(held).toBeLessThan(4_096);
  });

  test('takes time in proportion to a long record that comes byte by byte', () => {
    const reader = new CaptureReader();
    const long = join(pcapHeader(), pcapRecord(new Uint8Array(200_000)));
    for (let i = 0; i < long.length; i += 1) {
      reader.push(long.subarray(i, i + 1));
      if (i < long.length - 1 && reader.poll() !== undefined) expect.fail('a record before its end');
    }
    expect(reader.poll()?.data).toHaveLength(200_000);
    expect(reader.bufferedBytes).toBeLessThan(3 * long.length);
  });
});
