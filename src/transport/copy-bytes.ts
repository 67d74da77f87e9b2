/** From here on the system's copying pays for the view that it needs. */
const VIEW_BYTES_MIN = 96;

/** Copies bytes between two arrays that do not overlap. The caller has checked that they are there. */
export function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void {
  if (count < VIEW_BYTES_MIN) {
    for (let i = 0; i < count; i += 1) to[toAt + i] = from[fromAt + i] as number;
    return;
  }
  to.set(new Uint8Array(from.buffer, from.byteOffset + fromAt, count), toAt);
}
