import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { formatAddress, isIpv4Gid, parseGid } from '../base/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { type DatagramSocket, SOCKET_BUFFER_BYTES, type SocketUser } from './datagram-socket.js';
import { systemCode } from './error.js';
import type { NativeSockets } from './native-socket.js';
import type { SentDatagram } from './port.js';

/** Senders whose addresses are remembered in binary. Beyond it the memory starts afresh. */
const SENDERS_MAX = 4_096;

/** Node's UDP socket. Where the C library can be called, that opens it; see {@link NativeSockets}. */
export class DgramSocket implements DatagramSocket {
  readonly kind = 'dgram';
  readonly #socket: Socket;
  readonly #user: SocketUser;
  readonly #native: NativeSockets | undefined;
  /** The system's number of the socket; −1 if Node opened it itself. */
  readonly #descriptor: number;
  readonly #addresses = new WeakMap<Uint8Array, string>();
  readonly #senders = new Map<string, Uint8Array>();
  /** What was set last. */
  #trafficClass = 0;

  private constructor(socket: Socket, descriptor: number, native: NativeSockets | undefined, user: SocketUser) {
    this.#socket = socket;
    this.#descriptor = descriptor;
    this.#native = native;
    this.#user = user;
    socket.on('error', (error) => this.#lost(error));
    if (user.receives) socket.on('message', (bytes, from) => this.#receive(bytes, from));
  }

  /** @throws the system's error */
  static async open(user: SocketUser, native: NativeSockets | undefined): Promise<DgramSocket> {
    const { gid, port } = user;
    const family = isIpv4Gid(gid) ? 4 : 6;
    const socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // Addresses are numbers already: sending must not wait for a look-up.
      lookup: (host, _options, callback) => callback(null, host, family),
    });
    let descriptor = -1;
    try {
      // The look-up answers at once, and so may the socket.
      const listening = once(socket, 'listening');
      if (native) {
        descriptor = native.open(gid, port);
        adopt(socket, descriptor, native);
      } else {
        socket.bind({ address: formatAddress(gid), port, exclusive: true });
      }
      await listening;
      enlargeBuffers(socket);
    } catch (error) {
      socket.close();
      throw error;
    }
    return new DgramSocket(socket, descriptor, native, user);
  }

  /** Node keeps the bytes until the system has them: it gets a copy. */
  send({ bytes, at, length, path: { remoteGid, trafficClass } }: SentDatagram): void {
    try {
      if (trafficClass !== this.#trafficClass) {
        if (this.#descriptor >= 0) this.#native?.setTrafficClass(this.#descriptor, this.#user.gid, trafficClass);
        this.#trafficClass = trafficClass;
      }
      this.#socket.send(bytes.slice(at, at + length), ROCE_UDP_PORT, this.#addressText(remoteGid), this.#whenSent);
    } catch (error) {
      this.#lost(error);
    }
  }

  flush(): void {
    // Everything was sent at once.
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  readonly #whenSent = (error: Error | null): void => {
    if (error) this.#lost(error);
  };

  #addressText(gid: Uint8Array): string {
    let address = this.#addresses.get(gid);
    if (address === undefined) {
      address = formatAddress(gid);
      this.#addresses.set(gid, address);
    }
    return address;
  }

  #receive(bytes: Uint8Array, { address, port }: RemoteInfo): void {
    this.#user.onDatagram({
      bytes,
      at: 0,
      length: bytes.length,
      remoteGid: this.#senderGid(address),
      sourcePort: port,
    });
  }

  #senderGid(address: string): Uint8Array {
    const known = this.#senders.get(address);
    if (known !== undefined) return known;
    if (this.#senders.size >= SENDERS_MAX) this.#senders.clear();
    // A link-local sender's zone says which interface; the GID does not have it.
    const gid = parseGid(address.replace(/%.*$/, ''));
    this.#senders.set(address, gid);
    return gid;
  }

  #lost(error: unknown): void {
    this.#user.onLost(systemCode(error) ?? 'UNKNOWN');
  }
}

/** From here on the socket closes the descriptor. */
function adopt(socket: Socket, descriptor: number, native: NativeSockets): void {
  try {
    socket.bind({ fd: descriptor, exclusive: true });
  } catch (error) {
    native.close(descriptor);
    throw error;
  }
}

function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
  } catch {
    // Linux gives what it may; BSDs refuse what is too much. Then the buffers stay as they are.
  }
}
