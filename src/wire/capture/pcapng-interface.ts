import { CaptureError } from './capture-error.js';
import { type Block, requireBody } from './pcapng-block.js';
import type { CaptureTimestamp } from './record.js';

const FIXED_END = 16;
const OPTION_HEADER_BYTES = 4;
const END_OF_OPTIONS = 0;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;
const NANOSECONDS_PER_SECOND = 1_000_000_000n;
/** 10⁻⁶: microseconds. */
const DEFAULT_RESOLUTION = 6;

/** What an Interface Description Block says of the packets of its interface (draft-ietf-opsawg-pcapng, 4.2). */
export interface CaptureInterface {
  readonly linkType: number;
  /** The most bytes kept of a packet; 0 for no limit. */
  readonly snapLength: number;
  /** How many units of its timestamps make a second. */
  readonly unitsPerSecond: bigint;
  /** Seconds to add to its timestamps. */
  readonly offsetSeconds: bigint;
}

/** @throws CaptureError BLOCK_LENGTH, OPTION_LENGTH. */
export function readInterface(block: Block): CaptureInterface {
  requireBody(block, FIXED_END, 'Interface Description Block');
  const { view, littleEndian } = block;
  let resolution = DEFAULT_RESOLUTION;
  let offsetSeconds = 0n;
  for (const { code, start, length } of options(block, FIXED_END)) {
    if (code === IF_TSRESOL) {
      requireLength(block, 'if_tsresol', 1, length);
      resolution = view.getUint8(start);
    } else if (code === IF_TSOFFSET) {
      requireLength(block, 'if_tsoffset', 8, length);
      offsetSeconds = view.getBigInt64(start, littleEndian);
    }
  }
  const base = resolution & 0x80 ? 2n : 10n;
  return {
    linkType: view.getUint16(8, littleEndian),
    snapLength: view.getUint32(12, littleEndian),
    unitsPerSecond: base ** BigInt(resolution & 0x7f),
    offsetSeconds,
  };
}

/**
 * The moment that the 64 bits at `start`, upper half first, stand for.
 * @throws CaptureError TIMESTAMP_RANGE.
 */
export function readTimestamp(block: Block, start: number, source: CaptureInterface): CaptureTimestamp {
  const { view, littleEndian, offset, frame } = block;
  const high = BigInt(view.getUint32(start, littleEndian));
  const units = (high << 32n) | BigInt(view.getUint32(start + 4, littleEndian));
  const seconds = Number(units / source.unitsPerSecond + source.offsetSeconds);
  if (!Number.isSafeInteger(seconds)) {
    const details = { offset, frame, field: 'timestamp', expected: Number.MAX_SAFE_INTEGER, actual: seconds };
    throw new CaptureError('TIMESTAMP_RANGE', details);
  }
  const rest = units % source.unitsPerSecond;
  return { seconds, nanoseconds: Number((rest * NANOSECONDS_PER_SECOND) / source.unitsPerSecond) };
}

interface Option {
  readonly code: number;
  /** Where in the block its value begins. */
  readonly start: number;
  readonly length: number;
}

/** The options from byte `start` of the block on (draft-ietf-opsawg-pcapng, 3.5); the end mark may be missing. */
function* options(block: Block, start: number): Generator<Option> {
  const { view, littleEndian, bodyEnd } = block;
  let position = start;
  while (position < bodyEnd) {
    const code = view.getUint16(position, littleEndian);
    const length = view.getUint16(position + 2, littleEndian);
    if (code === END_OF_OPTIONS) return;
    position += OPTION_HEADER_BYTES;
    if (length > bodyEnd - position) requireLength(block, `option ${code}`, bodyEnd - position, length);
    yield { code, start: position, length };
    position += length + (-length & 3);
  }
}

function requireLength(block: Block, name: string, expected: number, actual: number): void {
  if (actual === expected) return;
  const { offset, frame } = block;
  throw new CaptureError('OPTION_LENGTH', { offset, frame, field: `length of ${name}`, expected, actual });
}
