import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataPeer } from './data-peer.js';
import { Log, WAIT_SECONDS } from './waiting.js';

/**
 * What perftest's programs tell each other over TCP, beside the connection that their `-R` makes by rdma_cm. The client says each thing first, the server answers with its
 * own of the same length: the version, two numbers, the MTU, then several times where memory is, and in the end the results. Here everything but the place of memory is said back.
 */

/** LID, depth, queue pair and PSN; key; address; and the rest, in hexadecimal digits. */
const PLACE = /^([0-9a-f]{4}:[0-9a-f]{4}:[0-9a-f]{6}:[0-9a-f]{6}):([0-9a-f]{8}):([0-9a-f]{16})(:.*)$/s;
/** With nothing in it: LID, depth, queue pair, PSN, key, address, 16 bytes of a GID, and a shared receive queue's number. */
const FORM = `0000:0010:000000:000000:00000000:${'0'.repeat(16)}:${'00:'.repeat(16)}00000000:\0`;
/** What its programs of Debian 12 say. */
const VERSION = '6.06';
const VERSION_BYTES = 16;
const RESULTS = 5;
const RESULT_BYTES = 8;
/** Until the peer's program listens. */
const AGAIN_MS = 200;

/** Where the other side's memory is, as rdma-data-peer would say it: see {@link DataPeer.learn}. */
function placeIn(text: string): Uint8Array | undefined {
  const said = PLACE.exec(text);
  if (said === null) return undefined;
  const [, , key, address] = said as unknown as [string, string, string, string];
  const place = Buffer.alloc(16);
  place.writeBigUInt64BE(BigInt(`0x${address}`));
  place.writeUInt32BE(Number.parseInt(key, 16), 8);
  return place;
}

/** Our own place, in the form that the other side's has. */
function ourPlace(text: string, { memory }: DataPeer): string {
  const key = memory.rkey.toString(16).padStart(8, '0');
  return text.replace(PLACE, `$1:${key}:${memory.address.toString(16).padStart(16, '0')}$4`);
}

/** Our part of a perftest server. @param arriving the connection that the client makes, when it has said its MTU. */
export async function servePerftest(address: string, port: number, arriving: Promise<DataPeer>): Promise<Server> {
  const server = createServer((socket) => {
    // It waits for an answer to each, so that each comes by itself.
    socket
      .on('error', () => undefined)
      .on('data', (bytes: Buffer) => {
        const text = bytes.toString('latin1');
        const place = placeIn(text);
        if (place === undefined) {
          socket.write(bytes);
          return;
        }
        void arriving.then((peer) => {
          peer.learn(place);
          socket.write(ourPlace(text, peer), 'latin1');
        });
      });
  });
  server.listen(port, address);
  await once(server, 'listening');
  return server;
}

/** Our part of a perftest client. */
export class PerftestClient {
  readonly #socket: Socket;
  readonly #answers = new Log<Buffer>('perftest', (bytes) => `${bytes.length} bytes`);
  #asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#answers.add(bytes)).on('close', () => this.#answers.close());
  }

  /** Waits until the program listens, and says all that comes before the connection. @param mtu IBTA's code. */
  static async open(
    { address, port, from }: { readonly address: string; readonly port: number; readonly from: string },
    mtu: number,
  ): Promise<PerftestClient> {
    const end = performance.now() + WAIT_SECONDS * 1_000;
    for (;;) {
      const socket = connect({ host: address, port, localAddress: from });
      try {
        await once(socket, 'connect');
        const client = new PerftestClient(socket);
        await client.say(Buffer.from(VERSION.padEnd(VERSION_BYTES, '\0')));
        // Bytes of a page and of a cache line.
        await client.say(Buffer.from('00001000', 'hex'));
        await client.say(Buffer.from('00000040', 'hex'));
        await client.say(Buffer.from(`${mtu}\0`));
        return client;
      } catch (error) {
        if (performance.now() > end) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }

  /** Says something. @returns the answer. */
  async say(bytes: Uint8Array): Promise<Buffer> {
    this.#asked += 1;
    this.#socket.write(bytes);
    return this.#answers.find(`answer ${this.#asked}`, () => true, WAIT_SECONDS, this.#asked);
  }

  /** Says where our memory is, and hears where the program's is. */
  async tellPlace(peer: DataPeer): Promise<void> {
    const answer = (await this.say(Buffer.from(ourPlace(FORM, peer), 'latin1'))).toString('latin1');
    const place = placeIn(answer);
    if (place === undefined) throw new Error(`perftest said ${answer}, and not where its memory is`);
    peer.learn(place);
  }

  /** Says what came of it: five numbers, which nobody minds here. */
  async tellResults(): Promise<void> {
    for (let left = RESULTS; left > 0; left -= 1) await this.say(new Uint8Array(RESULT_BYTES));
  }

  close(): void {
    this.#socket.end();
  }
}
