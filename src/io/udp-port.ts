import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { formatAddress, isIpv4Gid, parseGid } from '../base/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { IoError, systemCode } from './error.js';
import { loadNativeSockets, type NativeSockets } from './native-socket.js';
import type { ReceivedDatagram, RocePort, SentDatagram } from './port.js';

export interface UdpPortOptions {
  /** The address to bind, as a GID. */
  readonly gid: Uint8Array;
  /** Told once, in words for people, what this machine does not let us do right. */
  readonly onWarning: (warning: string) => void;
}

/** Room for storms: what arrives while the event loop is busy must wait somewhere. The system may give less. */
const SOCKET_BUFFER_BYTES = 4 * 2 ** 20;
/** Sockets for UDP source ports other than 4791. Beyond it, further source ports are refused. */
export const SOURCE_PORTS_MAX = 64;
/** Senders whose addresses are remembered in binary. Beyond it the memory starts afresh. */
const SENDERS_MAX = 4_096;

/** A RoCEv2 port over Node's UDP sockets. */
export class UdpPort implements RocePort {
  readonly gid: Uint8Array;
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  /** Datagrams that the system refused to send, by its error code: lost, as on the wire. */
  readonly sendErrors = new Map<string, number>();
  readonly #native: NativeSockets | undefined;
  /** By UDP source port. */
  readonly #sockets = new Map<number, BoundSocket>();
  /** Source ports whose sockets are being opened. */
  readonly #opening = new Map<number, Promise<BoundSocket>>();
  readonly #addresses = new WeakMap<Uint8Array, string>();
  readonly #senders = new Map<string, Uint8Array>();
  #closed = false;

