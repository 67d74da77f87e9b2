import { Duplex, type DuplexOptions } from 'node:stream';
import { type CloseCause, type Connection, EndpointError, type Message } from '../endpoint/index.js';

export interface ConnectionStreamOptions extends Pick<DuplexOptions, 'allowHalfOpen' | 'highWaterMark'> {
  /** Bytes of a message at most: what the peer's `receiveBytes` holds. Default 4,096, its default. */
  readonly messageBytes?: number;
}

const DEFAULT_MESSAGE_BYTES = 4_096;
const NOTHING = new Uint8Array(0);
/** Ends of a connection after which nothing is missing that anybody has sent. */
const CLEAN_ENDS: ReadonlySet<CloseCause | undefined> = new Set(['disconnected', 'peer', 'closed']);

/**
 * A connection's bytes in order, for those who want no messages: what is written goes out in messages of up to `messageBytes`, and an empty message
 * says that no more will come. Whoever does not read lets the peer wait. When both sides have ended, or the stream is destroyed, the connection is disconnected.
 *
 * The connection's `receive` is the stream's from now on. @throws EndpointError `INVALID_ARGUMENT`, `NO_QUEUE_PAIR`
 */
export function streamOf(connection: Connection, options: ConnectionStreamOptions = {}): Duplex {
  return new ConnectionStream(connection, options);
}

class ConnectionStream extends Duplex {
  readonly #connection: Connection;
  readonly #messageBytes: number;
  #reading = false;
  #peerHasEnded = false;

  constructor(connection: Connection, { messageBytes = DEFAULT_MESSAGE_BYTES, ...options }: ConnectionStreamOptions) {
    super({ ...options, objectMode: false });
    if (!Number.isInteger(messageBytes) || messageBytes < 1) {
      const text = `messageBytes is ${messageBytes}; it must be an integer from 1`;
      throw new EndpointError('INVALID_ARGUMENT', text, { name: 'messageBytes', value: messageBytes });
    }
    if (connection.queuePair === undefined) {
      throw new EndpointError('NO_QUEUE_PAIR', 'the connection cannot move data: its queue pair is elsewhere', {});
    }
    this.#connection = connection;
    this.#messageBytes = messageBytes;
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#readMessages().then(
      () => {
        this.#reading = false;
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  /** What was written meanwhile goes out together. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk))).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.send(NOTHING).then(
      () => done(),
      // A peer that is done with both directions disconnects, and perhaps its acknowledgement of this was lost.
      (error: Error) => done(this.#peerHasEnded && this.#endedWell ? null : error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#connection.disconnect().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }

  async #readMessages(): Promise<void> {
    for (;;) {
      const message: Message | undefined = await this.#connection.receive();
      if (message === undefined) {
        const { closeCause } = this.#connection;
        if (this.#endedWell) this.push(null);
        else this.destroy(new EndpointError('CLOSED', `the connection has ended: ${closeCause}`, { closeCause }));
        return;
      }
      if (message.data.length === 0) {
        this.#peerHasEnded = true;
        this.push(null);
        return;
      }
      if (!this.push(message.data)) return;
    }
  }

  get #endedWell(): boolean {
    return CLEAN_ENDS.has(this.#connection.closeCause);
  }

  /** All messages of some data are on their way at once. */
  async #send(data: Uint8Array): Promise<void> {
    const sending: Promise<void>[] = [];
    for (let at = 0; at < data.length; at += this.#messageBytes) {
      sending.push(this.#connection.send(data.subarray(at, at + this.#messageBytes)));
    }
    await Promise.all(sending);
  }
}
