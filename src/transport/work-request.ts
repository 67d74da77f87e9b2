import { TransportError } from './error.js';
import { MESSAGE_BYTES_MAX } from './limits.js';
import type { ScatterGatherElement } from './memory-region.js';
import type { AddressHandle } from './protection-domain.js';

interface RequestOptions {
  /** Comes back with the completion; default 0. */
  readonly id?: number;
  /** Whether success is told by a completion; failure always is. Counts only where the queue pair does not signal all. Default false. */
  readonly signalled?: boolean;
  /** Not begun before the reads and atomics before it are done (IBTA 10.8.3.3); RC only. Default false. */
  readonly fence?: boolean;
}

interface LocalMemory {
  /** Where the data is, or goes to, in this order. Default: none. */
  readonly elements?: readonly ScatterGatherElement[] | undefined;
  /** Memory of the program's instead of elements. It is not registered: this request alone works on it (as with the reserved L_Key of kernels). */
  readonly memory?: Uint8Array | undefined;
}

interface LocalData extends LocalMemory {
  /** Data that is copied at once, instead of elements. */
  readonly inline?: Uint8Array | undefined;
}

interface RemoteMemory {
  /** Where at the peer: an address of its region, 64 bits. */
  readonly remoteAddress: number | bigint;
  /** The key of its region. */
  readonly rkey: number;
}

/** Takes a receive of the peer's. */
export interface SendRequest extends RequestOptions, LocalData {
  readonly opcode: 'send';
  /** 32 bits for the peer's completion. */
  readonly immediate?: number | undefined;
  /** A key of the peer's that is to mean nothing any more; RC only, and not with immediate data. */
  readonly invalidate?: number;
  /** The peer's completion is worth an event to it, even if it wants few. Default false. */
  readonly solicited?: boolean;
  /** UD only, and there always: who gets it. */
  readonly to?: DatagramDestination | undefined;
}

/** Writes to memory of the peer's. */
export interface WriteRequest extends RequestOptions, LocalData, RemoteMemory {
  readonly opcode: 'rdmaWrite';
  /** With it, the write takes a receive of the peer's, whose completion says it. */
  readonly immediate?: number | undefined;
  /** As of a send; only with immediate data. */
  readonly solicited?: boolean;
}

/** Reads memory of the peer's into elements with `localWrite`; RC only. */
export interface ReadRequest extends RequestOptions, LocalMemory, RemoteMemory {
  readonly opcode: 'rdmaRead';
}

/**
 * Adds to eight bytes of the peer's memory, as one step; RC only. What was there before comes into eight bytes of elements with `localWrite`.
 * On both sides the bytes are a little-endian number, and the peer's address is a multiple of eight.
 */
export interface FetchAndAddRequest extends RequestOptions, LocalMemory, RemoteMemory {
  readonly opcode: 'fetchAndAdd';
  /** 64 bits. */
  readonly add: bigint;
}

/** Writes `swap` if `compare` is there; everything else as with {@link FetchAndAddRequest}. */
export interface CompareAndSwapRequest extends RequestOptions, LocalMemory, RemoteMemory {
  readonly opcode: 'compareAndSwap';
  /** 64 bits. */
  readonly compare: bigint;
  /** 64 bits. */
  readonly swap: bigint;
}

/** What a send queue can be told to do (`ibv_send_wr`). */
export type WorkRequest = SendRequest | WriteRequest | ReadRequest | FetchAndAddRequest | CompareAndSwapRequest;

/** Who gets a datagram. */
export interface DatagramDestination {
  /** Of the queue pair's protection domain. */
  readonly handle: AddressHandle;
  readonly qpn: number;
  /** 32 bits. With the first bit set, the sender's own Q_Key is meant (IBTA 10.2.5). */
  readonly qKey: number;
}

const WORD_MAX = 2 ** 32 - 1;
const UINT64_MAX = 2n ** 64n - 1n;

export function invalidRequest(text: string): TransportError {
  return new TransportError('INVALID_REQUEST', text, {});
}

/** @throws TransportError `INVALID_REQUEST` for a list that cannot be meant; whether it is memory that may be used shows later. */
export function checkElements(elements: readonly ScatterGatherElement[], max: number): void {
  if (elements.length > max) throw invalidRequest(`${elements.length} elements; the queue takes ${max}`);
  let total = 0;
  for (let i = 0; i < elements.length; i += 1) {
    const { address, length } = elements[i] as ScatterGatherElement;
    if (!Number.isSafeInteger(address) || !Number.isSafeInteger(length) || length < 0) {
      throw invalidRequest(`an element with ${length} bytes at ${address}`);
    }
    total += length;
  }
  if (total > MESSAGE_BYTES_MAX) throw invalidRequest(`a message of ${total} bytes; at most ${MESSAGE_BYTES_MAX}`);
}

/** @throws TransportError `INVALID_REQUEST` unless it is bytes, and not too many. */
export function checkMemory(name: 'memory' | 'inline', bytes: Uint8Array, max: number): void {
  if (!(bytes instanceof Uint8Array) || bytes.length > max) {
    throw invalidRequest(`${name} is a Uint8Array of at most ${max} bytes`);
  }
}

/** @throws TransportError `INVALID_REQUEST` unless it is a number of 32 bits. */
export function checkWord(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > WORD_MAX)
    throw invalidRequest(`${name} is ${value}, not 32 bits`);
}

/** @throws TransportError `INVALID_REQUEST` unless it is a bigint of 64 bits. */
export function checkUint64(name: string, value: bigint): void {
  if (typeof value !== 'bigint' || value < 0n || value > UINT64_MAX) {
    throw invalidRequest(`${name} is ${value}, not a bigint of 64 bits`);
  }
}

/** @throws TransportError `INVALID_REQUEST` unless it is an address of 64 bits. */
export function checkAddress(address: number | bigint): void {
  if (typeof address === 'bigint') checkUint64('remoteAddress', address);
  else if (!Number.isSafeInteger(address) || address < 0) throw invalidRequest(`remoteAddress is ${address}`);
}
