import type { ReceivedDatagram, SentDatagram } from './port.js';

/** A UDP socket of a RoCEv2 port: bound to its address and one UDP port. */
export interface DatagramSocket {
  /** How it sends and receives. */
  readonly kind: SocketKind;
  /** As `RocePort.send`. What the system refuses is told to the {@link SocketUser}. */
  send(datagram: SentDatagram): void;
  flush(): void;
  close(): Promise<void>;
}

/**
 * - `batched`: many datagrams a system call, on Linux through koffi.
 * - `dgram`: Node's own sockets, everywhere.
 */
export type SocketKind = 'batched' | 'dgram';

export interface SocketUser {
  /** The address to bind, as a GID. */
  readonly gid: Uint8Array;
  /** The UDP port to bind. */
  readonly port: number;
  /** Whether what arrives is wanted. */
  readonly receives: boolean;
  readonly onDatagram: (datagram: ReceivedDatagram) => void;
  /** The system did not send a datagram: the name of its error. */
  readonly onLost: (code: string) => void;
}

/** Room for storms: what arrives while the event loop is busy must wait somewhere. The system may give less. */
export const SOCKET_BUFFER_BYTES = 4 * 2 ** 20;
/** Where nothing is received that matters. */
export const NO_BUFFER_BYTES = 2_048;
