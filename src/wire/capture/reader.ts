import { ByteQueue } from './byte-queue.js';
import { CaptureError, CaptureUseError } from './capture-error.js';
import { detectFormat, MAGIC_BYTES } from './detect.js';
import type { CaptureFormat, Shortage } from './format.js';
import { BLOCK_BYTES_MAX } from './pcapng-block.js';
import type { CaptureRecord } from './record.js';

/** `push` is refused while more than this waits to be polled. What polling leaves over is always less. */
export const BUFFERED_BYTES_MAX = 2 * BLOCK_BYTES_MAX;

/**
 * Reads a capture file, pcap or pcapng, from chunks of any size, without I/O.
 *
 * The order of calls: `push` a chunk, `poll` until undefined, and again; at the file's end `end`, `poll` until
 * undefined, then look at `error`. Extra polls are harmless. A chunk belongs to the reader from `push` until `poll`
 * has returned undefined; after that its memory may be used again. A record's `data` is valid until the next call.
 *
 * After a fault, every record before it has been polled, `poll` returns undefined for good and `error` says what is
 * wrong and where. Memory held is a small multiple of the longest record, however long the file.
 */
export class CaptureReader {
  readonly #bytes = new ByteQueue();
  #format: CaptureFormat | undefined;
  #shortage: Shortage = { field: 'the magic number', needed: MAGIC_BYTES };
  #frame = 1;
  #ended = false;
  #error: CaptureError | undefined;

  /** What is wrong with the file; undefined as long as nothing is known to be. */
  get error(): CaptureError | undefined {
    return this.#error;
  }

  /** How many bytes of memory the reader holds for what was pushed and not yet polled, reserve included. */
  get bufferedBytes(): number {
    return this.#bytes.heldBytes;
  }

  /**
   * Takes the file's next bytes; after a fault they are ignored.
   * @param chunk of any length, the whole file too.
   * @throws {@link CaptureUseError} ENDED after `end`; NOT_POLLED when more than {@link BUFFERED_BYTES_MAX} bytes wait
   * that were never polled.
   */
  push(chunk: Uint8Array): void {
    const bufferedBytes = this.#bytes.length;
    if (this.#ended) throw new CaptureUseError('ENDED', 'push after end', { bufferedBytes });
    if (bufferedBytes > BUFFERED_BYTES_MAX) {
      throw new CaptureUseError('NOT_POLLED', `push while ${bufferedBytes} bytes wait for poll`, { bufferedBytes });
    }
    if (this.#error === undefined) this.#bytes.push(chunk);
  }

  /** Says that the file ends here. Only now can the reader tell that it is cut short. */
  end(): void {
    this.#ended = true;
  }

  /** The next packet; undefined when there is none before more is pushed, at the end, and after a fault. */
  poll(): CaptureRecord | undefined {
    if (this.#error !== undefined) return undefined;
    try {
      return this.#advance();
    } catch (fault) {
      if (!(fault instanceof CaptureError)) throw fault;
      this.#error = fault;
      this.#bytes.clear();
      return undefined;
    }
  }

  #advance(): CaptureRecord | undefined {
    if (this.#bytes.length >= this.#shortage.needed) {
      this.#format ??= detectFormat(this.#bytes, this.#frame);
      const step = this.#format.next(this.#bytes, this.#frame);
      if ('data' in step) {
        this.#shortage = { field: 'a packet', needed: 0 };
        this.#frame += 1;
        return step;
      }
      this.#shortage = step;
    }
    if (this.#ended) this.#checkEnd();
    this.#bytes.settle();
    return undefined;
  }

  #checkEnd(): void {
    const { offset, length } = this.#bytes;
    const whole = length === 0 && this.#format !== undefined;
    if (whole) return;
    const { field, needed } = this.#shortage;
    const code = this.#format === undefined && length === 0 ? 'EMPTY' : 'TRUNCATED';
    throw new CaptureError(code, { offset, frame: this.#frame, field, expected: needed, actual: length });
  }
}
