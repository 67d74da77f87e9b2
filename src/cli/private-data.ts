/** How many bytes are shown of those that are no text. */
const HEX_BYTES_MAX = 32;

/** Bytes for people: as text if they are printable ASCII, else in hexadecimal; undefined if there are none. */
export function showBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes.every((byte) => byte >= 0x20 && byte <= 0x7e)) return JSON.stringify(String.fromCharCode(...bytes));
  const digits = Buffer.from(bytes.subarray(0, HEX_BYTES_MAX)).toString('hex');
  const rest = bytes.length - HEX_BYTES_MAX;
  return `0x${digits}${rest > 0 ? `… (${rest} more bytes)` : ''}`;
}

/** Private data without the zeros at its end: they fill the message's field, whose length is all that the wire tells. */
export function withoutTrailingZeros(field: Uint8Array): Uint8Array {
  return field.subarray(0, field.findLastIndex((byte) => byte !== 0) + 1);
}

/** Private data for people; undefined if there is none. */
export const showPrivateData = (field: Uint8Array): string | undefined => showBytes(withoutTrailingZeros(field));
