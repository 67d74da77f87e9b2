import { ATOMIC_ETH } from '../wire/index.js';

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
