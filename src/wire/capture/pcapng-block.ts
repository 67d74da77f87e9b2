import type { ByteQueue } from './byte-queue.js';
import { CaptureError } from './capture-error.js';
import type { Shortage } from './format.js';

/** Types of pcapng blocks (draft-ietf-opsawg-pcapng, section 4 and appendix A). All others are skipped. */
export const SECTION_HEADER_BLOCK = 0x0a0d_0d0a;
export const INTERFACE_DESCRIPTION_BLOCK = 1;
/** Obsolete, but old files have it. */
export const PACKET_BLOCK = 2;
export const SIMPLE_PACKET_BLOCK = 3;
export const ENHANCED_PACKET_BLOCK = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
const BYTE_ORDER_MAGIC_REVERSED = 0x4d3c_2b1a;

/** The longest block that is read, as in Wireshark. It bounds the reader's memory. */
export const BLOCK_BYTES_MAX = 16 * 1024 * 1024;

/** Type and total length, then as much as tells the byte order of a section header. Every block is at least so long. */
const FRONT_BYTES = 12;
const LENGTH_BYTES = 4;

/** A whole block. `view` spans it from its type to its second total length. */
export interface Block {
  readonly type: number;
  readonly view: DataView;
  readonly littleEndian: boolean;
  /** Where the body ends and the second total length begins. */
  readonly bodyEnd: number;
  /** Where in the file the block begins. */
  readonly offset: number;
  /** The number that a packet in it would have. */
  readonly frame: number;
}

/**
 * Takes the next block from the queue.
 * @param littleEndian the byte order of the current section. A section header brings its own.
 * @throws CaptureError BYTE_ORDER, BLOCK_LENGTH, BLOCK_TOO_LONG.
 */
export function takeBlock(bytes: ByteQueue, frame: number, littleEndian: boolean): Block | Shortage {
  if (bytes.length < FRONT_BYTES) return { field: 'a block', needed: FRONT_BYTES };
  const front = bytes.view(FRONT_BYTES);
  const header = new DataView(front.buffer, front.byteOffset, FRONT_BYTES);
  const { offset } = bytes;
  const isSection = header.getUint32(0) === SECTION_HEADER_BLOCK;
  const order = isSection ? isLittleEndianSection(header, offset, frame) : littleEndian;
  const type = header.getUint32(0, order);
  const totalLength = header.getUint32(4, order);
  if (totalLength > BLOCK_BYTES_MAX) {
    const lengths = { field: 'block total length', expected: BLOCK_BYTES_MAX, actual: totalLength };
    throw new CaptureError('BLOCK_TOO_LONG', { offset, frame, ...lengths });
  }
  const rounded = Math.max(FRONT_BYTES, totalLength - (totalLength % 4));
  if (totalLength !== rounded) {
    const lengths = { field: 'block total length', expected: rounded, actual: totalLength };
    throw new CaptureError('BLOCK_LENGTH', { offset, frame, ...lengths });
  }
  if (bytes.length < totalLength) return { field: 'a block', needed: totalLength };
  const whole = bytes.view(totalLength);
  const view = new DataView(whole.buffer, whole.byteOffset, totalLength);
  const bodyEnd = totalLength - LENGTH_BYTES;
  const repeated = view.getUint32(bodyEnd, order);
  if (repeated !== totalLength) {
    const lengths = { field: 'trailing block total length', expected: totalLength, actual: repeated };
    throw new CaptureError('BLOCK_LENGTH', { offset, frame, ...lengths });
  }
  bytes.skip(totalLength);
  return { type, view, littleEndian: order, bodyEnd, offset, frame };
}

function isLittleEndianSection(header: DataView, offset: number, frame: number): boolean {
  const magic = header.getUint32(8);
  if (magic !== BYTE_ORDER_MAGIC && magic !== BYTE_ORDER_MAGIC_REVERSED) {
    const details = { offset, frame, field: 'byte-order magic', expected: BYTE_ORDER_MAGIC, actual: magic };
    throw new CaptureError('BYTE_ORDER', details);
  }
  return magic === BYTE_ORDER_MAGIC_REVERSED;
}

/** @throws CaptureError BLOCK_LENGTH when the block's body ends before byte `end` of the block, where `name`'s fixed part does. */
export function requireBody(block: Block, end: number, name: string): void {
  if (block.bodyEnd >= end) return;
  const { offset, frame, bodyEnd } = block;
  const expected = end + LENGTH_BYTES;
  const lengths = { field: `total length of the ${name}`, expected, actual: bodyEnd + LENGTH_BYTES };
  throw new CaptureError('BLOCK_LENGTH', { offset, frame, ...lengths });
}
