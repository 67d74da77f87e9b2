import { ATOMIC_ACK_ETH, ATOMIC_ETH } from '../wire/index.js';

/** What atomics work on. @internal */
export const ATOMIC_BYTES = 8;

const WORD = 2 ** 32;

/** What an atomic operation found. */
interface Original {
  originalHigh: number;
  originalLow: number;
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

function putWord(bytes: Uint8Array, at: number, word: number): void {
  for (let i = 0; i < 4; i += 1) bytes[at + i] = word >>> (8 * i);
}

/**
 * Does an atomic operation on the eight bytes at `at`, a little-endian number (IBTA 9.4.5: the byte order of the responder's memory is its own affair).
 * @param headers where the AtomicETH stands in `packet`. @internal
 */
export function applyAtomic(
  memory: Uint8Array,
  at: number,
  compareAndSwap: boolean,
  packet: Uint8Array,
  headers: number,
  original: Original,
): void {
  const low = wordAt(memory, at);
  const high = wordAt(memory, at + 4);
  original.originalLow = low;
  original.originalHigh = high;
  const operandHigh = ATOMIC_ETH.swapOrAdd.high.get(packet, headers);
  const operandLow = ATOMIC_ETH.swapOrAdd.low.get(packet, headers);
  if (!compareAndSwap) {
    const sum = low + operandLow;
    putWord(memory, at, sum % WORD);
    putWord(memory, at + 4, (high + operandHigh + (sum < WORD ? 0 : 1)) % WORD);
    return;
  }
  const equal =
    ATOMIC_ETH.compare.high.get(packet, headers) === high && ATOMIC_ETH.compare.low.get(packet, headers) === low;
  if (!equal) return;
  putWord(memory, at, operandLow);
  putWord(memory, at + 4, operandHigh);
}

/** Puts what an atomic operation found, as its acknowledgement says it (its AtomicAckETH is at `at`), into eight bytes, as a little-endian number. @internal */
export function readOriginal(packet: Uint8Array, at: number, into: Uint8Array): Uint8Array {
  putWord(into, 0, ATOMIC_ACK_ETH.original.low.get(packet, at));
  putWord(into, 4, ATOMIC_ACK_ETH.original.high.get(packet, at));
  return into;
}
