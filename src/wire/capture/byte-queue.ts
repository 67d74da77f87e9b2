/** A carry buffer that has grown beyond this is given back when it falls empty. */
const CARRY_KEPT_BYTES = 1 << 20;
const NO_BYTES = new Uint8Array(0);

/**
 * Bytes of a stream, read from the front. At most one pushed chunk is referred to, the newest; what is left of older
 * ones is copied into one growing buffer (`carry`). A stream that is read out after every push so copies only the
 * records that straddle two chunks, and each byte a bounded number of times whatever the chunks' size.
 */
export class ByteQueue {
  #carry: Uint8Array = NO_BYTES;
  #carryStart = 0;
  #carryEnd = 0;
  #chunk: Uint8Array = NO_BYTES;
  #chunkStart = 0;
  #offset = 0;

  /** Where in the stream the front is. */
  get offset(): number {
    return this.#offset;
  }

  /** How many bytes are waiting. */
  get length(): number {
    return this.#carryEnd - this.#carryStart + this.#chunk.length - this.#chunkStart;
  }

  /** How much memory is held for them: the carry buffer, reserve included, and the chunk referred to. */
  get heldBytes(): number {
    return this.#carry.length + this.#chunk.length;
  }

  push(chunk: Uint8Array): void {
    this.settle();
    // A plain view: what is handed out is not a Buffer because what came in was one.
    this.#chunk = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }

  /**
   * The first `count` bytes, of which there must be so many. Valid until the next `view`, `push` or `settle`.
   */
  view(count: number): Uint8Array {
    if (this.#carryStart === this.#carryEnd) {
      if (count <= this.#chunk.length - this.#chunkStart) {
        return this.#chunk.subarray(this.#chunkStart, this.#chunkStart + count);
      }
    }
    const missing = count - (this.#carryEnd - this.#carryStart);
    if (missing > 0) this.#moveToCarry(missing);
    return this.#carry.subarray(this.#carryStart, this.#carryStart + count);
  }

  /** Drops the first `count` bytes. Views of them stay valid. */
  skip(count: number): void {
    const fromCarry = Math.min(count, this.#carryEnd - this.#carryStart);
    this.#carryStart += fromCarry;
    this.#chunkStart += count - fromCarry;
    this.#offset += count;
  }

  /** Lets go of the pushed chunk: what is left of it is copied. */
  settle(): void {
    if (this.#chunk === NO_BYTES) return;
    this.#moveToCarry(this.#chunk.length - this.#chunkStart);
    this.#chunk = NO_BYTES;
    this.#chunkStart = 0;
  }

  clear(): void {
    this.skip(this.length);
    this.settle();
    this.#carry = NO_BYTES;
    this.#carryStart = 0;
    this.#carryEnd = 0;
  }

  #moveToCarry(count: number): void {
    this.#makeRoom(count);
    this.#carry.set(this.#chunk.subarray(this.#chunkStart, this.#chunkStart + count), this.#carryEnd);
    this.#carryEnd += count;
    this.#chunkStart += count;
  }

  #makeRoom(count: number): void {
    const kept = this.#carryEnd - this.#carryStart;
    if (kept === 0 && this.#carryStart > 0) {
      if (this.#carry.length > CARRY_KEPT_BYTES) this.#carry = NO_BYTES;
      this.#carryStart = 0;
      this.#carryEnd = 0;
    }
    if (this.#carryEnd + count <= this.#carry.length) return;
    // Moving pays only if it frees half of the buffer; else bytes would be moved over and over.
    if (kept + count <= this.#carry.length / 2) {
      this.#carry.copyWithin(0, this.#carryStart, this.#carryEnd);
    } else {
      const grown = new Uint8Array(2 * (kept + count));
      grown.set(this.#carry.subarray(this.#carryStart, this.#carryEnd));
      this.#carry = grown;
    }
    this.#carryStart = 0;
    this.#carryEnd = kept;
  }
}
