import { IbcmError } from '../../base/index.js';

/** What is wrong with a capture file. */
export type CaptureErrorCode =
  /** No byte at all. */
  | 'EMPTY'
  /** The first bytes are those of no capture format. */
  | 'UNKNOWN_FORMAT'
  /** A format that is recognised but not read: a pcap dialect, or a compressed file. */
  | 'UNSUPPORTED_FORMAT'
  /** A version of pcap or pcapng that is not read. */
  | 'UNSUPPORTED_VERSION'
  /** The file ends inside a header, record or block. */
  | 'TRUNCATED'
  /** A section's byte-order magic is neither of the two that exist. */
  | 'BYTE_ORDER'
  /** A block's total length is too small for its type, not a multiple of 4, or not repeated at the block's end. */
  | 'BLOCK_LENGTH'
  /** A block is longer than `BLOCK_BYTES_MAX`. */
  | 'BLOCK_TOO_LONG'
  /** A packet is said to be longer than the block that holds it. */
  | 'PACKET_LENGTH'
  /** A packet is longer than `PACKET_BYTES_MAX`. */
  | 'PACKET_TOO_LONG'
  /** A packet names an interface that its section has not described. */
  | 'UNKNOWN_INTERFACE'
  /** A section describes more than `INTERFACES_MAX` interfaces. */
  | 'TOO_MANY_INTERFACES'
  /** An option is longer than its block, or not as long as its kind must be. */
  | 'OPTION_LENGTH'
  /** A time beyond what an exact number of seconds can say. */
  | 'TIMESTAMP_RANGE';

export interface CaptureErrorDetails {
  /** Where in the file the record or block at fault begins, in bytes. */
  readonly offset: number;
  /** The number of the frame that would have come next. */
  readonly frame: number;
  /** The field or part of the file that shows the fault, in the words of the format's specification. */
  readonly field: string;
  /** What the field should be, or the limit that it exceeds, or the length that is needed. */
  readonly expected: number;
  /** What it is, or the length that is there. */
  readonly actual: number;
}

/** A capture file that cannot be read on. Reported by `CaptureReader.error`, never thrown: it is the file's fault. */
export class CaptureError extends IbcmError<CaptureErrorCode, CaptureErrorDetails> {
  constructor(code: CaptureErrorCode, details: CaptureErrorDetails, explanation = explain(code, details)) {
    super(code, `${explanation} (byte ${details.offset}, before frame ${details.frame})`, details);
  }
}

function explain(code: CaptureErrorCode, { field, expected, actual }: CaptureErrorDetails): string {
  switch (code) {
    case 'EMPTY':
      return 'the capture file is empty';
    case 'UNKNOWN_FORMAT':
      return `not a capture file: it begins with ${hexadecimal(actual)}`;
    case 'TRUNCATED':
      return `the file is cut off: ${field} needs ${expected} bytes, ${actual} are there`;
    case 'BLOCK_TOO_LONG':
    case 'PACKET_TOO_LONG':
    case 'TOO_MANY_INTERFACES':
      return `${field} is ${actual}, the limit is ${expected}`;
    case 'PACKET_LENGTH':
      return `${field} is ${actual}, the block has room for ${expected}`;
    case 'UNKNOWN_INTERFACE':
      return `${field} is ${actual}, the section has ${expected} interfaces`;
    case 'UNSUPPORTED_VERSION':
      return `${field} is ${actual}, not ${expected}`;
    case 'TIMESTAMP_RANGE':
      return `${field} is ${actual} seconds, beyond ${expected}`;
    case 'BYTE_ORDER':
    case 'UNSUPPORTED_FORMAT':
      return `${field} is ${hexadecimal(actual)}, not ${hexadecimal(expected)}`;
    case 'BLOCK_LENGTH':
    case 'OPTION_LENGTH':
      return `${field} is ${actual}, not ${expected}`;
  }
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** A reader used against its contract: `push` after `end`, or on and on without `poll`. Thrown: it is the caller's fault. */
export class CaptureUseError extends IbcmError<'ENDED' | 'NOT_POLLED', { readonly bufferedBytes: number }> {}
