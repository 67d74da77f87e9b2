/** A running hash of everything that happens: two runs with equal digests did the same. Not for secrets. */
export class Digest {
  #low = 0x811c_9dc5;
  #high = 0x0100_0193;

  add(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x85eb_ca6b);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul((this.#high << 5) ^ (this.#high >>> 27) ^ this.#low, 0x9e37_79b1);
  }

  /** A moment, to the 64th of a microsecond. */
  addTime(time: number): void {
    this.add(Math.floor(time * 64) | 0);
  }

  /** Words in pairs, each half of a pair in a hash of its own. */
  addWords(words: Int32Array, from: number, to: number): void {
    let even = this.#low;
    let odd = this.#high;
    for (let i = from; i < to; i += 2) {
      const first = words[i] as number;
      const second = words[i + 1] as number;
      // Messages end with many zeros: where they are is in the next word's index.
      if ((first | second) === 0) continue;
      even = Math.imul(even ^ first ^ (i - from), 0x85eb_ca6b);
      odd = Math.imul(odd ^ second, 0x9e37_79b1);
      even ^= even >>> 15;
      odd ^= odd >>> 13;
    }
    this.#low = even;
    this.#high = odd;
    this.add(to - from);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
