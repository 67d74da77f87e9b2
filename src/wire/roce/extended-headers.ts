import type { Duration } from '../../base/index.js';
import { bits, uint, uint64 } from '../field.js';
import { coverage, named } from '../layout.js';

/** RDMA extended transport header: where a write or a read begins (IBTA 9.3.3). */
export const RETH_BYTES = 16;
export const RETH = named({ address: uint64(0), rKey: uint(8, 32), length: uint(12, 32) }, 'reth');
coverage(RETH, RETH_BYTES);

/** Atomic extended transport header (IBTA 9.3.4). */
export const ATOMIC_ETH_BYTES = 28;
export const ATOMIC_ETH = named(
  { address: uint64(0), rKey: uint(8, 32), swapOrAdd: uint64(12), compare: uint64(20) },
  'atomicEth',
);
coverage(ATOMIC_ETH, ATOMIC_ETH_BYTES);

/** ACK extended transport header (IBTA 9.3.5): what became of a request, and how many messages were done (MSN). */
export const AETH_BYTES = 4;
export const AETH = named(
  { syndrome: uint(0, 8), kind: bits(0, 1, 2), value: bits(0, 3, 5), msn: uint(1, 24) },
  'aeth',
);

/** What the atomic operation found (IBTA 9.3.5.3). */
export const ATOMIC_ACK_ETH_BYTES = 8;
export const ATOMIC_ACK_ETH = named({ original: uint64(0) }, 'atomicAckEth');
coverage(ATOMIC_ACK_ETH, ATOMIC_ACK_ETH_BYTES);

/** Immediate data (IBTA 9.3.6): four bytes for the completion of a receive. */
export const IMMEDIATE_BYTES = 4;
export const IMMEDIATE = named({ data: uint(0, 32) }, 'immediate');
coverage(IMMEDIATE, IMMEDIATE_BYTES);

/** Invalidate extended transport header (IBTA 9.3.7): a key that means nothing any more afterwards. */
export const IETH_BYTES = 4;
export const IETH = named({ rKey: uint(0, 32) }, 'ieth');
coverage(IETH, IETH_BYTES);

/** The kinds of AETH (IBTA table 46). Its value is, by the kind, a credit code, an RNR timer code or a NAK code. */
export const AETH_KINDS = { acknowledge: 0, receiverNotReady: 1, negativeAcknowledge: 3 } as const;

/** NAK codes (IBTA table 48). */
export const NAK_CODES = {
  sequenceError: 0,
  invalidRequest: 1,
  remoteAccessError: 2,
  remoteOperationalError: 3,
  invalidRdRequest: 4,
} as const;
export type NakCode = (typeof NAK_CODES)[keyof typeof NAK_CODES];

/** The credit code that says nothing about receives: send what you like (IBTA 9.7.7.2). */
export const CREDITS_UNLIMITED = 31;
/** Receives that a credit code stands for (IBTA table 47): by code, up to 30. */
const CREDITS: readonly number[] = [
  0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024, 1_536, 2_048, 3_072, 4_096,
  6_144, 8_192, 12_288, 16_384, 24_576, 32_768,
];

/** How many receives a credit code says that there are; infinite for {@link CREDITS_UNLIMITED}. */
export function creditsOfCode(code: number): number {
  return CREDITS[code] ?? Number.POSITIVE_INFINITY;
}

/** The greatest credit code that promises no more than `receives`. */
export function creditCodeOf(receives: number): number {
  if (receives < 4) return receives;
  // From 4 on, two codes for each power of two.
  const exponent = 31 - Math.clz32(receives);
  const half = (receives >>> (exponent - 1)) & 1;
  return Math.min(2 * exponent + half, CREDITS.length - 1);
}

/** How long an RNR NAK asks to wait, in microseconds, by its timer code (IBTA table 45). */
const RNR_MICROSECONDS: readonly number[] = [
  655_360, 10, 20, 30, 40, 60, 80, 120, 160, 240, 320, 480, 640, 960, 1_280, 1_920, 2_560, 3_840, 5_120, 7_680, 10_240,
  15_360, 20_480, 30_720, 40_960, 61_440, 81_920, 122_880, 163_840, 245_760, 327_680, 491_520,
];

/** The time that an RNR timer code stands for. @param code 5 bits. */
export function durationOfRnrTimer(code: number): Duration {
  return RNR_MICROSECONDS[code] as Duration;
}
