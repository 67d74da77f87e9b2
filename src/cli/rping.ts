import { Connection, type Message, TransferError } from '../endpoint/index.js';
import type { CommandConnection } from './opened.js';

/**
 * The protocol of rdma-core's `rping`. In each round the client tells the server where its data is, the server reads it and says so; then the client tells where
 * the echo is wanted, the server writes it there and says so. All that is sent is a place in memory; in what the server says, it means nothing.
 */

/** rping's, in the TCP port space. */
export const RPING_PORT = 7_174;
/** What a round's text needs at least. */
export const RPING_BYTES_MIN = 32;
export const RPING_BYTES_MAX = 65_536;
export const RPING_BYTES_DEFAULT = 64;
/** A place: address, key and length, big-endian. */
export const PLACE_BYTES = 16;
/** Printable characters go round from here to there. */
const FIRST_CHARACTER = 65;
const CHARACTERS = 58;

/** What a connection that speaks it needs. */
export const RPING_CONNECTION = {
  responderResources: 1,
  initiatorDepth: 1,
  receives: 2,
  receiveBytes: PLACE_BYTES,
} as const;

/** Something that is not of the protocol has come, or the echo is not what was sent. */
export class RpingError extends Error {
  override readonly name = 'RpingError';
}

interface Place {
  readonly address: bigint;
  readonly rkey: number;
  readonly length: number;
}

/** The data of a round, as rping makes it: its number in words, and then a line of characters that is another one each time. Ends with a zero. */
export function rpingData(round: number, size: number): Uint8Array {
  const data = new TextEncoder().encode(`rdma-ping-${round}: `.padEnd(size, '\0'));
  const text = `rdma-ping-${round}: `.length;
  for (let i = text; i < size - 1; i += 1) data[i] = FIRST_CHARACTER + ((round + i - text) % CHARACTERS);
  return data;
}

/** Memory on which the server works. */
interface PingMemory {
  readonly address: number;
  readonly rkey: number;
  fill(data: Uint8Array): Promise<void>;
  content(): Promise<Uint8Array>;
}

/** Of the connection's own adapter it is ours; of a service's it is there. */
async function registered(
  connection: CommandConnection,
  size: number,
  rights: { remoteRead?: boolean; remoteWrite?: boolean },
): Promise<PingMemory> {
  const bytes = new Uint8Array(size);
  if (connection instanceof Connection) {
    const { address, rkey } = connection.register(bytes, rights);
    return { address, rkey, fill: async (data) => bytes.set(data), content: async () => bytes };
  }
  const region = await connection.register(bytes, rights);
  const { address, rkey } = region;
  return { address, rkey, fill: (data) => region.write(0, data), content: () => region.read() };
}

/** The client's half. */
export class RpingClient {
  readonly #connection: CommandConnection;
  readonly #size: number;
  readonly #source: PingMemory;
  readonly #echo: PingMemory;
  #round = 0;

  private constructor(connection: CommandConnection, size: number, source: PingMemory, echo: PingMemory) {
    this.#connection = connection;
    this.#size = size;
    this.#source = source;
    this.#echo = echo;
  }

  /** @param size bytes in a round. */
  static async over(connection: CommandConnection, size: number): Promise<RpingClient> {
    const source = await registered(connection, size, { remoteRead: true });
    return new RpingClient(connection, size, source, await registered(connection, size, { remoteWrite: true }));
  }

  /** One round. @throws RpingError when the echo is another; TransferError */
  async ping(signal: AbortSignal): Promise<void> {
    const data = rpingData(this.#round, this.#size);
    this.#round += 1;
    await this.#source.fill(data);
    await this.#echo.fill(new Uint8Array(this.#size));
    await this.#say(this.#source, signal);
    await this.#say(this.#echo, signal);
    const echo = await this.#echo.content();
    const wrong = echo.findIndex((byte, index) => byte !== data[index]);
    if (wrong >= 0) throw new RpingError(`the echo of round ${this.#round - 1} is wrong from byte ${wrong} on`);
  }

  async #say({ address, rkey }: PingMemory, signal: AbortSignal): Promise<void> {
    await this.#connection.send(encodePlace(address, rkey, this.#size));
    if ((await next(this.#connection, signal)) === undefined) throw new RpingError('the server has disconnected');
  }
}

/** What of a connection the server's half uses. */
export type RpingServerConnection = Pick<CommandConnection, 'receive' | 'read' | 'write' | 'send'>;

/** The server's half: echoes until the client disconnects. @param onRound told of each round. @throws RpingError, TransferError */
export async function serveRping(
  connection: RpingServerConnection,
  signal: AbortSignal,
  onRound: (data: Uint8Array) => void,
): Promise<void> {
  for (;;) {
    const source = await next(connection, signal);
    if (source === undefined) return;
    const data = new Uint8Array(source.length);
    await connection.read({ address: source.address, rkey: source.rkey }, data);
    await sayDone(connection);
    const echo = await next(connection, signal);
    if (echo === undefined) return;
    if (echo.length < data.length) throw new RpingError(`${data.length} bytes do not fit where the echo is wanted`);
    await connection.write({ address: echo.address, rkey: echo.rkey }, data);
    await sayDone(connection);
    onRound(data);
  }
}

/** A client that has heard it may disconnect before its acknowledgement has come, if that was lost: whoever receives next learns of the end. */
async function sayDone(connection: RpingServerConnection): Promise<void> {
  try {
    await connection.send(new Uint8Array(PLACE_BYTES));
  } catch (error) {
    if (!(error instanceof TransferError && error.code === 'FLUSHED')) throw error;
  }
}

/** The next place; undefined if the connection has ended. */
async function next(connection: Pick<CommandConnection, 'receive'>, signal: AbortSignal): Promise<Place | undefined> {
  const message: Message | undefined = await connection.receive({ signal });
  if (message === undefined) return undefined;
  const { data } = message;
  if (data.length !== PLACE_BYTES) {
    throw new RpingError(`a message of ${data.length} bytes has come; rping's have ${PLACE_BYTES}`);
  }
  const view = new DataView(data.buffer, data.byteOffset, PLACE_BYTES);
  const length = view.getUint32(12);
  if (length > RPING_BYTES_MAX) throw new RpingError(`${length} bytes were asked for; at most ${RPING_BYTES_MAX}`);
  return { address: view.getBigUint64(0), rkey: view.getUint32(8), length };
}

function encodePlace(address: number, rkey: number, length: number): Uint8Array {
  const bytes = new Uint8Array(PLACE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(address));
  view.setUint32(8, rkey);
  view.setUint32(12, length);
  return bytes;
}
