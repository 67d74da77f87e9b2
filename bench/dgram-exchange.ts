import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** The UDP payload of a CM message. */
const PACKET_BYTES = 280;
const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20;
/** What a datagram stands for: its first byte. */
const [REQ, REP, RTU, DREQ, DREP] = [1, 2, 3, 4, 5];

/** The five datagrams of a connection and its end through Node's own sockets, and nobody looks at more than the first byte of any. */
export class DgramExchange {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #messages: readonly Uint8Array[] = Array.from({ length: 6 }, (_, kind) =>
    new Uint8Array(PACKET_BYTES).fill(kind, 0, 1),
  );

  private constructor(client: Socket, server: Socket) {
    this.#client = client;
    this.#server = server;
    const clientPort = client.address().port;
    server.on('message', (bytes) => {
      if (bytes[0] === REQ) this.#send(server, REP, clientPort);
      else if (bytes[0] === DREQ) this.#send(server, DREP, clientPort);
    });
  }

  static async open(): Promise<DgramExchange> {
    return new DgramExchange(await bound(), await bound());
  }

  /** So many connections, so many at once. */
  run(count: number, depth: number): Promise<void> {
    return new Promise((resolve) => {
      const client = this.#client;
      const serverPort = this.#server.address().port;
      let begun = 0;
      let done = 0;
      const begin = (): void => {
        if (begun === count) return;
        begun += 1;
        this.#send(client, REQ, serverPort);
      };
      client.removeAllListeners('message').on('message', (bytes) => {
        if (bytes[0] === REP) {
          this.#send(client, RTU, serverPort);
          this.#send(client, DREQ, serverPort);
          return;
        }
        done += 1;
        if (done === count) resolve();
        else begin();
      });
      for (let i = 0; i < depth; i += 1) begin();
    });
  }

  close(): void {
    this.#client.close();
    this.#server.close();
  }

  #send(from: Socket, kind: number, to: number): void {
    from.send(this.#messages[kind] as Uint8Array, to, '127.0.0.1');
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  const listening = once(socket, 'listening');
  socket.bind({ address: '127.0.0.1', port: 0, exclusive: true });
  await listening;
  // Nothing is sent again here, so nothing may be lost.
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return socket;
}
