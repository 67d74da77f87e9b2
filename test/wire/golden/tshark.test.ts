import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseGid } from '../../../src/base/index.js';
import {
  BTH,
  BTH_BYTES,
  type CmMad,
  DETH,
  DecodeError,
  decodeIpCmHeader,
  decodeMad,
  readFields,
} from '../../../src/wire/index.js';
import { CAPTURES, framesOf, madsOf } from '../captures.js';
import { flatNumbers } from '../mads.js';

/** What `scripts/make-tshark-goldens.js` wrote; the comment of its table says what tshark does not know. */
interface GoldenMessage {
  readonly frame: number;
  readonly time: string;
  readonly message: string;
  readonly packet?: Readonly<Record<string, string>>;
  readonly header: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
  readonly mad?: string;
}

const goldenOf = (name: string): GoldenMessage[] =>
  JSON.parse(readFileSync(new URL(`${name}.golden.json`, import.meta.url), 'utf8')) as GoldenMessage[];

/** tshark's text as a number: an address, bytes with "+92 zeros" at the end, hexadecimal or decimal. */
function numberOf(name: string, text: string): bigint {
  const bytes = /^([0-9a-f]*)(?:\+(\d+) zeros)?$/.exec(text);
  const isByteString = /(Data|Gid|Information)$/.test(name);
  const isAddress = /[:.]/.test(text);
  if (isAddress) return BigInt(`0x${Buffer.from(parseGid(text)).toString('hex')}`);
  if (isByteString && bytes) return BigInt(`0x0${bytes[1] ?? ''}${'00'.repeat(Number(bytes[2] ?? 0))}`);
  return BigInt(text);
}

function expectAgreement(ours: Record<string, bigint>, golden: Readonly<Record<string, string>>): void {
  const theirs = Object.entries(golden).map(([name, text]) => [name, numberOf(name, text)] as const);
  const same = theirs.map(([name]) => [name, ours[name]] as const);
  expect(Object.fromEntries(same)).toEqual(Object.fromEntries(theirs));
}

function decoded(mad: Uint8Array): CmMad {
  const result = decodeMad(mad);
  if (result instanceof DecodeError) throw result;
  return result;
}

function valuesOf(mad: CmMad): Record<string, bigint> {
  const values = flatNumbers(mad.fields);
  if (mad.message !== 'REQ') return values;
  const ipCm = decodeIpCmHeader(mad.fields.privateData);
  return ipCm instanceof DecodeError ? values : { ...values, ...flatNumbers(ipCm, 'ipCm.') };
}

describe('what tshark reads, we read', () => {
  test.each(CAPTURES)('in every CM message of %s', (capture) => {
    const captured = madsOf(capture);
    const golden = goldenOf(capture);
    const begin = framesOf(capture)[0]?.microseconds ?? 0;
    expect(captured.map(({ frame }) => frame.number)).toEqual(golden.map(({ frame }) => frame));
    golden.forEach((expected, index) => {
      const { frame, packet, mad } = captured[index] ?? expect.fail('a message is missing');
      expect(frame.microseconds - begin).toBe(Math.round(Number(expected.time) * 1e6));
      const values = decoded(mad);
      expect(values.message).toBe(expected.message);
      expectAgreement(flatNumbers(values.header), expected.header);
      expectAgreement(valuesOf(values), expected.fields);
      const headers = {
        ...readFields(BTH, frame.bytes, packet.bthOffset),
        ...readFields(DETH, frame.bytes, packet.bthOffset + BTH_BYTES),
      };
      expectAgreement(flatNumbers(headers), expected.packet ?? {});
    });
  });

  test('in messages of arbitrary bytes, which Linux never sends', () => {
    const golden = goldenOf('synthetic');
    expect(new Set(golden.map(({ message }) => message))).toEqual(
      new Set(['REQ', 'REJ', 'REP', 'RTU', 'DREQ', 'DREP']),
    );
    for (const { message, header, fields, mad } of golden) {
      const values = decoded(Buffer.from(mad ?? '', 'hex'));
      expect(values.message).toBe(message);
      expectAgreement(flatNumbers(values.header), header);
      expectAgreement(flatNumbers(values.fields), fields);
    }
  });
});

test('a golden message names as many fields as tshark knows, so that nothing is compared by being absent', () => {
  const counts = new Map<string, number>();
  for (const { message, fields } of goldenOf('synthetic')) counts.set(message, Object.keys(fields).length);
  expect(Object.fromEntries(counts)).toEqual({ REQ: 41, REJ: 7, REP: 15, RTU: 3, DREQ: 4, DREP: 3 });
});
