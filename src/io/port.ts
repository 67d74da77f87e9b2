import type { PathAddress } from '../cep/index.js';

/** A datagram from the network. The object, its bytes and its address are the port's, and valid during the call: whoever keeps any of them copies it. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array;
  /** Where it begins in `bytes`. */
  readonly at: number;
  readonly length: number;
  readonly remoteGid: Uint8Array;
  readonly sourcePort: number;
}

/**
 * A datagram to the network. The object is valid during the call. The bytes stay as they are until {@link RocePort.flush} returns; until then they are
 * the port's, which may change its last four, the ICRC.
 */
export interface SentDatagram {
  readonly bytes: Uint8Array;
  /** Where it begins in `bytes`. */
  readonly at: number;
  readonly length: number;
  readonly path: PathAddress;
  readonly sourcePort: number;
}

/** A RoCEv2 port: UDP port 4791 of one address. Ports can be wrapped by others that watch or disturb what passes ({@link PortWrapper}). */
export interface RocePort {
  readonly gid: Uint8Array;
  /** Who takes what arrives. Set once, before anything can arrive. */
  onDatagram: (datagram: ReceivedDatagram) => void;
  /** Sends, or loses, a datagram; at the latest when the next {@link flush} comes. Does not throw because of the network. */
  send(datagram: SentDatagram): void;
  /** Lets go of what was given to {@link send}: nothing more comes for now. */
  flush(): void;
  /** Makes a UDP source port ready, so that its first datagram need not wait. Ports that cannot fail at it leave it out. @throws IoError */
  prepare?(sourcePort: number): Promise<void>;
  close(): Promise<void>;
}

/** A port that passes everything on to and from another. What watches or disturbs extends it, and replaces {@link send} and {@link receive}. */
export class PortWrapper implements RocePort {
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  protected readonly port: RocePort;

  constructor(port: RocePort) {
    this.port = port;
    port.onDatagram = (datagram) => this.receive(datagram);
  }

  get gid(): Uint8Array {
    return this.port.gid;
  }

  send(datagram: SentDatagram): void {
    this.port.send(datagram);
  }

  flush(): void {
    this.port.flush();
  }

  async prepare(sourcePort: number): Promise<void> {
    await this.port.prepare?.(sourcePort);
  }

  close(): Promise<void> {
    return this.port.close();
  }

  /** The wrapped port has a datagram. */
  protected receive(datagram: ReceivedDatagram): void {
    this.onDatagram(datagram);
  }
}

/** The bytes of a datagram, in place. */
export const bytesOf = ({ bytes, at, length }: Pick<SentDatagram, 'bytes' | 'at' | 'length'>): Uint8Array =>
  bytes.subarray(at, at + length);
