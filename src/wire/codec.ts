import { DecodeError, type DecodeErrorCode, EncodeError } from './error.js';
import { type Fields, type FieldsInit, readFields, writeFields } from './layout.js';
import { ATTRIBUTE_ID, CLASS_HEADER, CLASS_HEADER_VALUE, MAD_BYTES, MAD_CONSTANTS, MAD_HEADER } from './mad.js';
import {
  MESSAGES,
  type MessageFields,
  type MessageInit,
  type MessageName,
  type MessageTable,
  messageNameOf,
} from './messages.js';

export type MadHeader = Fields<typeof MAD_HEADER>;

/** A CM MAD as values. `message` says which, and so what `fields` holds. */
export type CmMad = {
  [Name in MessageName]: { readonly message: Name; readonly header: MadHeader; readonly fields: MessageFields<Name> };
}[MessageName];

/** A CM MAD to encode; what is left out becomes zero. */
export type CmMadInit = {
  [Name in MessageName]: {
    readonly message: Name;
    readonly header?: FieldsInit<typeof MAD_HEADER>;
    readonly fields?: MessageInit<Name>;
  };
}[MessageName];

/**
 * Whether `length` bytes from `offset` on are a CM MAD. After `undefined` every field of the message that
 * {@link ATTRIBUTE_ID} names may be read. Allocates only to report an error.
 * Reserved bits are ignored, and so are the values of fields: what they may be is the manager's business.
 */
export function checkMad(bytes: Uint8Array, offset: number, length: number): DecodeError | undefined {
  if (length > MAD_BYTES) return mismatch('OVERSIZED', 'mad', MAD_BYTES, length);
  if (length !== MAD_BYTES) return mismatch('TRUNCATED', 'mad', MAD_BYTES, length);
  // Put so that NaN is outside.
  if (!(offset >= 0 && offset + MAD_BYTES <= bytes.length)) {
    return mismatch('TRUNCATED', 'mad', MAD_BYTES, Math.max(0, bytes.length - offset));
  }
  if (CLASS_HEADER.get(bytes, offset) !== CLASS_HEADER_VALUE) return wrongConstant(bytes, offset);
  const attributeId = ATTRIBUTE_ID.get(bytes, offset);
  if (messageNameOf(attributeId) === undefined) return mismatch('UNKNOWN_ATTRIBUTE', 'attributeId', 0, attributeId);
  return undefined;
}

function wrongConstant(bytes: Uint8Array, offset: number): DecodeError | undefined {
  for (const [name, { field, value, code }] of Object.entries(MAD_CONSTANTS)) {
    const actual = field.get(bytes, offset);
    if (actual !== value) return mismatch(code, name, value, actual);
  }
  return undefined;
}

function mismatch(code: DecodeErrorCode, field: string, expected: number, actual: number): DecodeError {
  return new DecodeError(code, { field, expected, actual });
}

/**
 * Decodes the CM MAD at `offset`. Byte strings (private data, GIDs) are views of `bytes`, not copies.
 * @param length how many bytes the sender sent; by default all that follow `offset`. A MAD has exactly 256.
 * @returns the values, or the error that says which field is wrong and how.
 */
export function decodeMad(bytes: Uint8Array, offset = 0, length = bytes.length - offset): CmMad | DecodeError {
  const error = checkMad(bytes, offset, length);
  if (error !== undefined) return error;
  const message = messageNameOf(ATTRIBUTE_ID.get(bytes, offset)) as MessageName;
  return {
    message,
    header: readFields(MAD_HEADER, bytes, offset),
    fields: readFields(MESSAGES[message].fields, bytes, offset),
  } as CmMad;
}

/**
 * Encodes a CM MAD into 256 bytes of the caller's buffer. Reserved bits and fields left out become zero.
 * Byte strings must not be views of those 256 bytes, which are cleared first.
 * @throws {@link EncodeError} `NO_ROOM` when fewer than 256 bytes follow `offset`, `VALUE_OUT_OF_RANGE` or `TOO_LONG`
 * when a value does not fit its field; nothing is ever cut off.
 */
export function encodeMad(mad: CmMadInit, into: Uint8Array, offset = 0): void {
  beginMad(MESSAGES[mad.message], into, offset);
  if (mad.header) writeFields(MAD_HEADER, mad.header, into, offset);
  if (mad.fields) writeFields(MESSAGES[mad.message].fields as object, mad.fields, into, offset);
}

/** Writes an empty message: the header's constants, everything else zero. @throws {@link EncodeError} `NO_ROOM`. */
export function beginMad({ empty }: MessageTable, into: Uint8Array, offset: number): void {
  if (!(offset >= 0 && offset + MAD_BYTES <= into.length)) {
    throw new EncodeError('NO_ROOM', `a MAD needs ${MAD_BYTES} bytes, ${into.length - offset} are there`, {
      field: 'mad',
      limit: into.length - offset,
      actual: MAD_BYTES,
    });
  }
  into.set(empty, offset);
}
