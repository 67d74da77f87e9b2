/** CRC-32 as Ethernet has it, bits reflected: the most significant bit of a register stands for x⁰. */
const POLYNOMIAL = 0xedb8_8320;
const SLICES = 8;

/** A platform's own CRC-32: of some bytes, after others whose CRC is `crc`. Both CRCs are numbers of 32 bits without a sign. */
export type Crc32 = (bytes: Uint8Array, crc: number) => number;

/** `TABLE[256 k + b]` is the register after byte b and k zero bytes, from an empty register. */
const TABLE = buildTable();

function buildTable(): Int32Array {
  const table = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte += 1) {
    let register = byte;
    for (let bit = 0; bit < 8; bit += 1) register = register & 1 ? (register >>> 1) ^ POLYNOMIAL : register >>> 1;
    table[byte] = register;
  }
  for (let i = 256; i < table.length; i += 1) {
    const previous = table[i - 256] as number;
    table[i] = (previous >>> 8) ^ (table[previous & 0xff] as number);
  }
  return table;
}

const entry = (slice: number, byte: number): number => TABLE[slice * 256 + byte] as number;

/**
 * Feeds the bytes from `start` to `end` (exclusive) into a CRC register, eight at a time.
 * The register starts as −1 and is inverted at the end; both are left to the caller, so that calls can be chained.
 */
export function crc32Update(register: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = register;
  let i = start;
  for (; i + SLICES <= end; i += SLICES) {
    crc =
      entry(7, (crc ^ (bytes[i] as number)) & 0xff) ^
      entry(6, ((crc >>> 8) ^ (bytes[i + 1] as number)) & 0xff) ^
      entry(5, ((crc >>> 16) ^ (bytes[i + 2] as number)) & 0xff) ^
      entry(4, (crc >>> 24) ^ (bytes[i + 3] as number)) ^
      entry(3, bytes[i + 4] as number) ^
      entry(2, bytes[i + 5] as number) ^
      entry(1, bytes[i + 6] as number) ^
      entry(0, bytes[i + 7] as number);
  }
  for (; i < end; i += 1) crc = (crc >>> 8) ^ entry(0, (crc ^ (bytes[i] as number)) & 0xff);
  return crc;
}

/** Words are read as the machine has them: this is how the tables want them. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Memory by words, from its beginning on; undefined on machines that have them in another order. */
export function wordsOf(buffer: ArrayBufferLike): Int32Array | undefined {
  return IS_LITTLE_ENDIAN ? new Int32Array(buffer, 0, buffer.byteLength >> 2) : undefined;
}

/** The register after eight bytes: two words, of which the first has the register before in it (exclusive or). */
export function crc32Words(a: number, b: number): number {
  // By twos: what does not depend on the register before is done meanwhile, and little is left behind it.
  return (
    entry(7, a & 0xff) ^
    entry(6, (a >>> 8) & 0xff) ^
    (entry(5, (a >>> 16) & 0xff) ^ entry(4, a >>> 24)) ^
    (entry(3, b & 0xff) ^ entry(2, (b >>> 8) & 0xff) ^ (entry(1, (b >>> 16) & 0xff) ^ entry(0, b >>> 24)))
  );
}

/** So many words of zeros are taken at once. */
const ZERO_WORDS_MAX = 64;
/** By how many words of zeros there are: the registers after them from those of one digit each, eight hexadecimal ones. Made when they are needed. */
const ZEROS: (Int32Array | undefined)[] = new Array(ZERO_WORDS_MAX + 1).fill(undefined);

function afterZeros(crc: number, count: number): number {
  const zeros = ZEROS[count] ?? buildZeros(count);
  return (
    (zeros[crc & 0xf] as number) ^
    (zeros[16 + ((crc >>> 4) & 0xf)] as number) ^
    (zeros[32 + ((crc >>> 8) & 0xf)] as number) ^
    (zeros[48 + ((crc >>> 12) & 0xf)] as number) ^
    (zeros[64 + ((crc >>> 16) & 0xf)] as number) ^
    (zeros[80 + ((crc >>> 20) & 0xf)] as number) ^
    (zeros[96 + ((crc >>> 24) & 0xf)] as number) ^
    (zeros[112 + (crc >>> 28)] as number)
  );
}

function buildZeros(count: number): Int32Array {
  const zeros = new Uint8Array(4 * count);
  const built = Int32Array.from({ length: 8 * 16 }, (_, i) =>
    crc32Update((i & 0xf) << (4 * (i >> 4)), zeros, 0, zeros.length),
  );
  ZEROS[count] = built;
  return built;
}

/** As {@link crc32Update}, by words: from `start` to `end`, counted in words. The zeros that messages of the CM mostly end with are taken at once. */
export function crc32UpdateWords(register: number, words: Int32Array, start: number, end: number): number {
  let last = end;
  while (last > start && words[last - 1] === 0) last -= 1;
  let crc = register;
  let i = start;
  for (; i + 2 <= last; i += 2) crc = crc32Words(crc ^ (words[i] as number), words[i + 1] as number);
  if (i < last) {
    const a = crc ^ (words[i] as number);
    crc = entry(3, a & 0xff) ^ entry(2, (a >>> 8) & 0xff) ^ entry(1, (a >>> 16) & 0xff) ^ entry(0, a >>> 24);
  }
  for (let left = end - last; left > 0; left -= ZERO_WORDS_MAX) crc = afterZeros(crc, Math.min(left, ZERO_WORDS_MAX));
  return crc;
}

/** The product of two polynomials modulo the CRC's. */
export function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product;
}

const ONE = 0x8000_0000 | 0;
/** The order of x: the polynomial is primitive. */
const ORDER = 2 ** 32 - 1;

/** x to the power of `exponent` (from 0 to 2³² − 1). */
function powerOfX(exponent: number): number {
  let result = ONE;
  let square = ONE >>> 1;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** The factor that takes a register on over `count` zero bytes. */
export function advanceFactor(count: number): number {
  return powerOfX((8 * count) % ORDER);
}

/** The factor that takes a register back to before its last `count` zero bytes. */
export function rewindFactor(count: number): number {
  return powerOfX((ORDER - ((8 * count) % ORDER)) % ORDER);
}
