/** Something that happens at a moment. */
export interface Timed {
  readonly arrives: number;
}

/** What is on its way, by the time of arrival; of equals, what was sent first. */
export class FlightHeap<Item extends Timed> {
  readonly #items: { readonly item: Item; readonly order: number }[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** When the first arrives; never, if there is none. */
  get next(): number {
    return this.#items[0]?.item.arrives ?? Number.POSITIVE_INFINITY;
  }

  push(item: Item): void {
    const items = this.#items;
    items.push({ item, order: this.#order++ });
    for (let child = items.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** The first, if it has arrived by `now`. */
  pop(now: number): Item | undefined {
    const items = this.#items;
    const first = items[0];
    if (first === undefined || first.item.arrives > now) return undefined;
    const last = items.pop();
    if (items.length > 0 && last !== undefined) {
      items[0] = last;
      for (let parent = 0; ; ) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < items.length && this.#before(child, least)) least = child;
        }
        if (least === parent) break;
        this.#swap(parent, least);
        parent = least;
      }
    }
    return first.item;
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#at(a), this.#at(b)];
    return one.item.arrives === other.item.arrives ? one.order < other.order : one.item.arrives < other.item.arrives;
  }

  #at(place: number): { readonly item: Item; readonly order: number } {
    return this.#items[place] as { readonly item: Item; readonly order: number };
  }

  #swap(a: number, b: number): void {
    const kept = this.#at(a);
    this.#items[a] = this.#at(b);
    this.#items[b] = kept;
  }
}
