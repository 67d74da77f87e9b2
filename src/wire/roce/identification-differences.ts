import { advanceFactor, multiply } from './crc32.js';
import { ICRC_BYTES } from './headers.js';
import { IPV4_HEADER_BYTES } from './network-header.js';

export const UDP_HEADER_BYTES = 8;
/** Where it is in IPv4's header. */
export const IPV4_IDENTIFICATION = 4;
/** From IPv4's identification to the BTH. */
export const IDENTIFICATION_TO_TRANSPORT_BYTES = IPV4_HEADER_BYTES - IPV4_IDENTIFICATION + UDP_HEADER_BYTES;
/** Packets of a burst have identifications from 0 on, if the system cuts it; a message that it cuts has no more. */
export const BURST_IDENTIFICATIONS = 64;

/** By what packets' ICRCs differ for another IPv4 identification. The CRC is linear: it depends on the identification and the length only, not on the packet. */
export class IdentificationDifferences {
  /** By length, of which packets have few: the differences to identification 0, by identification; 0 is none. */
  readonly #byLength = new Map<number, Int32Array>();
  #length = -1;
  #differences: Int32Array = new Int32Array(BURST_IDENTIFICATIONS);

  /**
   * Between the ICRCs for this identification and for 0.
   * @param length of the UDP payload. @param identification 0 to 65,535.
   */
  of(length: number, identification: number): number {
    if (identification >= BURST_IDENTIFICATIONS) return differenceOf(length, identification);
    if (length !== this.#length) this.#choose(length);
    const known = this.#differences;
    // No identification but 0 makes no difference.
    if (known[identification] === 0) known[identification] = differenceOf(length, identification);
    return known[identification] as number;
  }

  #choose(length: number): void {
    let known = this.#byLength.get(length);
    if (known === undefined) {
      known = new Int32Array(BURST_IDENTIFICATIONS);
      this.#byLength.set(length, known);
    }
    this.#length = length;
    this.#differences = known;
  }
}

function differenceOf(length: number, identification: number): number {
  const covered = IDENTIFICATION_TO_TRANSPORT_BYTES + length - ICRC_BYTES;
  // The first byte goes into the register's lowest.
  const register = ((identification & 0xff) << 8) | (identification >>> 8);
  return multiply(advanceFactor(covered), register);
}
