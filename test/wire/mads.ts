import fc from 'fast-check';
import { MAD_BYTES, MESSAGES, type MessageName } from '../../src/wire/index.js';

/** The parts of a MAD that are the same for every message: where they are and what they hold. */
const CONSTANT_BYTES = [0x01, 0x07, 0x02, 0x03];
/** Status to transaction ID, and the attribute modifier: any value may stand there. */
const isFreeHeaderByte = (index: number): boolean => (index >= 4 && index < 16) || (index >= 20 && index < 24);

/** The bits of a message's MAD that hold a value (the header's constants and the attribute ID excluded). */
export function valueMask(message: MessageName): Uint8Array {
  return MESSAGES[message].covered.map((mask, index) => (isFreeHeaderByte(index) ? 0xff : mask));
}

/** Makes a MAD of a message from any 256 bytes; reserved bits stay as they are. */
export function asMad(message: MessageName, bytes: Uint8Array): Uint8Array {
  const mad = bytes.slice();
  const { attributeId } = MESSAGES[message];
  mad.set(CONSTANT_BYTES, 0);
  mad.set([attributeId >> 8, attributeId & 0xff], 16);
  return mad;
}

/** Sets the reserved bits of a MAD to zero. */
export function withoutReserved(message: MessageName, mad: Uint8Array): Uint8Array {
  const mask = valueMask(message);
  return asMad(
    message,
    mad.map((byte, index) => byte & (mask[index] ?? 0)),
  );
}

/** Any MAD of a message, reserved bits included. */
export function anyMad(message: MessageName): fc.Arbitrary<Uint8Array> {
  return fc
    .uint8Array({ minLength: MAD_BYTES, maxLength: MAD_BYTES, size: 'max' })
    .map((bytes) => asMad(message, bytes));
}

/** Any MAD of a message whose reserved bits are zero: a form that only one set of values has. */
export function anyCleanMad(message: MessageName): fc.Arbitrary<Uint8Array> {
  return anyMad(message).map((mad) => withoutReserved(message, mad));
}

/** A MAD whose bytes all differ from their neighbours: repeatable, without a generator. */
export function patternedMad(message: MessageName): Uint8Array {
  return withoutReserved(
    message,
    Uint8Array.from({ length: MAD_BYTES }, (_, index) => (index * 151 + 89) & 0xff),
  );
}

/** The values of a decoded table by dotted name, every one as a number (byte strings too). */
export function flatNumbers(values: object, prefix = ''): Record<string, bigint> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]: [string, unknown]): [string, bigint][] => {
      if (typeof value === 'bigint') return [[prefix + name, value]];
      if (typeof value === 'number') return [[prefix + name, BigInt(value)]];
      if (value instanceof Uint8Array) return [[prefix + name, BigInt(`0x${Buffer.from(value).toString('hex')}`)]];
      return Object.entries(flatNumbers(value as object, `${prefix}${name}.`));
    }),
  );
}