  private constructor(gid: Uint8Array, bound: BoundSocket, native: NativeSockets | undefined) {
    this.gid = gid;
    this.#native = native;
    bound.socket.on('message', (bytes, from) => this.#receive(bytes, from));
    this.#add(ROCE_UDP_PORT, bound);
  }

  /** Binds UDP port 4791 of the address. @throws {@link IoError} `PORT_IN_USE`, `ADDRESS_NOT_LOCAL`, `SOCKET` */
  static async open({ gid, onWarning }: UdpPortOptions): Promise<UdpPort> {
    const loaded = loadNativeSockets();
    const native = typeof loaded === 'string' ? undefined : loaded;
    if (typeof loaded === 'string' && isIpv4Gid(gid)) {
      onWarning(
        `IPv4 identification cannot be fixed here (${loaded}), so the ICRC of what we send over IPv4 is wrong: only peers that ignore it will answer`,
      );
    }
    return new UdpPort(gid, await bind(gid, ROCE_UDP_PORT, native), native);
  }

  send({ bytes, path, sourcePort }: SentDatagram): void {
    if (this.#closed) return;
    const bound = this.#sockets.get(sourcePort);
    if (bound !== undefined) {
      this.#sendFrom(bound, bytes, path.remoteGid, path.trafficClass);
      return;
    }
    // The first packets from a source port that nobody prepared wait for its socket.
    this.#openSource(sourcePort).then(
      (opened) => this.#sendFrom(opened, bytes, path.remoteGid, path.trafficClass),
      (error: unknown) => this.#countError(error),
    );
  }

  /** @throws {@link IoError} `PORT_IN_USE`, `SOCKET` */
  async prepare(sourcePort: number): Promise<void> {
    if (!this.#sockets.has(sourcePort)) await this.#openSource(sourcePort);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opening = [...this.#opening.values()].map((each) => each.catch(() => undefined));
    await Promise.all([...[...this.#sockets.values()].map(({ socket }) => closeSocket(socket)), ...opening]);
  }

  #sendFrom(bound: BoundSocket, bytes: Uint8Array, remoteGid: Uint8Array, trafficClass: number): void {
    if (this.#closed) return;
    try {
      if (trafficClass !== bound.trafficClass) {
        if (bound.descriptor >= 0) this.#native?.setTrafficClass(bound.descriptor, this.gid, trafficClass);
        bound.trafficClass = trafficClass;
      }
      bound.socket.send(bytes, ROCE_UDP_PORT, this.#addressText(remoteGid), (error) => {
        if (error) this.#countError(error);
      });
    } catch (error) {
      this.#countError(error);
    }
  }

  #addressText(gid: Uint8Array): string {
    let address = this.#addresses.get(gid);
    if (address === undefined) {
      address = formatAddress(gid);
      this.#addresses.set(gid, address);
    }
    return address;
  }

  /** Opens a source port's socket, once however many ask for it meanwhile. */
  #openSource(sourcePort: number): Promise<BoundSocket> {
    const known = this.#opening.get(sourcePort);
    if (known) return known;
    const opening = this.#bindSource(sourcePort).finally(() => this.#opening.delete(sourcePort));
    this.#opening.set(sourcePort, opening);
    return opening;
  }

  async #bindSource(sourcePort: number): Promise<BoundSocket> {
    if (this.#sockets.size + this.#opening.size >= SOURCE_PORTS_MAX) {
      throw new IoError(
        'SOCKET',
        `an adapter uses at most ${SOURCE_PORTS_MAX} UDP source ports; ${sourcePort} would be one more`,
        { sourcePort, maximum: SOURCE_PORTS_MAX },
      );
    }
    const bound = await bind(this.gid, sourcePort, this.#native);
    if (!this.#closed) return this.#add(sourcePort, bound);
    await closeSocket(bound.socket);
    return bound;
  }

  #add(sourcePort: number, bound: BoundSocket): BoundSocket {
    bound.socket.on('error', (error) => this.#countError(error));
    this.#sockets.set(sourcePort, bound);
    return bound;
  }

  #receive(bytes: Uint8Array, from: RemoteInfo): void {
    this.onDatagram({ bytes, remoteGid: this.#senderGid(from.address), sourcePort: from.port });
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

  #countError(error: unknown): void {
    const code = systemCode(error) ?? 'UNKNOWN';
    this.sendErrors.set(code, (this.sendErrors.get(code) ?? 0) + 1);
  }
}

interface BoundSocket {
  readonly socket: Socket;
  /** The system's number of the socket; −1 if Node opened it itself. */
  readonly descriptor: number;
  /** What was set last. */
  trafficClass: number;
}

const closeSocket = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(() => resolve()));

async function bind(gid: Uint8Array, port: number, native: NativeSockets | undefined): Promise<BoundSocket> {
  const family = isIpv4Gid(gid) ? 4 : 6;
  const address = formatAddress(gid);
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
      socket.bind({ address, port, exclusive: true });
    }
    await listening;
    enlargeBuffers(socket);
  } catch (error) {
    socket.close();
    throw explainBind(error, address, port);
  }
  return { socket, descriptor, trafficClass: 0 };
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

function explainBind(error: unknown, address: string, port: number): IoError {
  const details = { address, port };
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new IoError('PORT_IN_USE', `UDP port ${port} of ${address} is in use: ${whoOwns(port)}`, details, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new IoError(
        'ADDRESS_NOT_LOCAL',
        `this machine does not have the address ${address}: "ip address" shows those it has`,
        details,
        { cause: error },
      );
    default:
      return new IoError(
        'SOCKET',
        `cannot bind UDP port ${port} of ${address}: ${error instanceof Error ? error.message : String(error)}`,
        details,
        {
          cause: error,
        },
      );
  }
}

/** How to find out who has a UDP port. */
function whoOwns(port: number): string {
  const look = `find its owner with "ss -ulpn sport = :${port}"`;
  if (port !== ROCE_UDP_PORT) return look;
  const devices = softRoceDevices();
  return devices.length > 0
    ? `the kernel's soft-RoCE probably owns it (${devices.join(', ')}): see "rdma link", remove it with "rdma link delete ${devices[0]}"`
    : `${look}; if no process is shown, it is the kernel's soft-RoCE: see "rdma link"`;
}

/** RDMA devices of the kernel's own soft-RoCE driver, as Linux lists them. */
function softRoceDevices(): string[] {
  try {
    return readdirSync('/sys/class/infiniband').filter((device) => device.startsWith('rxe'));
  } catch {
    // No such folder: the kernel has no RDMA devices at all.
    return [];
  }
}
