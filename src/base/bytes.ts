/** A copy of the bytes from `start` to `end`. (`slice` of Node's Buffer is not one: it is a view.) */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
