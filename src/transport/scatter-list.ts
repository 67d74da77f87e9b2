import { copyBytes } from './copy-bytes.js';
import { MEMORY_ACCESS, type MemoryRegion, type ScatterGatherElement } from './memory-region.js';
import type { MemoryTable } from './memory-table.js';
import type { ProtectionDomain } from './protection-domain.js';

/** A stretch of registered memory. */
class Element {
  key = 0;
  address = 0;
  length = 0;
  /** Once its work has begun. */
  region: MemoryRegion | undefined = undefined;
}

/**
 * The memory of one work request, as one message: elements in a row. It is used again for other requests, and nothing is allocated then.
 * What a request names is looked up when its work begins ({@link resolve}), and that it is still registered is checked at every packet.
 */
export class ScatterList {
  /** Most requests have one. */
  readonly #elements = [new Element()];
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
      const element = this.#elements[i] ?? this.#grow();
      element.key = lkey;
      element.address = address;
      element.length = length;
      this.#length += length;
    }
  }

  /** Looks the regions up. @returns false if one is not there, is another domain's, or must not be used so. */
  resolve(table: MemoryTable, domain: ProtectionDomain, write: boolean): boolean {
    for (let i = 0; i < this.#count; i += 1) {
      const element = this.#elements[i] as Element;
      const { key, address, length } = element;
      // An element of no bytes touches nothing, and needs no key (IBTA 10.7.3.1).
      if (length === 0) continue;
      const region = table.find(key);
      if (region === undefined || region.domain !== domain) return false;
      if (write && (region.access & MEMORY_ACCESS.localWrite) === 0) return false;
      if (region.offsetOf(address, length) < 0) return false;
      element.region = region;
    }
    return true;
  }

  /** Copies `count` bytes of the message from `offset` on to `into`. @returns false if the memory is not there any more. */
  gather(offset: number, into: Uint8Array, at: number, count: number): boolean {
    for (let done = 0; done < count; ) {
      const from = this.#place(offset + done);
      if (from < 0) return false;
      const room = Math.min(count - done, this.#room(offset + done));
      copyBytes(this.#bytes, from, into, at + done, room);
      done += room;
    }
    return true;
  }

  /** Copies `count` bytes into the message's memory, from `offset` on. @returns false if the memory is not there any more. */
  scatter(offset: number, from: Uint8Array, at: number, count: number): boolean {
    for (let done = 0; done < count; ) {
      const to = this.#place(offset + done);
      if (to < 0) return false;
      const room = Math.min(count - done, this.#room(offset + done));
      copyBytes(from, at + done, this.#bytes, to, room);
      done += room;
    }
    return true;
  }

  /** Nothing is kept alive by what was done. */
  clear(): void {
    for (let i = 0; i < this.#count; i += 1) (this.#elements[i] as Element).region = undefined;
    this.#count = 0;
    this.#length = 0;
  }

  /** Moves to the element that holds a byte of the message. @returns where the byte is in its region; −1 if that is gone, or the message has no such byte. */
  #place(offset: number): number {
    if (offset >= this.#length) return -1;
    if (offset < this.#currentStart) {
      this.#current = 0;
      this.#currentStart = 0;
    }
    let element = this.#elements[this.#current] as Element;
    while (offset >= this.#currentStart + element.length) {
      this.#currentStart += element.length;
      this.#current += 1;
      element = this.#elements[this.#current] as Element;
    }
    const { region, address } = element;
    return region === undefined ? -1 : region.offsetOf(address + (offset - this.#currentStart), this.#room(offset));
  }

  /** Bytes from one of the current element on to its end. */
  #room(offset: number): number {
    return this.#currentStart + (this.#elements[this.#current] as Element).length - offset;
  }

  /** The current element's region. */
  get #bytes(): Uint8Array {
    return ((this.#elements[this.#current] as Element).region as MemoryRegion).bytes;
  }

  #grow(): Element {
    const element = new Element();
    this.#elements.push(element);
    return element;
  }
}
