import { copyOf, type ServiceId } from '../base/index.js';
import { CepError } from './error.js';
import type { ListenParameters } from './parameters.js';

/** What a listener listens for; the service ID as two words, so that matching needs no bigint. */
interface Listen {
  readonly slot: number;
  readonly high: number;
  readonly low: number;
  readonly maskHigh: number;
  readonly maskLow: number;
  /** 0: all ports. */
  readonly port: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Listens with one mask, by the part of the service ID that it leaves. */
interface MaskGroup {
  readonly maskHigh: number;
  readonly maskLow: number;
  readonly listens: Map<number, Map<number, Listen[]>>;
  size: number;
}

const MASK_ALL = 0xffff_ffff_ffff_ffffn;
const SERVICE_ID_BITS = 64;
const NO_DATA = new Uint8Array(0);

/** Numbers that the CM gives to services itself (IBTA 12.7.3: local OS administered, first byte 2). */
const ASSIGNED = 0x0200_0000_0000_0000n;

/**
 * Who listens for what. A request matches a listen by service ID under a mask, by port, and by a slice of its private
 * data. Of several that match, the most specific wins: the narrower mask, then the named port, then the compared data.
 * A listen that could not be told apart from another in this order is refused.
 */
export class ListenMap {
  /** Narrowest masks first. */
  readonly #groups: MaskGroup[] = [];
  readonly #bySlot = new Map<number, Listen>();
  #assigned = 0n;

  get size(): number {
    return this.#bySlot.size;
  }

  /** @returns the service ID, which the manager chose if the listener did not. @throws {@link CepError} `LISTEN_CONFLICT` */
  add(parameters: ListenParameters, slot: number): ServiceId {
    const { serviceMask = MASK_ALL, port = 0, compare } = parameters;
    const serviceId = parameters.serviceId ?? this.#assign();
    const listen: Listen = {
      slot,
      maskHigh: highWord(serviceMask),
      maskLow: lowWord(serviceMask),
      high: highWord(serviceId & serviceMask),
      low: lowWord(serviceId & serviceMask),
      port,
      offset: compare?.offset ?? 0,
      data: compare ? copyOf(compare.data) : NO_DATA,
    };
    if (this.#isAmbiguous(listen)) {
      throw new CepError('LISTEN_CONFLICT', `something listens on service ID 0x${serviceId.toString(16)} already`, {
        serviceId,
      });
    }
    this.#insert(listen);
    return serviceId;
  }

  remove(slot: number): void {
    const listen = this.#bySlot.get(slot);
    if (listen === undefined) return;
    this.#bySlot.delete(slot);
    const group = this.#groups.find(
      ({ maskHigh, maskLow }) => maskHigh === listen.maskHigh && maskLow === listen.maskLow,
    );
    const byLow = group?.listens.get(listen.high);
    const others = byLow?.get(listen.low)?.filter((other) => other !== listen) ?? [];
    if (others.length > 0) byLow?.set(listen.low, others);
    else byLow?.delete(listen.low);
    if (byLow?.size === 0) group?.listens.delete(listen.high);
    if (group === undefined) return;
    group.size -= 1;
    if (group.size === 0) this.#groups.splice(this.#groups.indexOf(group), 1);
  }

  /** The listener for a request, 0 if there is none. @param privateData where the private data begins in `bytes`. */
  find(high: number, low: number, port: number, bytes: Uint8Array, privateData: number, length: number): number {
    for (const { maskHigh, maskLow, listens } of this.#groups) {
      const candidates = listens.get((high & maskHigh) >>> 0)?.get((low & maskLow) >>> 0);
      const found = candidates?.find(
        (listen) => (listen.port === 0 || listen.port === port) && holds(listen, bytes, privateData, length),
      );
      if (found !== undefined) return found.slot;
    }
    return 0;
  }

  #assign(): ServiceId {
    for (;;) {
      this.#assigned += 1n;
      const serviceId = ASSIGNED + this.#assigned;
      const { listens } = this.#groups.find((group) => maskBits(group) === SERVICE_ID_BITS) ?? {};
      // Somebody may have asked for this very number.
      if (!listens?.get(highWord(serviceId))?.has(lowWord(serviceId))) return serviceId as ServiceId;
    }
  }

  /** Only listens with as many mask bits may compete: otherwise one of the two is narrower. */
  #isAmbiguous(listen: Listen): boolean {
    const rivals = this.#groups.filter((group) => maskBits(group) === maskBits(listen));
    return rivals.some(({ maskHigh, maskLow, listens }) => {
      const sameMask = maskHigh === listen.maskHigh && maskLow === listen.maskLow;
      const others = sameMask
        ? (listens.get(listen.high)?.get(listen.low) ?? [])
        : [...listens.values()].flatMap((byLow) => [...byLow.values()].flat());
      return others.some((other) => mayBothMatch(listen, other) && !(sameMask && differInKind(listen, other)));
    });
  }

  #insert(listen: Listen): void {
    const { maskHigh, maskLow, high, low } = listen;
    let group = this.#groups.find((other) => other.maskHigh === maskHigh && other.maskLow === maskLow);
    if (group === undefined) {
      group = { maskHigh, maskLow, listens: new Map(), size: 0 };
      this.#groups.push(group);
      this.#groups.sort((a, b) => maskBits(b) - maskBits(a));
    }
    group.size += 1;
    const byLow = group.listens.get(high) ?? new Map<number, Listen[]>();
    group.listens.set(high, byLow);
    byLow.set(low, [...(byLow.get(low) ?? []), listen].sort(moreSpecificFirst));
    this.#bySlot.set(listen.slot, listen);
  }
}

const highWord = (value: bigint): number => Number(value >> 32n);
const lowWord = (value: bigint): number => Number(value & 0xffff_ffffn);

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
const maskBits = ({ maskHigh, maskLow }: Pick<Listen, 'maskHigh' | 'maskLow'>): number =>
  bitCount(maskHigh) + bitCount(maskLow);

/** Among listens for the same IDs: named ports first, then those that compare data. */
const moreSpecificFirst = (a: Listen, b: Listen): number =>
  Number(b.port !== 0) - Number(a.port !== 0) || b.data.length - a.data.length;

/** Whether the request's private data holds what the listener compares. */
function holds({ offset, data }: Listen, bytes: Uint8Array, privateData: number, length: number): boolean {
  if (offset + data.length > length) return false;
  return data.every((octet, i) => octet === bytes[privateData + offset + i]);
}

/** Whether some request would match both. */
function mayBothMatch(a: Listen, b: Listen): boolean {
  const sameId = ((a.high ^ b.high) & a.maskHigh & b.maskHigh) === 0 && ((a.low ^ b.low) & a.maskLow & b.maskLow) === 0;
  const samePort = a.port === b.port || a.port === 0 || b.port === 0;
  const begin = Math.max(a.offset, b.offset);
  const end = Math.min(a.offset + a.data.length, b.offset + b.data.length);
  let sameData = true;
  for (let at = begin; at < end; at += 1) sameData &&= a.data[at - a.offset] === b.data[at - b.offset];
  return sameId && samePort && sameData;
}

/** Whether one of two listens for the same IDs is more specific: it names a port, or data, and the other does not. */
const differInKind = (a: Listen, b: Listen): boolean =>
  (a.port === 0) !== (b.port === 0) || (a.data.length === 0) !== (b.data.length === 0);
