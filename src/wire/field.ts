import { assert, GID_BYTES } from '../base/index.js';
import { EncodeError } from './error.js';

/**
 * A field of a message: where it is, and how to read and write it. `at` is always the offset of the message's first
 * byte in `bytes`. Whoever reads has checked the message's length once; after that reading cannot fail.
 * Everything is big-endian, and bit 0 is the most significant bit of its byte, as the specification counts.
 */
export interface Field<T> {
  /** First byte, from the message's start. */
  readonly byte: number;
  /** Bytes touched. */
  readonly length: number;
  /** What errors call it: its message's name and its own, `REQ.primaryPath.localGid`. */
  readonly name: string;
  /** The same field `bytes` further on, under another name. */
  moved(bytes: number, name: string): Field<T>;
  get(bytes: Uint8Array, at: number): T;
  /** @throws {@link EncodeError} when `value` does not fit. */
  set(bytes: Uint8Array, at: number, value: T): void;
  /** The bits that belong to the field, as masks of its bytes from `byte` on. */
  masks(): number[];
}

const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
/** Where a bigint is taken apart without making others. Nothing stays in it. */
const HALVES = new DataView(new ArrayBuffer(8));
const isUint = (value: number, max: number): boolean => value >= 0 && value <= max && Number.isInteger(value);

function outOfRange(value: number, max: number, name: string): EncodeError {
  return new EncodeError('VALUE_OUT_OF_RANGE', `${name} is ${value}; it must be an integer from 0 to ${max}`, {
    field: name,
    limit: max,
    actual: value,
  });
}

const octet = (bytes: Uint8Array, index: number): number => bytes[index] as number;

/**
 * An unsigned integer of 1 to 32 bits within one to four bytes. There is a class for each number of bytes: what reads and
 * writes a field must be short, so that the compiler can put it where it is used.
 */
export abstract class UintField implements Field<number> {
  readonly byte: number;
  readonly bit: number;
  readonly width: number;
  readonly length: number;
  readonly name: string;
  /** Bits below the field in its bytes. */
  protected readonly shift: number;
  protected readonly mask: number;

  constructor(byte: number, bit: number, width: number, name: string) {
    this.byte = byte;
    this.bit = bit;
    this.width = width;
    this.length = Math.ceil((bit + width) / 8);
    this.name = name;
    this.shift = this.length * 8 - bit - width;
    this.mask = width === 32 ? 0xffff_ffff : (1 << width) - 1;
  }

  /** The greatest value that fits. */
  get max(): number {
    return this.mask >>> 0;
  }

  moved(bytes: number, name: string): UintField {
    return uintField(this.byte + bytes, this.bit, this.width, name);
  }

  abstract get(bytes: Uint8Array, at: number): number;

  /** Like {@link set} for a value that is known to fit; higher bits are cut off. */
  abstract put(bytes: Uint8Array, at: number, value: number): void;

  set(bytes: Uint8Array, at: number, value: number): void {
    if (!isUint(value, this.max)) throw outOfRange(value, this.max, this.name);
    this.put(bytes, at, value);
  }

  masks(): number[] {
    const bits = (this.mask << this.shift) >>> 0;
    return Array.from({ length: this.length }, (_, i) => (bits >>> (8 * (this.length - 1 - i))) & 0xff);
  }
}

class OneByteField extends UintField {
  override get(bytes: Uint8Array, at: number): number {
    return (octet(bytes, at + this.byte) >>> this.shift) & this.mask;
  }

  override put(bytes: Uint8Array, at: number, value: number): void {
    const first = at + this.byte;
    bytes[first] = (octet(bytes, first) & ~(this.mask << this.shift)) | ((value & this.mask) << this.shift);
  }
}

class TwoByteField extends UintField {
  override get(bytes: Uint8Array, at: number): number {
    const first = at + this.byte;
    return (((octet(bytes, first) << 8) | octet(bytes, first + 1)) >>> this.shift) & this.mask;
  }

  override put(bytes: Uint8Array, at: number, value: number): void {
    const first = at + this.byte;
    const kept = ((octet(bytes, first) << 8) | octet(bytes, first + 1)) & ~(this.mask << this.shift);
    const word = kept | ((value & this.mask) << this.shift);
    bytes[first] = word >>> 8;
    bytes[first + 1] = word;
  }
}

