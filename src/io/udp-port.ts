import { isIpv4Gid } from '../base/index.js';
import { ROCE_UDP_PORT } from '../wire/index.js';
import { BatchedSocket } from './batched-socket.js';
import { explainBind } from './bind-error.js';
import type { DatagramSocket, SocketKind, SocketUser } from './datagram-socket.js';
import { DgramSocket } from './dgram-socket.js';
import { IoError, systemCode } from './error.js';
import { loadNativeSockets, type NativeSockets } from './native-socket.js';
import type { ReceivedDatagram, RocePort, SentDatagram } from './port.js';

export interface UdpPortOptions extends SocketOptions {
  /** The address to bind, as a GID. */
  readonly gid: Uint8Array;
  /** Told once, in words for people, what this machine does not let us do right. */
  readonly onWarning: (warning: string) => void;
}

export interface SocketOptions {
  /**
   * `batched` sends and receives many datagrams with one system call: Linux on x64 and arm64, with koffi. `dgram` is Node's own sockets, everywhere.
   * Default: `batched` where it can be had.
   */
  readonly sockets?: SocketKind;
  /**
   * Whether batched sockets let the system cut one message into datagrams for one peer, and put them together again (UDP_SEGMENT, UDP_GRO). Where that is
   * refused, they do without. Default: true.
   */
  readonly segmentation?: boolean;
  /**
   * Looks for datagrams in every turn of the event loop instead of waiting until the system says that there are some: the lowest latency, for a processor's whole time. For a
   * process or a thread that does nothing else; batched sockets only. Default: false.
   */
  readonly busyPoll?: boolean;
}

/** Sockets for UDP source ports other than 4791. Beyond it, further source ports are refused. */
export const SOURCE_PORTS_MAX = 64;

/** A RoCEv2 port over UDP sockets of the system. */
export class UdpPort implements RocePort {
  readonly gid: Uint8Array;
  onDatagram: (datagram: ReceivedDatagram) => void = () => undefined;
  /** Datagrams that the system refused to send, by its error code: lost, as on the wire. */
  readonly sendErrors = new Map<string, number>();
  readonly #openSocket: SocketOpener;
  /** By UDP source port. */
  readonly #sockets = new Map<number, DatagramSocket>();
  /** Source ports whose sockets are being opened. */
  readonly #opening = new Map<number, Promise<DatagramSocket>>();
  #closed = false;

  private constructor(gid: Uint8Array, openSocket: SocketOpener) {
    this.gid = gid;
    this.#openSocket = openSocket;
  }

  /** Binds UDP port 4791 of the address. @throws {@link IoError} `PORT_IN_USE`, `ADDRESS_NOT_LOCAL`, `SOCKET` */
  static async open({ gid, onWarning, ...options }: UdpPortOptions): Promise<UdpPort> {
    const native = loadNativeSockets();
    if (typeof native === 'string' && isIpv4Gid(gid)) {
      onWarning(
        `IPv4 identification cannot be fixed here (${native}), so the ICRC of what we send over IPv4 is wrong: only peers that ignore it will answer`,
      );
    }
    const port = new UdpPort(gid, openerOf(options, native));
    await port.#bind(ROCE_UDP_PORT);
    return port;
  }

  /** How the port sends and receives. */
  get sockets(): SocketKind {
    return this.#main.kind;
  }

  /** Whether the system cuts messages into datagrams: it can be asked, was not told not to, and has not refused so far. */
  get segmentation(): boolean {
    const main = this.#main;
    return main instanceof BatchedSocket && main.segmentation;
  }

  send(datagram: SentDatagram): void {
    const socket = this.#sockets.get(datagram.sourcePort);
    if (socket === undefined) this.#sendLater(datagram);
    else socket.send(datagram);
  }

