import { parseGid } from 'ibcm/base';
import { type SentDatagram, type SocketOptions, UdpPort } from 'ibcm/io';

/** The UDP payload of a CM message. */
const PACKET_BYTES = 280;
/** What a datagram stands for: its first byte. */
const [REQ, REP, RTU, DREQ, DREP] = [1, 2, 3, 4, 5];

/** The five datagrams of a connection and its end through ports, and nobody looks at more than the first byte of any: what sockets cost by themselves. */
export class PortExchange {
  readonly #client: UdpPort;
  readonly #server: UdpPort;
  readonly #fromClient: readonly SentDatagram[];
  readonly #fromServer: readonly SentDatagram[];
  #isDue = false;

  private constructor(client: UdpPort, server: UdpPort) {
    this.#client = client;
    this.#server = server;
    this.#fromClient = messages(client, server);
    this.#fromServer = messages(server, client);
    server.onDatagram = ({ bytes, at }) => {
      if (bytes[at] === REQ) this.#send(server, this.#fromServer, REP);
      else if (bytes[at] === DREQ) this.#send(server, this.#fromServer, DREP);
    };
  }

  static async open(client: string, server: string, options: SocketOptions): Promise<PortExchange> {
    const open = (address: string): Promise<UdpPort> =>
      UdpPort.open({ gid: parseGid(address), onWarning: () => undefined, ...options });
    return new PortExchange(await open(client), await open(server));
  }

  /** So many connections, so many at once. */
  run(count: number, depth: number): Promise<void> {
    return new Promise((resolve) => {
      let begun = 0;
      let done = 0;
      const begin = (): void => {
        if (begun === count) return;
        begun += 1;
        this.#send(this.#client, this.#fromClient, REQ);
      };
      this.#client.onDatagram = ({ bytes, at }) => {
        if (bytes[at] === REP) {
          this.#send(this.#client, this.#fromClient, RTU);
          this.#send(this.#client, this.#fromClient, DREQ);
          return;
        }
        done += 1;
        if (done === count) resolve();
        else begin();
      };
      for (let i = 0; i < depth; i += 1) begin();
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#server.close()]);
  }

  #send(from: UdpPort, all: readonly SentDatagram[], kind: number): void {
    from.send(all[kind] as SentDatagram);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isDue = false;
    this.#client.flush();
    this.#server.flush();
  };
}

function messages(from: UdpPort, to: UdpPort): readonly SentDatagram[] {
  return Array.from({ length: 6 }, (_, kind) => ({
    bytes: new Uint8Array(PACKET_BYTES).fill(kind, 0, 1),
    at: 0,
    length: PACKET_BYTES,
    path: { port: 1, localGid: from.gid, remoteGid: to.gid, trafficClass: 0, sourcePort: 0 },
    sourcePort: 4_791,
  }));
}
