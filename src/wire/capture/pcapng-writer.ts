import { assert } from '../../base/index.js';
import { EncodeError } from '../error.js';
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET_BLOCK,
  INTERFACE_DESCRIPTION_BLOCK,
  SECTION_HEADER_BLOCK,
} from './pcapng-block.js';
import { PACKET_BYTES_MAX } from './record.js';
import { encodeUtf8 } from './utf8.js';

/** What a section says of itself and of its one interface. */
export interface PcapngHeaderOptions {
  /** What every packet begins with: a value of `LinkType`, or any other LINKTYPE number up to 65535. */
  readonly linkType: number;
  /** The program that writes the file. At most 65535 bytes of UTF-8, as is `comment`. */
  readonly application?: string;
  /** A comment on the whole section. */
  readonly comment?: string;
}

/** What may be said of a packet beyond its bytes. */
export interface PcapngPacketOptions {
  /** Shown by Wireshark next to the packet. At most 65535 bytes of UTF-8. */
  readonly comment?: string;
  /** How long the packet was, if `data` is only its beginning. */
  readonly originalLength?: number;
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_TSRESOL = 9;
/** 10⁻⁹: timestamps count nanoseconds. */
const NANOSECOND_RESOLUTION = 9;
const OPTION_BYTES_MAX = 0xffff;
/** Block type and total length before, total length again after. */
const FRAME_BYTES = 12;
const BODY_START = 8;

/** 2⁶⁴ nanoseconds end in the year 2554. */
const SECONDS_MAX = 18_446_744_072;

/**
 * Writes a pcapng file (draft-ietf-opsawg-pcapng) as pieces to be joined: `header` first, then `packet` for each one.
 * Little-endian, one interface, timestamps in nanoseconds. Each piece is a new array.
 */
export class PcapngWriter {
  #sectionBegun = false;

  /**
   * The start of a section: Section Header Block and Interface Description Block. Called again, it begins another
   * section, perhaps of another link type, in the same file.
   * @throws {@link EncodeError} VALUE_OUT_OF_RANGE for a link type, TOO_LONG for a text that does not fit.
   */
  header(options: PcapngHeaderOptions): Uint8Array {
    const { linkType, application, comment } = options;
    requireInteger('link type', linkType, 0xffff);
    const section = new DataView(new ArrayBuffer(16));
    section.setUint32(0, BYTE_ORDER_MAGIC, true);
    section.setUint16(4, 1, true);
    // Length of the section: not known yet.
    section.setBigInt64(8, -1n, true);
    const sectionOptions = [...textOption(OPT_COMMENT, comment), ...textOption(SHB_USERAPPL, application)];
    const capture = new DataView(new ArrayBuffer(8));
    capture.setUint16(0, linkType, true);
    capture.setUint32(4, PACKET_BYTES_MAX, true);
    const captureOptions = [{ code: IF_TSRESOL, value: Uint8Array.of(NANOSECOND_RESOLUTION) }];
    const first = block(SECTION_HEADER_BLOCK, [bytesOf(section)], sectionOptions);
    const second = block(INTERFACE_DESCRIPTION_BLOCK, [bytesOf(capture)], captureOptions);
    this.#sectionBegun = true;
    const both = new Uint8Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    return both;
  }

  /**
   * An Enhanced Packet Block.
   * @param data the packet from its link-layer header on, at most {@link PACKET_BYTES_MAX} bytes.
   * @param seconds since 1970, an integer from 0 to 18,446,744,072.
   * @param nanoseconds an integer from 0 to 999,999,999.
   * @throws {@link EncodeError} TOO_LONG for data or a comment, VALUE_OUT_OF_RANGE for a time or the original length.
   * @throws AssertionError before `header`.
   */
  packet(data: Uint8Array, seconds: number, nanoseconds: number, options: PcapngPacketOptions = {}): Uint8Array {
    assert(this.#sectionBegun, 'a packet before its section: call header first');
    const { comment, originalLength = data.length } = options;
    if (data.length > PACKET_BYTES_MAX) {
      throw new EncodeError('TOO_LONG', `a packet has at most ${PACKET_BYTES_MAX} bytes, not ${data.length}`, {
        field: 'data',
        limit: PACKET_BYTES_MAX,
        actual: data.length,
      });
    }
    requireInteger('seconds', seconds, SECONDS_MAX);
    requireInteger('nanoseconds', nanoseconds, 999_999_999);
    requireInteger('original length', originalLength, 0xffff_ffff);
    const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
    // The interface ID in front is 0: there is one interface.
    const fixed = new DataView(new ArrayBuffer(20));
    fixed.setUint32(4, Number(time >> 32n), true);
    fixed.setUint32(8, Number(time & 0xffff_ffffn), true);
    fixed.setUint32(12, data.length, true);
    fixed.setUint32(16, originalLength, true);
    return block(ENHANCED_PACKET_BLOCK, [bytesOf(fixed), data], textOption(OPT_COMMENT, comment));
  }
}

/** A block: its body's parts and its options, each padded to 4 bytes, framed by type and total lengths. */
function block(type: number, body: readonly Uint8Array[], options: readonly Option[]): Uint8Array {
  let length = FRAME_BYTES + (options.length > 0 ? 4 : 0);
  for (const part of body) length += padded(part.length);
  for (const { value } of options) length += 4 + padded(value.length);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  view.setUint32(length - 4, length, true);
  let position = BODY_START;
  for (const part of body) {
    bytes.set(part, position);
    position += padded(part.length);
  }
  // Their end mark, if there are any, is zeros.
  for (const { code, value } of options) {
    view.setUint16(position, code, true);
    view.setUint16(position + 2, value.length, true);
    bytes.set(value, position + 4);
    position += 4 + padded(value.length);
  }
  return bytes;
}

function textOption(code: number, text: string | undefined): readonly Option[] {
  if (text === undefined) return [];
  const value = encodeUtf8(text);
  if (value.length > OPTION_BYTES_MAX) {
    throw new EncodeError('TOO_LONG', `a text has at most ${OPTION_BYTES_MAX} bytes, not ${value.length}`, {
      field: code === OPT_COMMENT ? 'comment' : 'application',
      limit: OPTION_BYTES_MAX,
      actual: value.length,
    });
  }
  return [{ code, value }];
}

function requireInteger(field: string, actual: number, limit: number): void {
  if (Number.isInteger(actual) && actual >= 0 && actual <= limit) return;
  const message = `${field} is ${actual}, not an integer from 0 to ${limit}`;
  throw new EncodeError('VALUE_OUT_OF_RANGE', message, { field, limit, actual });
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function padded(length: number): number {
  return length + (-length & 3);
}
