import { ACCESS } from '../verbs/index.js';
import { TransportError } from './error.js';
import type { MemoryTable } from './memory-table.js';
import type { ProtectionDomain } from './protection-domain.js';

/** What may be done to a memory region, as bits. The values are those of libibverbs. Reading it locally is always allowed. */
export const MEMORY_ACCESS = { localWrite: 1, ...ACCESS } as const;

/** A stretch of registered memory, as work requests name it (`ibv_sge`). */
export interface ScatterGatherElement {
  readonly lkey: number;
  /** Within the region's addresses. */
  readonly address: number;
  readonly length: number;
}

/**
 * Memory that queue pairs may work on (IBTA 10.6): bytes of the program, under an address and a key. Local requests name it by `lkey`,
 * the peer by `rkey`, as far as the rights allow. It is registered with a `ProtectionDomain`.
 *
 * The bytes stay the program's own, to be read and written at any time; only it knows from completions when that makes sense.
 */
export class MemoryRegion {
  readonly domain: ProtectionDomain;
  readonly bytes: Uint8Array;
  /** The address of the first byte. Peers count from here; it means nothing else. */
  readonly address: number;
  /** Bits of {@link MEMORY_ACCESS}. */
  readonly access: number;
  /** Whether a peer's send may end the registration (send with invalidate). */
  readonly remoteInvalidate: boolean;
  readonly #table: MemoryTable;
  readonly #key: number;
  #registered = true;

  /** @internal Made by `ProtectionDomain.register`. */
  constructor(
    table: MemoryTable,
    domain: ProtectionDomain,
    bytes: Uint8Array,
    address: number,
    access: number,
    remoteInvalidate: boolean,
  ) {
    this.#table = table;
    this.domain = domain;
    this.bytes = bytes;
    this.address = address;
    this.access = access;
    this.remoteInvalidate = remoteInvalidate;
    this.#key = table.insert(this);
  }

  /** The key for local work requests. */
  get lkey(): number {
    return this.#key;
  }

  /** The key for the peer's. */
  get rkey(): number {
    return this.#key;
  }

  /** False once it was deregistered, or invalidated by a peer. */
  get registered(): boolean {
    return this.#registered;
  }

  /** A part of it for a work request; default: from `offset` to the end. @throws TransportError `INVALID_ARGUMENT` outside of it. */
  element(offset = 0, length = this.bytes.length - offset): ScatterGatherElement {
    const inside = Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length >= 0;
    if (!inside || offset + length > this.bytes.length) {
      const text = `${length} bytes at ${offset} are not within a memory region of ${this.bytes.length}`;
      throw new TransportError('INVALID_ARGUMENT', text, { name: 'offset', value: offset });
    }
    return { lkey: this.#key, address: this.address + offset, length };
  }

  /**
   * Ends the registration at once, whoever still works on it: requests that would touch the memory fail from now on.
   * @throws TransportError `DESTROYED` the second time.
   */
  deregister(): void {
    if (!this.#registered) throw new TransportError('DESTROYED', 'the memory region is not registered any more', {});
    this.#registered = false;
    this.#table.remove(this);
    this.domain.unhold();
  }

  /**
   * Where an address stands in {@link bytes}; −1 unless it is registered and all `length` bytes are in it. Memory that the program
   * has detached meanwhile has no bytes.
   * @internal
   */
  offsetOf(address: number, length: number): number {
    const offset = address - this.address;
    return this.#registered && offset >= 0 && offset + length <= this.bytes.length ? offset : -1;
  }
}
