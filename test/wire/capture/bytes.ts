/** Builds byte arrays field by field. */

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** The numbers, each in as many bytes as it is paired with, big-endian unless told otherwise. */
export function fields(pairs: readonly (readonly [value: number | bigint, bytes: number])[], littleEndian = false) {
  return join(
    ...pairs.map(([value, bytes]) => {
      const field = new Uint8Array(bytes);
      for (let i = 0; i < bytes; i += 1) {
        const shift = BigInt(8 * (littleEndian ? i : bytes - 1 - i));
        field[i] = Number((BigInt(value) >> shift) & 0xffn);
      }
      return field;
    }),
  );
}

export const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** `length` bytes that count up from `first`. */
export const counting = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i);

/** A copy with `replacement` written at `offset`. */
export function patch(bytes: Uint8Array, offset: number, replacement: ArrayLike<number>): Uint8Array {
  const copy = bytes.slice();
  copy.set(replacement, offset);
  return copy;
}
