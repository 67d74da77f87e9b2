import { advanceFactor, multiply } from './crc32.js';
import { ICRC_BYTES } from './headers.js';
import { IDENTIFICATION_TO_TRANSPORT_BYTES, storedIcrc, storeIcrc } from './icrc.js';

/** Identifications that a difference is remembered for. */
const REMEMBERED = 64;
/**
 * Changes sealed packets' ICRCs for another IPv4 identification. The CRC is linear: what it changes by depends on the identification and the length
 * only, not on the packet.
 */
export class Renumbering {
  /** By length, of which packets have few: the differences to identification 0, by identification; 0 is none. */
  readonly #differences = new Map<number, Int32Array>();

  /**
   * A packet (UDP payload) that was sealed for identification 0 is then sealed for this one, and the other way round.
   * @param identification 0 to 65,535
   */
  apply(bytes: Uint8Array, start: number, end: number, identification: number): void {
    if (identification === 0) return;
    storeIcrc(bytes, end, storedIcrc(bytes, end) ^ this.#difference(end - start, identification));
  }

  #difference(length: number, identification: number): number {
    if (identification >= REMEMBERED) return differenceOf(length, identification);
    let known = this.#differences.get(length);
    if (known === undefined) {
      known = new Int32Array(REMEMBERED);
      this.#differences.set(length, known);
    }
    // No identification but 0 makes no difference.
    if (known[identification] === 0) known[identification] = differenceOf(length, identification);
    return known[identification] as number;
  }
}

function differenceOf(length: number, identification: number): number {
  const covered = IDENTIFICATION_TO_TRANSPORT_BYTES + length - ICRC_BYTES;
  // The first byte goes into the register's lowest.
  const register = ((identification & 0xff) << 8) | (identification >>> 8);
  return multiply(advanceFactor(covered), register);
}