class ThreeByteField extends UintField {
  override get(bytes: Uint8Array, at: number): number {
    const first = at + this.byte;
    const word = (octet(bytes, first) << 16) | (octet(bytes, first + 1) << 8) | octet(bytes, first + 2);
    return (word >>> this.shift) & this.mask;
  }

  override put(bytes: Uint8Array, at: number, value: number): void {
    const first = at + this.byte;
    const old = (octet(bytes, first) << 16) | (octet(bytes, first + 1) << 8) | octet(bytes, first + 2);
    const word = (old & ~(this.mask << this.shift)) | ((value & this.mask) << this.shift);
    bytes[first] = word >>> 16;
    bytes[first + 1] = word >>> 8;
    bytes[first + 2] = word;
  }
}

/** A whole word: the one field of four bytes that messages have. */
class WordField extends UintField {
  override get(bytes: Uint8Array, at: number): number {
    const first = at + this.byte;
    const high = (octet(bytes, first) << 24) | (octet(bytes, first + 1) << 16);
    return (high | (octet(bytes, first + 2) << 8) | octet(bytes, first + 3)) >>> 0;
  }

  override put(bytes: Uint8Array, at: number, value: number): void {
    const first = at + this.byte;
    bytes[first] = value >>> 24;
    bytes[first + 1] = value >>> 16;
    bytes[first + 2] = value >>> 8;
    bytes[first + 3] = value;
  }
}

/** @throws AssertionError when the field does not lie within three bytes and is no whole word. */
function uintField(byte: number, bit: number, width: number, name = ''): UintField {
  if (bit + width <= 8) return new OneByteField(byte, bit, width, name);
  if (bit + width <= 16) return new TwoByteField(byte, bit, width, name);
  if (bit + width <= 24) return new ThreeByteField(byte, bit, width, name);
  assert(bit === 0 && width === 32, 'a field of four bytes is a whole word');
  return new WordField(byte, bit, width, name);
}

/** A 64-bit unsigned integer: a bigint at the API's edge, two 32-bit halves for those who must be fast. */
export class Uint64Field implements Field<bigint> {
  readonly byte: number;
  readonly length = 8;
  readonly name: string;
  readonly high: UintField;
  readonly low: UintField;

  constructor(byte: number, name = '') {
    this.name = name;
    this.byte = byte;
    this.high = uintField(byte, 0, 32);
    this.low = uintField(byte + 4, 0, 32);
  }

  moved(bytes: number, name: string): Uint64Field {
    return new Uint64Field(this.byte + bytes, name);
  }

  get(bytes: Uint8Array, at: number): bigint {
    return (BigInt(this.high.get(bytes, at)) << 32n) | BigInt(this.low.get(bytes, at));
  }

  set(bytes: Uint8Array, at: number, value: bigint): void {
    // A number, which only untyped code can give, would fail further on in a way that names no field.
    if (typeof value !== 'bigint' || value < 0n || value > UINT64_MAX) {
      throw new EncodeError('VALUE_OUT_OF_RANGE', `${this.name} is ${value}; it must be a bigint of 64 bits`, {
        field: this.name,
        limit: UINT64_MAX,
        actual: value,
      });
    }
    HALVES.setBigUint64(0, value);
    this.high.put(bytes, at, HALVES.getUint32(0));
    this.low.put(bytes, at, HALVES.getUint32(4));
  }

  masks(): number[] {
    return new Array<number>(8).fill(0xff);
  }
}

/** One number in several places, most significant piece first (the vendor ID of REP and SIDR_REP). */
export class PiecesField implements Field<number> {
  readonly byte: number;
  readonly length: number;
  readonly name: string;
  readonly #pieces: readonly UintField[];

  constructor(pieces: readonly UintField[], name = '') {
    this.name = name;
    const ends = pieces.map((piece) => piece.byte + piece.length);
    this.byte = Math.min(...pieces.map((piece) => piece.byte));
    this.length = Math.max(...ends) - this.byte;
    this.#pieces = pieces;
  }

