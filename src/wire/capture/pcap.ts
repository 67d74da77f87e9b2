import type { ByteQueue } from './byte-queue.js';
import { CaptureError } from './capture-error.js';
import type { CaptureFormat, Shortage } from './format.js';
import { type CaptureRecord, PACKET_BYTES_MAX } from './record.js';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MAJOR_VERSION = 2;
/** Files before 2.4, of the early nineties, may have a record's two lengths the other way round. */
const MINOR_VERSION = 4;

/** The classic format of libpcap (draft-ietf-opsawg-pcap). */
export class PcapFormat implements CaptureFormat {
  readonly #littleEndian: boolean;
  readonly #unitsPerSecond: number;
  #linkType: number | undefined;

  constructor(littleEndian: boolean, resolution: 'microseconds' | 'nanoseconds') {
    this.#littleEndian = littleEndian;
    this.#unitsPerSecond = resolution === 'microseconds' ? 1_000_000 : 1_000_000_000;
  }

  next(bytes: ByteQueue, frame: number): CaptureRecord | Shortage {
    if (this.#linkType === undefined) {
      if (bytes.length < FILE_HEADER_BYTES) return { field: 'the file header', needed: FILE_HEADER_BYTES };
      this.#linkType = this.#readFileHeader(bytes, frame);
    }
    return this.#readRecord(bytes, frame, this.#linkType);
  }

  #readFileHeader(bytes: ByteQueue, frame: number): number {
    const header = dataView(bytes.view(FILE_HEADER_BYTES));
    const { offset } = bytes;
    const major = header.getUint16(4, this.#littleEndian);
    if (major !== MAJOR_VERSION) {
      const details = { offset, frame, field: 'major version', expected: MAJOR_VERSION, actual: major };
      throw new CaptureError('UNSUPPORTED_VERSION', details);
    }
    const minor = header.getUint16(6, this.#littleEndian);
    if (minor < MINOR_VERSION) {
      const details = { offset, frame, field: 'minor version', expected: MINOR_VERSION, actual: minor };
      throw new CaptureError('UNSUPPORTED_VERSION', details);
    }
    bytes.skip(FILE_HEADER_BYTES);
    // The upper half says how long the frame check sequence is; whoever trusts the lengths in the headers needs it not.
    return header.getUint32(20, this.#littleEndian) & 0xffff;
  }

  #readRecord(bytes: ByteQueue, frame: number, linkType: number): CaptureRecord | Shortage {
    if (bytes.length < RECORD_HEADER_BYTES) return { field: 'a packet record', needed: RECORD_HEADER_BYTES };
    const header = dataView(bytes.view(RECORD_HEADER_BYTES));
    const seconds = header.getUint32(0, this.#littleEndian);
    const fraction = header.getUint32(4, this.#littleEndian);
    const capturedLength = header.getUint32(8, this.#littleEndian);
    const originalLength = header.getUint32(12, this.#littleEndian);
    if (capturedLength > PACKET_BYTES_MAX) {
      const lengths = { field: 'captured packet length', expected: PACKET_BYTES_MAX, actual: capturedLength };
      throw new CaptureError('PACKET_TOO_LONG', { offset: bytes.offset, frame, ...lengths });
    }
    const recordBytes = RECORD_HEADER_BYTES + capturedLength;
    if (bytes.length < recordBytes) return { field: 'a packet record', needed: recordBytes };
    const data = bytes.view(recordBytes).subarray(RECORD_HEADER_BYTES);
    bytes.skip(recordBytes);
    // Some writers let the fraction reach a second and more.
    const timestamp = {
      seconds: seconds + Math.floor(fraction / this.#unitsPerSecond),
      nanoseconds: (fraction % this.#unitsPerSecond) * (1_000_000_000 / this.#unitsPerSecond),
    };
    return { frame, timestamp, linkType, originalLength, data };
  }
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
