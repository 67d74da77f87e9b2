import { storedIcrc, storeIcrc } from './icrc.js';
import { IdentificationDifferences } from './identification-differences.js';

/** Changes sealed packets' ICRCs for another IPv4 identification. */
export class Renumbering {
  readonly #differences = new IdentificationDifferences();

  /**
   * A packet (UDP payload) that was sealed for identification 0 is then sealed for this one, and the other way round.
   * @param identification 0 to 65,535
   */
  apply(bytes: Uint8Array, start: number, end: number, identification: number): void {
    if (identification === 0) return;
    storeIcrc(bytes, end, storedIcrc(bytes, end) ^ this.#differences.of(end - start, identification));
  }
}
