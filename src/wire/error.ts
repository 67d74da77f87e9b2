import { IbcmError } from '../base/index.js';

/**
 * Why bytes are not what they should be. `field` is the field that shows it, `expected` and `actual` are its values,
 * or lengths in bytes where the code is about a length.
 */
export type DecodeErrorCode =
  | 'TRUNCATED'
  | 'OVERSIZED'
  | 'WRONG_BASE_VERSION'
  | 'WRONG_CLASS'
  | 'WRONG_CLASS_VERSION'
  | 'WRONG_METHOD'
  | 'UNKNOWN_ATTRIBUTE'
  | 'WRONG_HEADER_VERSION'
  | 'WRONG_IP_VERSION';

export interface DecodeErrorDetails {
  readonly field: string;
  readonly expected: number;
  readonly actual: number;
}

/** A peer's bytes that do not decode. Returned, never thrown: it is the peer's fault. */
export class DecodeError extends IbcmError<DecodeErrorCode, DecodeErrorDetails> {
  constructor(code: DecodeErrorCode, details: DecodeErrorDetails) {
    super(code, explain(code, details), details);
  }
}

function explain(code: DecodeErrorCode, { field, expected, actual }: DecodeErrorDetails): string {
  switch (code) {
    case 'TRUNCATED':
      return `${field} needs ${expected} bytes, ${actual} are there`;
    case 'OVERSIZED':
      return `${field} has ${expected} bytes, ${actual} are given`;
    case 'UNKNOWN_ATTRIBUTE':
      return `${field} 0x${actual.toString(16).padStart(4, '0')} is not a CM message`;
    default:
      return `${field} is 0x${actual.toString(16)}, not 0x${expected.toString(16)}`;
  }
}

export type EncodeErrorCode = 'NO_ROOM' | 'VALUE_OUT_OF_RANGE' | 'TOO_LONG';

/**
 * A caller's value that does not fit its field. Thrown; the buffer may hold part of the message.
 * `limit` is the greatest value, or the length in bytes, that fits.
 */
export class EncodeError extends IbcmError<
  EncodeErrorCode,
  { field: string; limit: number | bigint; actual: number | bigint }
> {}
