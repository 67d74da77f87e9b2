import { assert, type Reference } from '../base/index.js';
import type { RtsAttributes } from '../cep/index.js';
import type { CmConfiguration, CmEvent, CmId, CmInterface } from '../cm/index.js';

/** Whom a connection belongs to: a queue pair, or before that the request that nobody has accepted. */
export interface ConnectionOwner {
  /** Something has happened to its CEP. */
  handleEvent(id: CmId<Connection>, event: CmEvent): void;
  /** Its CEP has been destroyed, by whomsoever. */
  handleGone(connection: Connection): void;
}

/**
 * What this layer knows of one CEP, and its ID's context. It holds the reference that keeps the queue pair for the CEP (R9), and
 * there is one way to release it: the CEP's destroyed callback. So nobody who destroys the CEP, be it an accept that fails, the queue pair's
 * destruction or the closing of the interface, has anything else to do (R10).
 */
export class Connection {
  #owner: ConnectionOwner | undefined;
  #reference: Reference | undefined;
  /** What the passive side's queue pair needs for RTS, as it was when the REP was made: it may be asked for when the connection has ended. */
  readyToSend: RtsAttributes | undefined;

  /** @param owner a request; a connection that is begun here has none before {@link belongTo}. */
  constructor(owner?: ConnectionOwner) {
    this.#owner = owner;
  }

  /** A queue pair takes it over, with a reference for the CEP: before the CID is assigned (R9). */
  belongTo(owner: ConnectionOwner, reference: Reference): void {
    assert(this.#reference === undefined, 'a CEP holds one queue pair');
    this.#owner = owner;
    this.#reference = reference;
  }

  /** The one configuration of all IDs of this layer. */
  get configuration(): CmConfiguration<Connection> {
    return {
      context: this,
      callback: (id, event) => this.#owner?.handleEvent(id, event),
      onDestroyed: () => {
        this.#reference?.release();
        this.#owner?.handleGone(this);
      },
    };
  }
}

/** A CEP for a new connection. @throws CmError `CLOSED`, CepError `LIMIT_REACHED` */
export function createConnection(cm: CmInterface): CmId<Connection> {
  const { callback, context, onDestroyed } = new Connection().configuration;
  return cm.createId(callback, context, onDestroyed);
}
