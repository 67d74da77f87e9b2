import type { Cid } from '../../base/index.js';

/** What a service's operation sees of one client. */
export interface ClientView {
  /** Its number, never given twice by one service. */
  readonly id: number;
  /** What it calls itself; empty if it does not say. */
  readonly name: string;
  /** Its process, if that is known. */
  readonly pid: number | undefined;
  /** When it came, in milliseconds since 1970. */
  readonly since: number;
  /** What it owns, by kind. */
  readonly owned: Readonly<Record<string, number>>;
  /** Messages that wait until it reads. */
  readonly waiting: number;
}

/** What a service's operation needs of the service. */
export interface ServiceView {
  readonly clients: Iterable<ClientView>;
  /** Who owns a CEP; undefined if its owner is gone, or it is nobody's. */
  ownerOf(cid: Cid): ClientView | undefined;
  /** Takes no clients any more, and waits until those that are there have gone; those that stay longer are ended. */
  drain(options: { readonly timeoutMs: number }): Promise<void>;
  /** Names what ought to be and is not; empty when all is sound. */
  check(): readonly string[];
}
