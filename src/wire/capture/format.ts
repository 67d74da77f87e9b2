import type { ByteQueue } from './byte-queue.js';
import type { CaptureRecord } from './record.js';

/** More bytes are needed before anything can be read. */
export interface Shortage {
  /** What is incomplete. */
  readonly field: string;
  /** How many bytes must be waiting before another try makes sense. */
  readonly needed: number;
}

/** A capture format, reading from the front of a queue. It takes nothing from the queue that it cannot use whole. */
export interface CaptureFormat {
  /**
   * The next packet, as frame number `frame`.
   * @throws CaptureError when the file is at fault.
   */
  next(bytes: ByteQueue, frame: number): CaptureRecord | Shortage;
}
