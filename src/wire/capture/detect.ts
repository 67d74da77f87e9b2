import type { ByteQueue } from './byte-queue.js';
import { CaptureError } from './capture-error.js';
import type { CaptureFormat } from './format.js';
import { PcapFormat } from './pcap.js';
import { PcapngFormat } from './pcapng.js';
import { SECTION_HEADER_BLOCK } from './pcapng-block.js';

/** How many bytes tell the format. */
export const MAGIC_BYTES = 4;

const PCAP_MICROSECONDS = 0xa1b2_c3d4;

/** Formats that people hand over as captures; to say which it is helps more than to call it unknown. */
const KNOWN_BUT_NOT_READ = new Map([
  [0xa1b2_cd34, 'the modified pcap format of old Linux systems is not supported'],
  [0x34cd_b2a1, 'the modified pcap format of old Linux systems is not supported'],
  [0x28b5_2ffd, 'the file is compressed with zstd: decompress it first'],
  [0x0422_4d18, 'the file is compressed with LZ4: decompress it first'],
  [0xfd37_7a58, 'the file is compressed with xz: decompress it first'],
  [0x736e_6f6f, 'the snoop format is not supported'],
]);
const GZIP_MAGIC = 0x1f8b;

/**
 * The format whose magic number is in front; nothing is taken from the queue. Magic numbers of pcap: draft-ietf-opsawg-pcap,
 * "File Header"; a section of pcapng begins with the same bytes in either byte order.
 * @throws CaptureError UNKNOWN_FORMAT, UNSUPPORTED_FORMAT.
 */
export function detectFormat(bytes: ByteQueue, frame: number): CaptureFormat {
  const front = bytes.view(MAGIC_BYTES);
  const magic = new DataView(front.buffer, front.byteOffset).getUint32(0);
  switch (magic) {
    case PCAP_MICROSECONDS:
      return new PcapFormat(false, 'microseconds');
    case 0xd4c3_b2a1:
      return new PcapFormat(true, 'microseconds');
    case 0xa1b2_3c4d:
      return new PcapFormat(false, 'nanoseconds');
    case 0x4d3c_b2a1:
      return new PcapFormat(true, 'nanoseconds');
    case SECTION_HEADER_BLOCK:
      return new PcapngFormat();
    default: {
      const details = { offset: 0, frame, field: 'magic number', expected: PCAP_MICROSECONDS, actual: magic };
      const known =
        magic >>> 16 === GZIP_MAGIC
          ? 'the file is compressed with gzip: decompress it first'
          : KNOWN_BUT_NOT_READ.get(magic);
      if (known !== undefined) throw new CaptureError('UNSUPPORTED_FORMAT', details, known);
      throw new CaptureError('UNKNOWN_FORMAT', details);
    }
  }
}
