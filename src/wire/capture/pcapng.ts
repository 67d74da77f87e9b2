import type { ByteQueue } from './byte-queue.js';
import { CaptureError } from './capture-error.js';
import type { CaptureFormat, Shortage } from './format.js';
import {
  type Block,
  ENHANCED_PACKET_BLOCK,
  INTERFACE_DESCRIPTION_BLOCK,
  PACKET_BLOCK,
  requireBody,
  SECTION_HEADER_BLOCK,
  SIMPLE_PACKET_BLOCK,
  takeBlock,
} from './pcapng-block.js';
import { type CaptureInterface, readInterface, readTimestamp } from './pcapng-interface.js';
import { type CaptureRecord, PACKET_BYTES_MAX } from './record.js';

/** The most interfaces that a section may describe. It bounds the reader's memory; hosts have a few hundred at most. */
export const INTERFACES_MAX = 4_096;

const MAJOR_VERSION = 1;
const SECTION_FIXED_END = 24;
const PACKET_FIXED_END = 28;
const SIMPLE_PACKET_FIXED_END = 12;

/** The pcapng format (draft-ietf-opsawg-pcapng). Interfaces and byte order are those of the current section. */
export class PcapngFormat implements CaptureFormat {
  #littleEndian = false;
  #interfaces: CaptureInterface[] = [];

  next(bytes: ByteQueue, frame: number): CaptureRecord | Shortage {
    for (;;) {
      const block = takeBlock(bytes, frame, this.#littleEndian);
      if ('needed' in block) return block;
      const record = this.#readBlock(block);
      if (record !== undefined) return record;
    }
  }

  #readBlock(block: Block): CaptureRecord | undefined {
    switch (block.type) {
      case SECTION_HEADER_BLOCK:
        this.#beginSection(block);
        return undefined;
      case INTERFACE_DESCRIPTION_BLOCK:
        this.#addInterface(block);
        return undefined;
      case ENHANCED_PACKET_BLOCK:
      case PACKET_BLOCK:
        return this.#readPacket(block);
      case SIMPLE_PACKET_BLOCK:
        return this.#readSimplePacket(block);
      default:
        return undefined;
    }
  }

  #beginSection(block: Block): void {
    requireBody(block, SECTION_FIXED_END, 'Section Header Block');
    const { offset, frame, littleEndian, view } = block;
    const major = view.getUint16(12, littleEndian);
    if (major !== MAJOR_VERSION) {
      const details = { offset, frame, field: 'major version', expected: MAJOR_VERSION, actual: major };
      throw new CaptureError('UNSUPPORTED_VERSION', details);
    }
    this.#littleEndian = littleEndian;
    this.#interfaces = [];
  }

  #addInterface(block: Block): void {
    const { offset, frame } = block;
    const actual = this.#interfaces.length + 1;
    if (actual > INTERFACES_MAX) {
      const details = { offset, frame, field: 'number of interfaces', expected: INTERFACES_MAX, actual };
      throw new CaptureError('TOO_MANY_INTERFACES', details);
    }
    this.#interfaces.push(readInterface(block));
  }

  /** The Enhanced Packet Block and the obsolete one differ only in how wide the interface ID is. */
  #readPacket(block: Block): CaptureRecord {
    const enhanced = block.type === ENHANCED_PACKET_BLOCK;
    requireBody(block, PACKET_FIXED_END, enhanced ? 'Enhanced Packet Block' : 'Packet Block');
    const { frame, littleEndian, view } = block;
    const source = this.#interface(block, enhanced ? view.getUint32(8, littleEndian) : view.getUint16(8, littleEndian));
    const data = packetData(block, PACKET_FIXED_END, view.getUint32(20, littleEndian));
    const timestamp = readTimestamp(block, 12, source);
    const originalLength = view.getUint32(24, littleEndian);
    return { frame, timestamp, linkType: source.linkType, originalLength, data };
  }

  /** It is of the first interface, has no time, and leaves its captured length to be worked out. */
  #readSimplePacket(block: Block): CaptureRecord {
    requireBody(block, SIMPLE_PACKET_FIXED_END, 'Simple Packet Block');
    const { frame, littleEndian, view } = block;
    const { linkType, snapLength } = this.#interface(block, 0);
    const originalLength = view.getUint32(8, littleEndian);
    const capturedLength = snapLength === 0 ? originalLength : Math.min(originalLength, snapLength);
    const data = packetData(block, SIMPLE_PACKET_FIXED_END, capturedLength);
    return { frame, timestamp: undefined, linkType, originalLength, data };
  }

  #interface(block: Block, id: number): CaptureInterface {
    const found = this.#interfaces[id];
    if (found !== undefined) return found;
    const { offset, frame } = block;
    const numbers = { field: 'interface ID', expected: this.#interfaces.length, actual: id };
    throw new CaptureError('UNKNOWN_INTERFACE', { offset, frame, ...numbers });
  }
}

function packetData(block: Block, start: number, length: number): Uint8Array {
  const { offset, frame, view, bodyEnd } = block;
  const field = 'captured packet length';
  if (length > PACKET_BYTES_MAX) {
    throw new CaptureError('PACKET_TOO_LONG', { offset, frame, field, expected: PACKET_BYTES_MAX, actual: length });
  }
  if (length > bodyEnd - start) {
    throw new CaptureError('PACKET_LENGTH', { offset, frame, field, expected: bodyEnd - start, actual: length });
  }
  return new Uint8Array(view.buffer, view.byteOffset + start, length);
}
