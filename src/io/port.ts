import type { PathAddress } from '../cep/index.js';

/** A datagram from the network. The bytes are the receiver's to keep. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array;
  readonly remoteGid: Uint8Array;
  readonly sourcePort: number;
}

/** A datagram to the network. The bytes are the port's from now on. */
export interface SentDatagram {
  readonly bytes: Uint8Array;
  readonly path: PathAddress;
  readonly sourcePort: number;
}

/** A RoCEv2 port: UDP port 4791 of one address. Ports can be wrapped by others that watch or disturb what passes. */
export interface RocePort {
  readonly gid: Uint8Array;
  /** Who takes what arrives. Set once, before anything can arrive. */
  onDatagram: (datagram: ReceivedDatagram) => void;
  /** Sends, or loses, a datagram. Does not throw because of the network. */
  send(datagram: SentDatagram): void;
  /** Makes a UDP source port ready, so that its first datagram need not wait. Ports that cannot fail at it leave it out. @throws IoError */
  prepare?(sourcePort: number): Promise<void>;
  close(): Promise<void>;
}
