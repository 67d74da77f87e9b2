import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../../src/base/index.js';
import { LinkType, PACKET_BYTES_MAX, PcapngWriter } from '../../../src/wire/capture/index.js';
import { EncodeError } from '../../../src/wire/index.js';
import { counting, join } from './bytes.js';
import { readAll } from './read-all.js';

const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 20 }), { nil: undefined });
const present = <T extends object>(options: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

describe('a pcapng writer', () => {
  test('writes what the reader reads', () => {
    const packet = fc.record({
      data: fc.uint8Array({ maxLength: 50 }),
      seconds: fc.nat(18_446_744_072),
      nanoseconds: fc.nat(999_999_999),
      comment: text,
      cut: fc.nat(1_000),
    });
    const header = fc.record({ linkType: fc.nat(0xffff), application: text, comment: text });
    fc.assert(
      fc.property(header, fc.array(packet, { maxLength: 8 }), ({ linkType, ...texts }, packets) => {
        const writer = new PcapngWriter();
        const pieces = [writer.header({ linkType, ...present(texts) })];
        for (const { data, seconds, nanoseconds, comment, cut } of packets) {
          const options = { originalLength: data.length + cut, ...present({ comment }) };
          pieces.push(writer.packet(data, seconds, nanoseconds, options));
        }
        const { records, error } = readAll(join(...pieces));
        expect(error).toBeUndefined();
        expect(records).toEqual(
          packets.map(({ data, seconds, nanoseconds, cut }, i) => ({
            frame: i + 1,
            timestamp: { seconds, nanoseconds },
            linkType,
            originalLength: data.length + cut,
            data,
          })),
        );
      }),
    );
  });

  test('writes a packet in the specified layout', () => {
    const writer = new PcapngWriter();
    writer.header({ linkType: LinkType.ethernet });
    const block = writer.packet(counting(3, 0xa0), 1, 2, { comment: 'hé' });
    expect(block).toEqual(
      Uint8Array.from([
        ...[6, 0, 0, 0, 48, 0, 0, 0],
        ...[0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0xca, 0x9a, 0x3b, 3, 0, 0, 0, 3, 0, 0, 0],
        ...[0xa0, 0xa1, 0xa2, 0],
        ...[1, 0, 3, 0, 0x68, 0xc3, 0xa9, 0, 0, 0, 0, 0],
        ...[48, 0, 0, 0],
      ]),
    );
  });

  test('writes texts in UTF-8, half a surrogate pair as a replacement', () => {
    const writer = new PcapngWriter();
    const comment = 'aé€😀\ud83d.';
    const header = writer.header({ linkType: 1, comment, application: 'ibcm' });
    expect(Buffer.from(header).includes('aé€😀\ufffd.')).toBe(true);
    expect(Buffer.from(header).includes('ibcm')).toBe(true);
  });

  test('begins another section when asked for another header', () => {
    const writer = new PcapngWriter();
    const first = join(writer.header({ linkType: 1 }), writer.packet(counting(4), 1, 0));
    const second = join(writer.header({ linkType: 247 }), writer.packet(counting(4), 2, 0));
    expect(readAll(join(first, second)).records.map(({ linkType }) => linkType)).toEqual([1, 247]);
  });

  test('refuses a packet before the header', () => {
    expect(() => new PcapngWriter().packet(counting(4), 1, 0)).toThrow(AssertionError);
  });

  test.each([
    { what: 'a negative time', seconds: -1, nanoseconds: 0 },
    { what: 'a time after 2554', seconds: 18_446_744_073, nanoseconds: 0 },
    { what: 'a time that is not whole', seconds: 1.5, nanoseconds: 0 },
    { what: 'a second of nanoseconds', seconds: 1, nanoseconds: 1_000_000_000 },
  ])('refuses $what', ({ seconds, nanoseconds }) => {
    const writer = new PcapngWriter();
    writer.header({ linkType: 1 });
    expect(() => writer.packet(counting(4), seconds, nanoseconds)).toThrow(EncodeError);
  });

  test('refuses what is too long or out of range', () => {
    const writer = new PcapngWriter();
    const long = 'x'.repeat(65_536);
    expect(() => writer.header({ linkType: 65_536 })).toThrow(EncodeError);
    expect(() => writer.header({ linkType: 1, application: long })).toThrow(EncodeError);
    writer.header({ linkType: 1 });
    expect(() => writer.packet(counting(4), 1, 0, { comment: long })).toThrow(EncodeError);
    expect(() => writer.packet(counting(4), 1, 0, { originalLength: 2 ** 32 })).toThrow(EncodeError);
    expect(() => writer.packet(new Uint8Array(PACKET_BYTES_MAX + 1), 1, 0)).toThrow(EncodeError);
    expect(readAll(join(writer.header({ linkType: 1 }), writer.packet(counting(4), 1, 0))).error).toBeUndefined();
  });
});
