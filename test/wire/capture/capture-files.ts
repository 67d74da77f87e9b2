import { fields, join, zeros } from './bytes.js';

/** Builds capture files, right or wrong. */

export interface PcapOptions {
  littleEndian?: boolean;
  magic?: number;
  major?: number;
  minor?: number;
  linkTypeField?: number;
}

export function pcapHeader(options: PcapOptions = {}): Uint8Array {
  const { littleEndian = true, magic = 0xa1b2c3d4, major = 2, minor = 4, linkTypeField = 1 } = options;
  return fields(
    [
      [magic, 4],
      [major, 2],
      [minor, 2],
      [0, 8],
      [262_144, 4],
      [linkTypeField, 4],
    ],
    littleEndian,
  );
}

export interface PcapRecordOptions {
  littleEndian?: boolean;
  seconds?: number;
  fraction?: number;
  capturedLength?: number;
  originalLength?: number;
}

export function pcapRecord(data: Uint8Array, options: PcapRecordOptions = {}): Uint8Array {
  const { littleEndian = true, seconds = 1, fraction = 2 } = options;
  const { capturedLength = data.length, originalLength = data.length } = options;
  const header = fields(
    [
      [seconds, 4],
      [fraction, 4],
      [capturedLength, 4],
      [originalLength, 4],
    ],
    littleEndian,
  );
  return join(header, data);
}

const pad = (bytes: Uint8Array): Uint8Array => join(bytes, zeros(-bytes.length & 3));

/** Builds pcapng blocks in one byte order. */
export class Blocks {
  readonly littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  block(type: number, body: Uint8Array, lies: { length?: number; trailer?: number } = {}): Uint8Array {
    const length = lies.length ?? body.length + 12;
    return join(this.#fields([type, 4], [length, 4]), body, this.#fields([lies.trailer ?? length, 4]));
  }

  section(options: { magic?: number; major?: number; minor?: number } = {}): Uint8Array {
    const { magic = 0x1a2b3c4d, major = 1, minor = 0 } = options;
    return this.block(0x0a0d0d0a, this.#fields([magic, 4], [major, 2], [minor, 2], [-1n, 8]));
  }

  option(code: number, value: Uint8Array, length = value.length): Uint8Array {
    return join(this.#fields([code, 2], [length, 2]), pad(value));
  }

  number(value: number | bigint, bytes: number): Uint8Array {
    return this.#fields([value, bytes]);
  }

  interface(linkType = 1, snapLength = 0, ...options: Uint8Array[]): Uint8Array {
    return this.block(1, join(this.#fields([linkType, 2], [0, 2], [snapLength, 4]), ...options));
  }

  enhanced(data: Uint8Array, units: bigint, options: { id?: number; captured?: number; original?: number } = {}) {
    const { id = 0, captured = data.length, original = data.length } = options;
    const time = this.#fields([units >> 32n, 4], [units & 0xffff_ffffn, 4]);
    return this.block(6, join(this.#fields([id, 4]), time, this.#fields([captured, 4], [original, 4]), pad(data)));
  }

  obsolete(data: Uint8Array, units: bigint, id = 0): Uint8Array {
    const time = this.#fields([units >> 32n, 4], [units & 0xffff_ffffn, 4]);
    const lengths = this.#fields([data.length, 4], [data.length, 4]);
    return this.block(2, join(this.#fields([id, 2], [7, 2]), time, lengths, pad(data)));
  }

  simple(data: Uint8Array, original = data.length): Uint8Array {
    return this.block(3, join(this.#fields([original, 4]), pad(data)));
  }

  #fields(...pairs: (readonly [number | bigint, number])[]): Uint8Array {
    return fields(pairs, this.littleEndian);
  }
}
