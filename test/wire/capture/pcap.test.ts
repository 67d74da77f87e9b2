import { describe, expect, test } from 'vitest';
import { PACKET_BYTES_MAX } from '../../../src/wire/capture/index.js';
import { counting, join, patch } from './bytes.js';
import { pcapHeader, pcapRecord } from './capture-files.js';
import { readAll } from './read-all.js';

const data = counting(5, 10);

describe.each([
  { order: 'little-endian', littleEndian: true },
  { order: 'big-endian', littleEndian: false },
])('a $order pcap file', ({ littleEndian }) => {
  test('is read with microseconds', () => {
    const record = pcapRecord(data, { littleEndian, seconds: 0xffff_fffe, fraction: 999_999, originalLength: 77 });
    const { records, error } = readAll(join(pcapHeader({ littleEndian }), record));
    expect(error).toBeUndefined();
    const timestamp = { seconds: 0xffff_fffe, nanoseconds: 999_999_000 };
    expect(records).toEqual([{ frame: 1, timestamp, linkType: 1, originalLength: 77, data }]);
  });

  test('is read with nanoseconds', () => {
    const header = pcapHeader({ littleEndian, magic: 0xa1b23c4d });
    const { records } = readAll(join(header, pcapRecord(data, { littleEndian, seconds: 3, fraction: 999_999_999 })));
    expect(records[0]?.timestamp).toEqual({ seconds: 3, nanoseconds: 999_999_999 });
  });

  test('has its link type in the lower half of the field, whatever the check sequence', () => {
    const header = pcapHeader({ littleEndian, linkTypeField: 0x2400_0114 });
    const { records } = readAll(join(header, pcapRecord(data, { littleEndian })));
    expect(records[0]?.linkType).toBe(276);
  });

  test('of the modified kind is refused', () => {
    const { records, error } = readAll(join(pcapHeader({ littleEndian, magic: 0xa1b2cd34 }), pcapRecord(data)));
    expect(records).toEqual([]);
    expect(error?.code).toBe('UNSUPPORTED_FORMAT');
    expect(error?.message).toContain('modified pcap');
  });

  test.each([
    { major: 1, minor: 4 },
    { major: 3, minor: 0 },
    { major: 2, minor: 3 },
  ])('of version $major.$minor is refused', (version) => {
    const { error } = readAll(pcapHeader({ littleEndian, ...version }));
    expect(error?.code).toBe('UNSUPPORTED_VERSION');
  });
});

describe('a pcap file', () => {
  test('without packets has no records and no error', () => {
    expect(readAll(pcapHeader())).toMatchObject({ records: [], error: undefined });
  });

  test('may hold a packet of no bytes', () => {
    const { records, error } = readAll(join(pcapHeader(), pcapRecord(new Uint8Array(0)), pcapRecord(data)));
    expect(error).toBeUndefined();
    expect(records.map((record) => record.data.length)).toEqual([0, 5]);
  });

  test('whose fraction reaches beyond a second has it carried over', () => {
    const { records } = readAll(join(pcapHeader(), pcapRecord(data, { seconds: 5, fraction: 2_000_001 })));
    expect(records[0]?.timestamp).toEqual({ seconds: 7, nanoseconds: 1_000 });
  });

  test('with a packet longer than the limit ends in an error there', () => {
    const capturedLength = PACKET_BYTES_MAX + 1;
    const { records, error } = readAll(join(pcapHeader(), pcapRecord(data), pcapRecord(data, { capturedLength })));
    expect(records).toHaveLength(1);
    expect(error?.code).toBe('PACKET_TOO_LONG');
    expect(error?.details).toEqual({
      offset: 45,
      frame: 2,
      field: 'captured packet length',
      expected: PACKET_BYTES_MAX,
      actual: capturedLength,
    });
  });

  test('with a packet exactly as long as the limit is read', () => {
    const { records, error } = readAll(join(pcapHeader(), pcapRecord(new Uint8Array(PACKET_BYTES_MAX))), [10_000]);
    expect(error).toBeUndefined();
    expect(records[0]?.data).toHaveLength(PACKET_BYTES_MAX);
  });

  test.each([
    { cut: 'in the file header', length: 23, frames: 0, offset: 0, expected: 24, actual: 23 },
    { cut: 'in a record header', length: 45 + 15, frames: 1, offset: 45, expected: 16, actual: 15 },
    { cut: 'in a record', length: 45 + 20, frames: 1, offset: 45, expected: 21, actual: 20 },
  ])('cut $cut ends in one clear error', ({ length, frames, offset, expected, actual }) => {
    const file = join(pcapHeader(), pcapRecord(data), pcapRecord(data)).subarray(0, length);
    const { records, error } = readAll(file);
    expect(records).toHaveLength(frames);
    expect(error?.code).toBe('TRUNCATED');
    expect(error?.details).toMatchObject({ offset, frame: frames + 1, expected, actual });
  });
});

describe('what is no capture', () => {
  test('an empty file has an error of its own', () => {
    const { error } = readAll(new Uint8Array(0));
    expect(error?.code).toBe('EMPTY');
  });

  test.each([
    { what: 'gzip', first: [0x1f, 0x8b, 8, 0], says: 'gzip' },
    { what: 'zstd', first: [0x28, 0xb5, 0x2f, 0xfd], says: 'zstd' },
    { what: 'snoop', first: [0x73, 0x6e, 0x6f, 0x6f], says: 'snoop' },
  ])('$what is named', ({ first, says }) => {
    const { error } = readAll(patch(counting(40), 0, first));
    expect(error?.code).toBe('UNSUPPORTED_FORMAT');
    expect(error?.message).toContain(says);
  });

  test('anything else is called unknown', () => {
    const { error } = readAll(counting(40));
    expect(error?.code).toBe('UNKNOWN_FORMAT');
    expect(error?.message).toBe('not a capture file: it begins with 0x00010203 (byte 0, before frame 1)');
  });

  test('fewer bytes than a magic number are a truncated file', () => {
    expect(readAll(Uint8Array.of(0xd4, 0xc3, 0xb2)).error?.code).toBe('TRUNCATED');
  });
});
