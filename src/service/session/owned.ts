import type { Cid } from '../../base/index.js';
import type { CidSlot } from '../../cep/index.js';
import type {
  ConnectionRequest,
  DatagramListener,
  DatagramSocket,
  Listener,
  LookupRequest,
} from '../../endpoint/index.js';
import type { ConnectionRequest as IncomingRequest } from '../../qp/index.js';
import type { MemoryRegion } from '../../transport/index.js';
import { ServiceError } from '../error.js';
import type { Hold } from './limits.js';
import type { OwnedConnection } from './owned-connection.js';
import type { OwnedId } from './owned-id.js';
import type { OwnedQueuePair } from './owned-queue-pair.js';

/** What a client can own, by what messages call it. */
export interface Kinds {
  readonly listener: Listener;
  readonly request: ConnectionRequest;
  readonly connection: OwnedConnection;
  readonly 'datagram listener': DatagramListener;
  readonly 'look-up': LookupRequest;
  readonly socket: DatagramSocket;
  readonly 'memory region': MemoryRegion;
  readonly ID: OwnedId;
  readonly slot: CidSlot;
  readonly 'queue pair': OwnedQueuePair;
  readonly 'queue pair request': IncomingRequest;
}
export type Kind = keyof Kinds;

interface Entry {
  readonly kind: Kind;
  readonly object: Kinds[Kind];
  readonly holds: readonly Hold[];
  /** Ends the object, at once and whatever its state. Never throws. */
  readonly end: () => void;
}

/** What one client owns, by the handles that it was given. Nobody else has these handles, so that nobody else can name it (R19). */
export class Owned {
  readonly #entries = new Map<number, Entry>();
  readonly #attempts = new Set<Cid>();
  #last = 0;
  #closed = false;

  /** How many of each kind. */
  get counts(): Partial<Record<Kind, number>> {
    const counts: Partial<Record<Kind, number>> = {};
    for (const { kind } of this.#entries.values()) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** An attempt to connect, or to look up, is under way. @returns what is to be called when it is over, however it ends. */
  begin(cid: Cid): () => void {
    this.#attempts.add(cid);
    return () => this.#attempts.delete(cid);
  }

  /** Whether one of them, or an attempt of theirs, is what the connection manager calls so. */
  hasCid(cid: Cid): boolean {
    if (this.#attempts.has(cid)) return true;
    for (const { kind, object } of this.#entries.values()) {
      if (cidOf(kind, object) === cid) return true;
    }
    return false;
  }

  /**
   * Gives something to the client.
   * @param end ends it, with all that it holds: when the client gives it up, or goes.
   * @returns its handle. @throws ServiceError `DISCONNECTED` when the client has gone meanwhile: then it has been ended.
   */
  add<K extends Kind>(kind: K, object: Kinds[K], end: () => void, ...holds: readonly Hold[]): number {
    const entry: Entry = { kind, object, end, holds };
    if (this.#closed) {
      finish(entry);
      throw new ServiceError('DISCONNECTED', `the client has gone, and its ${kind} with it`, {});
    }
    this.#last += 1;
    this.#entries.set(this.#last, entry);
    return this.#last;
  }

  /** @throws ServiceError `UNKNOWN_HANDLE` */
  get<K extends Kind>(handle: number, kind: K): Kinds[K] {
    const entry = this.#entries.get(handle);
    if (entry?.kind !== kind) throw unknown(handle, kind);
    return entry.object as Kinds[K];
  }

  /** Ends what a handle names. @throws ServiceError `UNKNOWN_HANDLE` */
  end(handle: number): void {
    const entry = this.#entries.get(handle);
    if (entry === undefined) throw unknown(handle, 'object');
    this.#entries.delete(handle);
    finish(entry);
  }

  /** What a handle names becomes something else, which costs instead what it did. @returns what it held; nothing if the client has gone. */
  take(handle: number): readonly Hold[] {
    const entry = this.#entries.get(handle);
    if (entry === undefined) return [];
    this.#entries.set(handle, { ...entry, holds: [] });
    return entry.holds;
  }

  /** What a handle names is over, or somebody else's, by itself: the handle means nothing any more. Harmless if it did not. */
  forget(handle: number): void {
    const entry = this.#entries.get(handle);
    if (entry === undefined) return;
    this.#entries.delete(handle);
    for (const hold of entry.holds) hold.release();
  }

  /** The client has gone: ends all, the newest first (R21). */
  close(): void {
    this.#closed = true;
    const entries = [...this.#entries.values()].reverse();
    this.#entries.clear();
    for (const entry of entries) finish(entry);
  }
}

function cidOf(kind: Kind, object: Kinds[Kind]): Cid | undefined {
  if (kind === 'connection') return (object as OwnedConnection).connection.cid;
  if (kind === 'ID') return (object as OwnedId).id.cid;
  if (kind === 'queue pair') return (object as OwnedQueuePair).queuePair.cid;
  return 'cid' in object ? object.cid : undefined;
}

function finish({ end, holds }: Entry): void {
  end();
  for (const hold of holds) hold.release();
}

function unknown(handle: number, kind: string): ServiceError {
  return new ServiceError('UNKNOWN_HANDLE', `the client has no ${kind} with the handle ${handle}`, { handle, kind });
}
