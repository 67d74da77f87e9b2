import type { Cid, Instant } from '../../base/index.js';
import type { Adapter } from '../../endpoint/index.js';
import { callAfter, monotonicNow } from '../../io/index.js';
import { ServiceError } from '../error.js';
import type { Carrier } from './carrier.js';
import { ClientSession, type ClientView, type SessionHost } from './client-session.js';
import { type ClientLimits, DEFAULT_CLIENT_LIMITS } from './limits.js';
import { ListenTable } from './listen-table.js';

export interface ServiceOptions {
  /** What a client may have, where it is not the default. */
  readonly limits?: Partial<ClientLimits>;
  /** How many clients there may be. Default 1,024. */
  readonly maxClients?: number;
  /** Told of each client that comes or goes: for logs. @param because why it was sent away, if it was. */
  readonly onClient?: (client: ClientView, change: 'came' | 'went', because?: ServiceError) => void;
  /** The clock, in microseconds. Default: the system's. */
  readonly now?: () => Instant;
  /** Calls back after a time. Default: `setTimeout`. */
  readonly schedule?: SessionHost['schedule'];
}

const DEFAULT_MAX_CLIENTS = 1_024;

/** One adapter for many clients. Carriers bring them; each owns what it makes, and what it owned ends with it. */
export class Service {
  readonly adapter: Adapter;
  readonly #host: SessionHost;
  /** How many clients there may be. */
  readonly maxClients: number;
  readonly #sessions = new Set<ClientSession>();
  /** Over, but with calls that have not found out. */
  readonly #leaving = new Set<ClientSession>();
  readonly #watchers = new Set<() => void>();
  #limits: ClientLimits;
  #last = 0;
  #isDraining = false;

  /** @param adapter not closed by the service; others may use it, too. */
  constructor(adapter: Adapter, options: ServiceOptions = {}) {
    const { limits, maxClients = DEFAULT_MAX_CLIENTS, now = monotonicNow, schedule = callAfter, onClient } = options;
    this.adapter = adapter;
    this.maxClients = maxClients;
    this.#limits = { ...DEFAULT_CLIENT_LIMITS, ...limits };
    const isDraining = (): boolean => this.#isDraining;
    this.#host = {
      adapter,
      listens: new ListenTable(),
      get isDraining() {
        return isDraining();
      },
      now,
      schedule,
      changed: (session, change, because) => onClient?.(session, change, because),
      ended: (session) => this.#ended(session),
    };
  }

  /** Those who are here, oldest first. */
  get clients(): Iterable<ClientView> {
    return this.#sessions;
  }

  /** What clients that come from now on may have. */
  get limits(): ClientLimits {
    return this.#limits;
  }

  set limits(limits: Partial<ClientLimits>) {
    this.#limits = { ...DEFAULT_CLIENT_LIMITS, ...limits };
  }

  /** Whether it takes nobody and begins nothing any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** A client has come. @throws ServiceError `UNAVAILABLE` when the service is going down, `LIMIT_REACHED` when it has all clients that it may have. */
  open(carrier: Carrier): ClientSession {
    if (this.#isDraining) throw new ServiceError('UNAVAILABLE', 'the service is going down', {});
    if (this.#sessions.size >= this.maxClients) this.#endSilent();
    if (this.#sessions.size >= this.maxClients) {
      const maximum = this.maxClients;
      throw new ServiceError('LIMIT_REACHED', `the service has ${maximum} clients already`, {
        limit: 'clients',
        maximum,
      });
    }
    this.#last += 1;
    const session = new ClientSession(this.#host, this.#last, this.#limits, carrier);
    this.#sessions.add(session);
    return session;
  }

  /** The client whose connection, request or ID the connection manager calls so. */
  ownerOf(cid: Cid): ClientView | undefined {
    for (const session of this.#sessions) if (session.hasCid(cid)) return session;
    return undefined;
  }

  /** Takes nobody and begins nothing any more, and waits until all clients have gone; after `timeoutMs` they are sent away (`UNAVAILABLE`). */
  async drain({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#isDraining = true;
    const gone = this.#whenEmpty();
    const cancel = this.#host.schedule(timeoutMs, () => this.#sendAway());
    await gone;
    cancel();
  }

  /** Sends all clients away (`UNAVAILABLE`): all that they own is destroyed. The adapter stays open. */
  async close(): Promise<void> {
    this.#isDraining = true;
    const gone = this.#whenEmpty();
    this.#sendAway();
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Invariants that do not hold, in words: empty, if all is well. */
  check(): string[] {
    const wrong = [...this.#sessions, ...this.#leaving].flatMap((session) => session.check());
    for (const session of this.#leaving)
      if (session.isGone) wrong.push(`client ${session.id} has gone and is remembered`);
    return wrong;
  }

  /** Who has been here longest without a word makes room. */
  #endSilent(): void {
    for (const session of this.#sessions) {
      if (session.hasSaidHello) continue;
      const text = 'the service has as many clients as it may, and this one has not said hello';
      session.end(new ServiceError('LIMIT_REACHED', text, { limit: 'clients', maximum: this.maxClients }));
      return;
    }
  }

  #sendAway(): void {
    for (const session of [...this.#sessions])
      session.end(new ServiceError('UNAVAILABLE', 'the service is going down', {}));
  }

  #ended(session: ClientSession): void {
    this.#sessions.delete(session);
    if (session.isGone) this.#leaving.delete(session);
    else this.#leaving.add(session);
    if (this.#isEmpty) for (const watch of this.#watchers) watch();
  }

  get #isEmpty(): boolean {
    return this.#sessions.size + this.#leaving.size === 0;
  }

  #whenEmpty(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const watch = (): void => {
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
    });
  }
}
