import { parseGid } from 'ibcm/base';
import { type ReceivedDatagram, type SentDatagram, UdpPort } from 'ibcm/io';
import { Icrc, IDENTIFICATION_UNKNOWN, type RocePath } from 'ibcm/wire';
import { platformCrc } from './platform-crc.js';

/** What datagrams are like. */
export interface RawOptions {
  readonly length: number;
  /** How many are under way at once. */
  readonly depth: number;
  readonly segmentation: boolean;
  /** Whether each is sealed with its ICRC, and that is looked at: what RoCE asks of whoever sends and receives. */
  readonly icrcs?: boolean;
}

/** Bytes none of which is special: a CRC goes over zeros faster. */
export function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

/** One side's port, and what it sends: as many datagrams as are under way, each in its place. */
class RawSide {
  readonly port: UdpPort;
  readonly #peer: UdpPort;
  readonly #sent: SentDatagram[];
  readonly #icrc: Icrc | undefined;
  readonly #path: RocePath;
  readonly #pathBack: { -readonly [Name in keyof RocePath]: RocePath[Name] };
  #next = 0;

  constructor(port: UdpPort, peer: UdpPort, { length, depth, icrcs }: RawOptions) {
    this.port = port;
    this.#peer = peer;
    this.#icrc = icrcs === true ? new Icrc(platformCrc) : undefined;
    const path = { port: 1, localGid: port.gid, remoteGid: peer.gid, trafficClass: 0, sourcePort: 0 };
    const sourcePort = 4_791;
    const room = filled(depth * length);
    this.#sent = Array.from({ length: depth }, (_, i) => ({ bytes: room, at: i * length, length, path, sourcePort }));
    const [source, destination] = [port.gid, peer.gid];
    this.#path = { source, sourceOffset: 0, destination, destinationOffset: 0, sourcePort };
    this.#pathBack = { ...this.#path, source: destination, destination: source };
  }

  send(): void {
    const datagram = this.#sent[this.#next] as SentDatagram;
    this.#next = (this.#next + 1) % this.#sent.length;
    const { bytes, at, length } = datagram;
    this.#icrc?.seal(this.#path, 0, bytes, at, at + length);
    this.port.send(datagram);
  }

  onDatagram(take: () => void): void {
    const icrc = this.#icrc;
    this.port.onDatagram = ({ bytes, at, length, sourcePort }: ReceivedDatagram) => {
      this.#pathBack.sourcePort = sourcePort;
      if (icrc?.verify(this.#pathBack, IDENTIFICATION_UNKNOWN, bytes, at, at + length) === false)
        throw new Error(`a datagram from ${this.#peer.gid} has a wrong ICRC`);
      take();
    };
  }
}

/** Two ports that send each other bytes. What is sent while datagrams are taken in goes out together. */
export class RawLoopback {
  readonly #client: RawSide;
  readonly #server: RawSide;
  readonly #depth: number;
  #flushes = false;

  private constructor(client: UdpPort, server: UdpPort, options: RawOptions) {
    this.#client = new RawSide(client, server, options);
    this.#server = new RawSide(server, client, options);
    this.#depth = options.depth;
  }

  static async open(client: string, server: string, options: RawOptions): Promise<RawLoopback> {
    const { segmentation } = options;
    const open = (address: string): Promise<UdpPort> =>
      UdpPort.open({ gid: parseGid(address), segmentation, onWarning: () => undefined });
    return new RawLoopback(await open(client), await open(server), options);
  }

  /** One way. */
  stream(count: number): Promise<void> {
    return new Promise((resolve) => {
      let sent = 0;
      let received = 0;
      const send = (): void => {
        if (sent === count) return;
        sent += 1;
        this.#send(this.#client);
      };
      this.#server.onDatagram(() => {
        received += 1;
        if (received === count) resolve();
        else send();
      });
      for (let i = 0; i < Math.min(count, this.#depth); i += 1) send();
    });
  }

  /** There and back, one at a time. */
  pingPong(count: number): Promise<void> {
    return new Promise((resolve) => {
      let left = count;
      this.#server.onDatagram(() => this.#send(this.#server));
      this.#client.onDatagram(() => {
        left -= 1;
        if (left === 0) resolve();
        else this.#send(this.#client);
      });
      this.#send(this.#client);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.port.close(), this.#server.port.close()]);
  }

  #send(side: RawSide): void {
    side.send();
    if (this.#flushes) return;
    this.#flushes = true;
    setImmediate(() => {
      this.#flushes = false;
      this.#client.port.flush();
      this.#server.port.flush();
    });
  }
}
