import type { Connection } from '../../endpoint/index.js';
import type { ConnectionStatus, EventBody, Message } from '../messages.js';
import { connectionStatus } from './describe.js';

/** Whom a connection's events are told to. */
export interface ConnectionWatcher {
  tell<Name extends 'closed' | 'timewaitExit' | 'released'>(name: Name, event: EventBody[Name]): void;
  /** Nothing can be had of the connection any more. */
  release(): void;
}

/**
 * A connection that a client owns. When it has ended, and timewait with it, it remains until the client has received the messages that were there,
 * and no longer.
 */
export class OwnedConnection {
  readonly connection: Connection;
  #watcher: ConnectionWatcher | undefined;
  /** Received to see whether there was any. */
  #unread: Message[] = [];
  #isOver = false;

  constructor(connection: Connection) {
    this.connection = connection;
    connection.addEventListener('timewaitexit', this.#onTimewaitExit);
  }

  get status(): ConnectionStatus {
    return connectionStatus(this.connection.query());
  }

  /** The client knows of the connection: from now on it is told what happens, and what has happened already. */
  watch(watcher: ConnectionWatcher): void {
    this.#watcher = watcher;
    void this.connection.closed.then(({ cause, privateData }) => {
      this.#watcher?.tell('closed', { cause, privateData });
      if (this.connection.query().state === undefined) void this.#over();
    });
  }

  /** See `Connection.receive`. */
  async receive(signal: AbortSignal): Promise<Message | undefined> {
    const message = this.#unread.shift() ?? (await this.connection.receive({ signal }));
    if (message === undefined && this.#isOver) this.#release();
    return message;
  }

  /** Ends the connection without waiting; nothing is told any more. */
  end(): void {
    this.#watcher = undefined;
    this.connection.removeEventListener('timewaitexit', this.#onTimewaitExit);
    this.connection.close();
  }

  readonly #onTimewaitExit = (): void => {
    void this.connection.closed.then(() => {
      this.#watcher?.tell('timewaitExit', {});
      void this.#over();
    });
  };

  /** Nothing happens any more, but there may be messages. */
  async #over(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    const message = this.connection.queuePair === undefined ? undefined : await this.connection.receive();
    if (message === undefined) this.#release();
    else this.#unread.push(message);
  }

  #release(): void {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    watcher?.tell('released', { final: this.status });
    watcher?.release();
  }
}
