import { copyBytes } from './copy-bytes.js';
import { MEMORY_ACCESS, type MemoryRegion, type ScatterGatherElement } from './memory-region.js';
import type { MemoryTable } from './memory-table.js';
import type { ProtectionDomain } from './protection-domain.js';

/**
 * The memory of one work request, as one message: elements in a row. It is used again for other requests, and nothing is allocated then.
 * What a request names is looked up when its work begins ({@link resolve}), and that it is still registered is checked at every packet.
 */
export class ScatterList {
  readonly #keys: number[] = [];
  readonly #addresses: number[] = [];
  readonly #lengths: number[] = [];
  readonly #regions: (MemoryRegion | undefined)[] = [];
  #count = 0;
  #length = 0;
  /** The element that was used last, and where in the message it begins: messages go forward. */
  #current = 0;
  #currentStart = 0;

  /** Bytes in all elements. */
  get length(): number {
    return this.#length;
  }

  set(elements: readonly ScatterGatherElement[]): void {
    this.#count = elements.length;
    this.#length = 0;
    this.#current = 0;
    this.#currentStart = 0;
    for (let i = 0; i < elements.length; i += 1) {
      const { lkey, address, length } = elements[i] as ScatterGatherElement;
      this.#keys[i] = lkey;
      this.#addresses[i] = address;
      this.#lengths[i] = length;
      this.#length += length;
    }
  }

  /** Looks the regions up. @returns false if one is not there, is another domain's, or must not be used so. */
  resolve(table: MemoryTable, domain: ProtectionDomain, write: boolean): boolean {
    for (let i = 0; i < this.#count; i += 1) {
      // An element of no bytes touches nothing, and needs no key (IBTA 10.7.3.1).
      if (this.#lengths[i] === 0) continue;
      const region = table.find(this.#keys[i] as number);
      if (region === undefined || region.domain !== domain) return false;
      if (write && (region.access & MEMORY_ACCESS.localWrite) === 0) return false;
      if (region.offsetOf(this.#addresses[i] as number, this.#lengths[i] as number) < 0) return false;
      this.#regions[i] = region;
    }
    return true;
  }

  /** Copies `count` bytes of the message from `offset` on to `into`. @returns false if the memory is not there any more. */
  gather(offset: number, into: Uint8Array, at: number, count: number): boolean {
    for (let done = 0; done < count; ) {
      const from = this.#place(offset + done);
      const room = Math.min(count - done, this.#room(offset + done));
      if (from < 0) return false;
      copyBytes((this.#regions[this.#current] as MemoryRegion).bytes, from, into, at + done, room);
      done += room;
    }
    return true;
  }

  /** Copies `count` bytes into the message's memory, from `offset` on. @returns false if the memory is not there any more. */
  scatter(offset: number, from: Uint8Array, at: number, count: number): boolean {
    for (let done = 0; done < count; ) {
      const to = this.#place(offset + done);
      const room = Math.min(count - done, this.#room(offset + done));
      if (to < 0) return false;
      copyBytes(from, at + done, (this.#regions[this.#current] as MemoryRegion).bytes, to, room);
      done += room;
    }
    return true;
  }

  /** Nothing is kept alive by what was done. */
  clear(): void {
    for (let i = 0; i < this.#count; i += 1) this.#regions[i] = undefined;
    this.#count = 0;
    this.#length = 0;
  }

  /** Moves to the element that holds a byte of the message. @returns where the byte is in its region; −1 if that is gone. */
  #place(offset: number): number {
    if (offset < this.#currentStart) {
      this.#current = 0;
      this.#currentStart = 0;
    }
    while (offset >= this.#currentStart + (this.#lengths[this.#current] as number)) {
      this.#currentStart += this.#lengths[this.#current] as number;
      this.#current += 1;
    }
    const region = this.#regions[this.#current];
    const address = (this.#addresses[this.#current] as number) + (offset - this.#currentStart);
    return region === undefined ? -1 : region.offsetOf(address, this.#room(offset));
  }

  /** Bytes from one of the current element on to its end. */
  #room(offset: number): number {
    return this.#currentStart + (this.#lengths[this.#current] as number) - offset;
  }
}