  flush(): void {
    for (const socket of this.#sockets.values()) socket.flush();
  }

  /** @throws {@link IoError} `PORT_IN_USE`, `SOCKET` */
  async prepare(sourcePort: number): Promise<void> {
    if (!this.#sockets.has(sourcePort)) await this.#openSource(sourcePort);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const opening = [...this.#opening.values()].map((each) => each.catch(() => undefined));
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    await Promise.all([...sockets.map((socket) => socket.close()), ...opening]);
  }

  /** The first packets from a source port that nobody prepared wait for its socket. */
  #sendLater(datagram: SentDatagram): void {
    if (this.#closed) return;
    const { at, length } = datagram;
    const copy = { ...datagram, bytes: datagram.bytes.slice(at, at + length), at: 0 };
    this.#openSource(datagram.sourcePort).then(
      (socket) => {
        if (this.#closed) return;
        socket.send(copy);
        socket.flush();
      },
      (error: unknown) => this.#countLost(systemCode(error) ?? 'UNKNOWN'),
    );
  }

  /** Opens a source port's socket, once however many ask for it meanwhile. */
  #openSource(sourcePort: number): Promise<DatagramSocket> {
    const known = this.#opening.get(sourcePort);
    if (known) return known;
    const opening = this.#bindSource(sourcePort).finally(() => this.#opening.delete(sourcePort));
    this.#opening.set(sourcePort, opening);
    return opening;
  }

  async #bindSource(sourcePort: number): Promise<DatagramSocket> {
    if (this.#sockets.size + this.#opening.size >= SOURCE_PORTS_MAX) {
      throw new IoError(
        'SOCKET',
        `an adapter uses at most ${SOURCE_PORTS_MAX} UDP source ports; ${sourcePort} would be one more`,
        { sourcePort, maximum: SOURCE_PORTS_MAX },
      );
    }
    return this.#bind(sourcePort);
  }

  async #bind(port: number): Promise<DatagramSocket> {
    const { gid } = this;
    const receives = port === ROCE_UDP_PORT;
    const onDatagram = (datagram: ReceivedDatagram): void => this.onDatagram(datagram);
    const user: SocketUser = { gid, port, receives, onDatagram, onLost: (code) => this.#countLost(code) };
    const socket = await this.#openSocket(user).catch((error: unknown) => {
      throw explainBind(error, gid, port);
    });
    if (this.#closed) await socket.close();
    else this.#sockets.set(port, socket);
    return socket;
  }

  get #main(): DatagramSocket {
    const main = this.#sockets.get(ROCE_UDP_PORT);
    if (main === undefined) throw new IoError('SOCKET', 'the port is closed', {});
    return main;
  }

  #countLost(code: string): void {
    this.sendErrors.set(code, (this.sendErrors.get(code) ?? 0) + 1);
  }
}

/** What sockets can do on this machine; of what they cannot, why. */
export interface SocketSupport {
  /** Why IPv4's identification cannot be fixed, so that the ICRC is wrong; undefined if it can. */
  readonly noIdentification: string | undefined;
  /** Why there are no batched sockets; undefined if there are. */
  readonly notBatched: string | undefined;
  /** Whether the system knows how to cut messages and put them together again. */
  readonly segmentation: boolean;
}

export function socketSupport(): SocketSupport {
  const native = loadNativeSockets();
  if (typeof native === 'string') return { noIdentification: native, notBatched: native, segmentation: false };
  return { noIdentification: undefined, notBatched: native.notBatched, segmentation: native.canSegment() };
}

type SocketOpener = (user: SocketUser) => Promise<DatagramSocket>;

/** @throws {@link IoError} `SOCKET` if what only batched sockets can is asked for where there are none. */
function openerOf(
  { sockets, segmentation = true, busyPoll = false }: SocketOptions,
  native: NativeSockets | string,
): SocketOpener {
  const why = typeof native === 'string' ? native : native.notBatched;
  if (sockets === 'batched' && why !== undefined) {
    throw new IoError('SOCKET', `this machine has no batched sockets: ${why}`, { sockets });
  }
  if (busyPoll && (sockets === 'dgram' || why !== undefined)) {
    throw new IoError('SOCKET', `only batched sockets can be polled all the time: ${why ?? "Node's were asked for"}`, {
      sockets,
    });
  }
  if (typeof native === 'string') return (user) => DgramSocket.open(user, undefined);
  if (sockets === 'dgram' || why !== undefined) return (user) => DgramSocket.open(user, native);
  return async (user) => new BatchedSocket(user, native, { segmentation, busyPoll });
}