  /** The greatest value that fits. */
  get max(): number {
    return this.#pieces.reduce((max, piece) => (max + 1) * 2 ** piece.width - 1, 0);
  }

  moved(bytes: number, name: string): PiecesField {
    return new PiecesField(
      this.#pieces.map((piece) => piece.moved(bytes, name)),
      name,
    );
  }

  get(bytes: Uint8Array, at: number): number {
    return this.#pieces.reduce((value, piece) => value * 2 ** piece.width + piece.get(bytes, at), 0);
  }

  set(bytes: Uint8Array, at: number, value: number): void {
    if (!isUint(value, this.max)) throw outOfRange(value, this.max, this.name);
    let rest = value;
    for (const piece of this.#pieces.toReversed()) {
      piece.put(bytes, at, rest % 2 ** piece.width);
      rest = Math.floor(rest / 2 ** piece.width);
    }
  }

  masks(): number[] {
    const masks = new Array<number>(this.length).fill(0);
    for (const piece of this.#pieces) {
      piece.masks().forEach((mask, i) => {
        masks[piece.byte - this.byte + i] = mask;
      });
    }
    return masks;
  }
}

/** A string of bytes. Read without copying: a view of the message. Written short, the rest becomes zero. */
export class BytesField implements Field<Uint8Array> {
  readonly byte: number;
  readonly length: number;
  readonly name: string;

  constructor(byte: number, length: number, name = '') {
    this.name = name;
    this.byte = byte;
    this.length = length;
  }

  moved(bytes: number, name: string): BytesField {
    return new BytesField(this.byte + bytes, this.length, name);
  }

  get(bytes: Uint8Array, at: number): Uint8Array {
    return bytes.subarray(at + this.byte, at + this.byte + this.length);
  }

  set(bytes: Uint8Array, at: number, value: Uint8Array): void {
    // Of text or a plain array, `set` below would make other bytes than the caller meant.
    if (!(value instanceof Uint8Array)) {
      throw new EncodeError('VALUE_OUT_OF_RANGE', `${this.name} is not a Uint8Array`, {
        field: this.name,
        limit: this.length,
        actual: 0,
      });
    }
    if (value.length > this.length) {
      throw new EncodeError('TOO_LONG', `${this.name} has ${value.length} bytes; the field holds ${this.length}`, {
        field: this.name,
        limit: this.length,
        actual: value.length,
      });
    }
    bytes.set(value, at + this.byte);
    bytes.fill(0, at + this.byte + value.length, at + this.byte + this.length);
  }

  masks(): number[] {
    return new Array<number>(this.length).fill(0xff);
  }
}

/** A GID. Apart from {@link BytesField} so that it can be printed as an address, and because half of one is none. */
export class GidField extends BytesField {
  constructor(byte: number, name = '') {
    super(byte, GID_BYTES, name);
  }

  override moved(bytes: number, name: string): GidField {
    return new GidField(this.byte + bytes, name);
  }

  override set(bytes: Uint8Array, at: number, value: Uint8Array): void {
    if (!(value instanceof Uint8Array) || value.length > this.length) super.set(bytes, at, value);
    if (value.length < this.length) {
      throw new EncodeError('VALUE_OUT_OF_RANGE', `${this.name} has ${value.length} bytes; a GID has ${this.length}`, {
        field: this.name,
        limit: this.length,
        actual: value.length,
      });
    }
    // So few bytes are copied faster one by one.
    for (let i = 0; i < this.length; i += 1) bytes[at + this.byte + i] = value[i] as number;
  }
}

/** `width` bits (a multiple of 8) starting at `byte`. */
export const uint = (byte: number, width: number): UintField => uintField(byte, 0, width);
/** `width` bits starting `bit` bits below the most significant bit of `byte`. */
export const bits = (byte: number, bit: number, width: number): UintField => uintField(byte, bit, width);
export const uint64 = (byte: number): Uint64Field => new Uint64Field(byte);
export const bytes = (byte: number, length: number): BytesField => new BytesField(byte, length);
export const gid = (byte: number): GidField => new GidField(byte);
export const pieces = (...parts: UintField[]): PiecesField => new PiecesField(parts);
