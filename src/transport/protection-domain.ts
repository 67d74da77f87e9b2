import type { Gid } from '../base/index.js';
import { ACCESS, type AddressVector, addressOf } from '../verbs/index.js';
import { checkInteger, TransportError } from './error.js';
import { MEMORY_ACCESS, MemoryRegion } from './memory-region.js';
import type { MemoryTable } from './memory-table.js';

const ACCESS_MAX = MEMORY_ACCESS.localWrite | ACCESS.remoteWrite | ACCESS.remoteRead | ACCESS.remoteAtomic;
const PAGE_BYTES = 4_096;

export interface RegisterOptions {
  /** Bits of `MEMORY_ACCESS`; default 0: it can be sent from. The remote rights to write need the local one. */
  readonly access?: number;
  /** The address of the first byte, a safe integer. Default: one that no other region of the adapter has. */
  readonly address?: number;
  /** See `MemoryRegion.remoteInvalidate`; default false. */
  readonly remoteInvalidate?: boolean;
}

/** Where a datagram goes (IBTA 11.2.2.1). Made once for many datagrams. */
export interface AddressHandle {
  readonly domain: ProtectionDomain;
  readonly address: Required<AddressVector> & { readonly localGid: Gid; readonly remoteGid: Gid };
}

/** Hands out addresses that do not overlap, so that a wrong one is found out. */
export class AddressSpace {
  // Not at 0: some protocols say "none" by it. But low: small numbers need no memory in JavaScript.
  #next = 2 ** 16;

  reserve(length: number): number {
    const address = this.#next;
    // A page between them belongs to nobody.
    this.#next += (Math.ceil(length / PAGE_BYTES) + 1) * PAGE_BYTES;
    return address;
  }
}

/** What belongs together (IBTA 10.2.3): queue pairs work only on memory regions and address handles of their own protection domain. */
export class ProtectionDomain {
  readonly #table: MemoryTable;
  readonly #space: AddressSpace;
  #users = 0;
  #deallocated = false;

  /** @internal Made by `TransportLayer.allocateProtectionDomain`. */
  constructor(table: MemoryTable, space: AddressSpace) {
    this.#table = table;
    this.#space = space;
  }

  /** Memory regions, queue pairs and shared receive queues in it. */
  get users(): number {
    return this.#users;
  }

  /** Registers memory. @throws TransportError `INVALID_ARGUMENT`, `LIMIT_REACHED`, `DESTROYED` */
  register(memory: Uint8Array | ArrayBuffer, options: RegisterOptions = {}): MemoryRegion {
    const { access = 0, remoteInvalidate = false } = options;
    const bytes = memory instanceof ArrayBuffer ? new Uint8Array(memory) : memory;
    if (!(bytes instanceof Uint8Array)) {
      throw new TransportError('INVALID_ARGUMENT', 'memory is a Uint8Array or an ArrayBuffer', { name: 'memory' });
    }
    checkInteger('access', access, 0, ACCESS_MAX);
    const remoteWrites = (access & (ACCESS.remoteWrite | ACCESS.remoteAtomic)) !== 0;
    if (remoteWrites && (access & MEMORY_ACCESS.localWrite) === 0) {
      const text = 'who lets a peer write must allow localWrite too';
      throw new TransportError('INVALID_ARGUMENT', text, { name: 'access', value: access });
    }
    if (options.address !== undefined) {
      checkInteger('address', options.address, 0, Number.MAX_SAFE_INTEGER - bytes.length);
    }
    this.hold();
    try {
      const address = options.address ?? this.#space.reserve(bytes.length);
      return new MemoryRegion(this.#table, this, bytes, address, access, remoteInvalidate);
    } catch (error) {
      this.unhold();
      throw error;
    }
  }

  /** A destination for datagrams. The address is copied. @throws TransportError `DESTROYED` */
  createAddressHandle(address: AddressVector): AddressHandle {
    this.#refuseIfDeallocated();
    return { domain: this, address: addressOf(address) as AddressHandle['address'] };
  }

  /** @throws TransportError `IN_USE` while there is something in it, `DESTROYED` the second time. */
  deallocate(): void {
    this.#refuseIfDeallocated();
    if (this.#users > 0) throw new TransportError('IN_USE', `the protection domain has ${this.#users} users`, {});
    this.#deallocated = true;
  }

  /** @internal */
  hold(): void {
    this.#refuseIfDeallocated();
    this.#users += 1;
  }

  /** @internal */
  unhold(): void {
    this.#users -= 1;
  }

  #refuseIfDeallocated(): void {
    if (this.#deallocated) throw new TransportError('DESTROYED', 'the protection domain was deallocated', {});
  }
}
