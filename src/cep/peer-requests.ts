/** CEPs that asked a peer which may be asking them: peer-to-peer requests by service ID. */
export class PeerRequests {
  readonly #slots = new Map<number, Map<number, Set<number>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(high: number, low: number, slot: number): void {
    const byLow = this.#slots.get(high) ?? new Map<number, Set<number>>();
    this.#slots.set(high, byLow);
    byLow.set(low, (byLow.get(low) ?? new Set<number>()).add(slot));
    this.#size += 1;
  }

  remove(high: number, low: number, slot: number): void {
    const byLow = this.#slots.get(high);
    const slots = byLow?.get(low);
    if (!slots?.delete(slot)) return;
    this.#size -= 1;
    if (slots.size === 0) byLow?.delete(low);
    if (byLow?.size === 0) this.#slots.delete(high);
  }

  /** The slots that asked for the service, oldest first. */
  of(high: number, low: number): Iterable<number> {
    return this.#slots.get(high)?.get(low) ?? [];
  }
}
