import { GID_BYTES, gidAt, gidEquals, type Random, randomBits } from '../base/index.js';
import { mix, SlotIndex } from './slot-index.js';

/** Both ends of the way that a MAD takes, and how it is to be marked. */
export interface PathAddress {
  /** The port of this adapter, from 1. */
  readonly port: number;
  readonly localGid: Uint8Array;
  readonly remoteGid: Uint8Array;
  /** DSCP and ECN, 8 bits. */
  readonly trafficClass: number;
  /** UDP source port; 0 leaves it to the port. */
  readonly sourcePort: number;
}

interface Entry extends PathAddress {
  readonly hash: number;
  users: number;
}

/**
 * Paths, each kept once however many CEPs use it, with a count of its users. Numbered from 1. There are about as many as peers,
 * so they are objects, unlike CEPs.
 */
export class PathTable {
  readonly #entries: (Entry | undefined)[] = [undefined];
  readonly #free: number[] = [];
  readonly #index: SlotIndex;
  readonly #seed: number;

  /** @param capacity the users see to it that it is never exceeded. */
  constructor(capacity: number, random: Random) {
    this.#seed = randomBits(random, 32);
    this.#index = new SlotIndex(capacity, (path) => this.#get(path).hash);
  }

  /** Paths in use. */
  get size(): number {
    return this.#index.size;
  }

  /** The path's addresses. */
  get(path: number): PathAddress {
    return this.#get(path);
  }

  /** The number of an equal path, or of a new one, with one more user. Addresses are copied. */
  hold(address: PathAddress): number {
    const hash = this.#hash(address);
    const index = this.#index;
    for (let place = index.first(hash); index.at(place) !== 0; place = index.after(place)) {
      const path = index.at(place);
      const { trafficClass, sourcePort } = this.#get(path);
      const sameMarks = trafficClass === address.trafficClass && sourcePort === address.sourcePort;
      if (sameMarks && this.isFrom(path, address)) {
        this.share(path);
        return path;
      }
    }
    const { port, trafficClass, sourcePort } = address;
    const path = this.#free.pop() ?? this.#entries.length;
    const localGid = gidAt(address.localGid);
    const remoteGid = gidAt(address.remoteGid);
    this.#entries[path] = { port, localGid, remoteGid, trafficClass, sourcePort, hash, users: 1 };
    index.insert(path);
    return path;
  }

  /** One more user of the same path. */
  share(path: number): void {
    this.#get(path).users += 1;
  }

  drop(path: number): void {
    const entry = this.#get(path);
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#index.remove(path);
    this.#entries[path] = undefined;
    this.#free.push(path);
  }

  /** Whether something that came from `from` came along this path. */
  isFrom(path: number, from: PathAddress): boolean {
    const { port, localGid, remoteGid } = this.#get(path);
    return port === from.port && gidEquals(remoteGid, 0, from.remoteGid, 0) && gidEquals(localGid, 0, from.localGid, 0);
  }

  #get(path: number): Entry {
    return this.#entries[path] as Entry;
  }

  #hash({ localGid, remoteGid }: PathAddress): number {
    let hash = this.#seed;
    for (let i = 0; i < GID_BYTES; i += 4) hash = mix(mix(hash, wordAt(localGid, i)), wordAt(remoteGid, i));
    return hash;
  }
}

function wordAt(bytes: Uint8Array, offset: number): number {
  const octet = (i: number): number => bytes[offset + i] as number;
  return (octet(0) << 24) | (octet(1) << 16) | (octet(2) << 8) | octet(3);
}
