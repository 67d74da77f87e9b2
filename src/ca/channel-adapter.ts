import {
  type CaGuid,
  DEFAULT_P_KEY,
  type Gid,
  GSI_QPN,
  gidAt,
  type Instant,
  type Random,
  randomBits,
} from '../base/index.js';
import { type CepLimits, CepManager, type PathAddress } from '../cep/index.js';
import type { TransportLayer } from '../transport/index.js';
import {
  BTH,
  BTH_BYTES,
  type Crc32,
  DETH,
  DETH_BYTES,
  GSI_Q_KEY,
  ICRC_BYTES,
  Icrc,
  IDENTIFICATION_UNKNOWN,
  MAD_BYTES,
  OPCODE_UD_SEND_ONLY,
  ROCE_UDP_PORT,
  type RocePath,
} from '../wire/index.js';

/** The UDP payload of a CM message: BTH, DETH, MAD, ICRC. */
export const CM_PACKET_BYTES = BTH_BYTES + DETH_BYTES + MAD_BYTES + ICRC_BYTES;
const MAD_OFFSET = BTH_BYTES + DETH_BYTES;
/** Without the membership bit: full and limited members of the default partition may use QP1 (IBTA 10.9.8). */
const DEFAULT_PARTITION = DEFAULT_P_KEY & 0x7fff;
const PSN_MASK = 0xff_ffff;

/** Why the adapter dropped a datagram. A network adapter does so silently; here it is counted. */
export const PACKET_DROP_REASONS = {
  length: 'too short, or not the length of a CM packet',
  headerVersion: 'transport header version is not 0',
  noQueuePair: 'no such queue pair, or one that moves no data',
  opcode: 'to QP1, but not a UD send',
  pKey: 'to QP1, but not of the default partition',
  qKey: 'to QP1, but with a wrong Q_Key',
  icrc: 'wrong ICRC',
} as const;
export type PacketDropReason = keyof typeof PACKET_DROP_REASONS;

/** A datagram that came in, besides its bytes. */
export interface DatagramSource {
  /** The port it came in on, from 1. */
  readonly port: number;
  readonly remoteGid: Uint8Array;
  /** UDP source port. */
  readonly sourcePort: number;
  /** IPv4's identification, if the driver knows it. */
  readonly identification?: number;
}

/** A datagram to be sent: its bytes are in the caller's buffer. Valid until the next poll; the object is used again. */
export interface OutgoingDatagram {
  /** Both ends: the port to send it from and the address to send it to. */
  readonly path: PathAddress;
  /** UDP source port. */
  readonly sourcePort: number;
  readonly length: number;
}

export interface PortOptions {
  /** The port's one address. */
  readonly gid: Uint8Array;
}

export interface ChannelAdapterOptions {
  /** See `CepManagerOptions`. */
  readonly caGuid: CaGuid;
  readonly random: Random;
  readonly ports: readonly PortOptions[];
  readonly limits?: Partial<CepLimits>;
  /**
   * `verify` (default): a packet with a wrong ICRC is dropped, as hardware does. `ignore`: it is accepted; for peers whose
   * platform does not let them know IPv4's identification.
   */
  readonly icrc?: 'verify' | 'ignore';
  /** See `Icrc`. */
  readonly crc32?: Crc32;
  /** Moves the data of queue pairs, over this adapter's ports. Without it, only QP1 is there. */
  readonly transport?: TransportLayer;
}

/** BTH and DETH of every message of the CM, but for the PSN. */
const HEADERS = messageHeaders();

function messageHeaders(): Uint8Array {
  const headers = new Uint8Array(MAD_OFFSET);
  BTH.opcode.put(headers, 0, OPCODE_UD_SEND_ONLY);
  BTH.pKey.put(headers, 0, DEFAULT_P_KEY);
  BTH.destinationQpn.put(headers, 0, GSI_QPN);
  DETH.qKey.put(headers, BTH_BYTES, GSI_Q_KEY);
  DETH.sourceQpn.put(headers, BTH_BYTES, GSI_QPN);
  return headers;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
const NO_GID = new Uint8Array(0);
const NOWHERE: RocePath = { source: NO_GID, sourceOffset: 0, destination: NO_GID, destinationOffset: 0, sourcePort: 0 };

interface Port {
  readonly gid: Gid;
  psn: number;
}

/**
 * A channel adapter without a network: ports, a CEP manager and, if it is given one, a transport layer behind one sans-IO interface in datagrams
 * (UDP payloads of RoCEv2). The transport layer's events and completions are its consumers' to poll.
 *
 * After every input ({@link handleDatagram}, {@link handleTimeout}, or calls of the manager's owners) the driver
 * 1. lets the consumers poll their events,
 * 2. polls {@link pollTransmit} until it is undefined, and sends each datagram,
 * 3. asks {@link nextTimeout} and calls {@link handleTimeout} then.
 */
export class ChannelAdapter {
  readonly caGuid: CaGuid;
  /** The connection manager that answers on QP1 of all ports. */
  readonly cep: CepManager;
  /** Datagrams dropped, by reason. */
  readonly drops: Record<PacketDropReason, number> = {
    length: 0,
    headerVersion: 0,
    noQueuePair: 0,
    opcode: 0,
    pKey: 0,
    qKey: 0,
    icrc: 0,
  };
  /** Moves the data of queue pairs; undefined if only QP1 is there. */
  readonly transport: TransportLayer | undefined;
  readonly #ports: readonly Port[];
  /** Each looks at memory of its own. */
  readonly #icrc: Icrc;
  readonly #sealing = new Icrc();
  readonly #verify: boolean;
  /** Scratch: both ends of the packet whose ICRC is checked, and where a packet comes from. */
  readonly #ends: Mutable<RocePath> = { ...NOWHERE };
  readonly #from: Mutable<PathAddress> = {
    port: 1,
    localGid: NO_GID,
    remoteGid: NO_GID,
    trafficClass: 0,
    sourcePort: 0,
  };
  /** Messages of the CM and packets of queue pairs take turns. */
  #dataFirst = false;
  readonly #outgoing: Mutable<OutgoingDatagram>;

  constructor({ caGuid, random, ports, limits, icrc, crc32, transport }: ChannelAdapterOptions) {
    this.#icrc = new Icrc(crc32);
    this.caGuid = caGuid;
    this.cep = new CepManager({ caGuid, random, gids: ports.map(({ gid }) => gid), ...(limits && { limits }) });
    this.#ports = ports.map(({ gid }) => ({ gid: gidAt(gid), psn: randomBits(random, 24) }));
    this.#outgoing = { path: this.#from, sourcePort: 0, length: 0 };
    this.#verify = icrc !== 'ignore';
    this.transport = transport;
  }

  /** The addresses of all ports, in their order. */
  get gids(): readonly Gid[] {
    return this.#ports.map(({ gid }) => gid);
  }

  /** The address of a port, counted from 1. */
  gid(port: number): Gid {
    return this.#port(port).gid;
  }

  /** A datagram arrived at UDP port 4791 of one of the ports. The bytes may be used again afterwards. */
  handleDatagram(bytes: Uint8Array, at: number, length: number, source: DatagramSource, now: Instant): void {
    const localGid = this.#port(source.port).gid;
    const reason = this.#check(bytes, at, length, source, localGid);
    if (reason !== undefined) {
      this.drops[reason] += 1;
      return;
    }
    const qpn = BTH.destinationQpn.get(bytes, at);
    const from = this.#from;
    from.port = source.port;
    from.localGid = localGid;
    from.remoteGid = source.remoteGid;
    if (qpn === GSI_QPN) this.cep.handleMad(bytes, at + MAD_OFFSET, length - MAD_OFFSET - ICRC_BYTES, from, now);
    else this.transport?.handlePacket(qpn, bytes, at, length, from, now);
  }

  handleTimeout(now: Instant): void {
    this.cep.handleTimeout(now);
    this.transport?.handleTimeout(now);
  }

  nextTimeout(): Instant {
    const next = this.cep.nextTimeout();
    return this.transport === undefined ? next : (Math.min(next, this.transport.nextTimeout()) as Instant);
  }

  /**
   * Writes the next datagram into `into` at `at`, where {@link CM_PACKET_BYTES} must fit, with a transport layer `PACKET_BYTES_MAX`; undefined if there is none.
   * Over IPv4 its ICRC is right if it is sent with identification 0 and "don't fragment".
   */
  pollTransmit(into: Uint8Array, at: number): OutgoingDatagram | undefined {
    const { transport } = this;
    if (transport === undefined) return this.#pollMessage(into, at);
    this.#dataFirst = !this.#dataFirst;
    return this.#dataFirst
      ? (transport.pollTransmit(into, at) ?? this.#pollMessage(into, at))
      : (this.#pollMessage(into, at) ?? transport.pollTransmit(into, at));
  }

  #pollMessage(into: Uint8Array, at: number): OutgoingDatagram | undefined {
    const transmit = this.cep.pollTransmit();
    if (transmit === undefined) return undefined;
    const { path } = transmit;
    const sourcePort = path.sourcePort === 0 ? ROCE_UDP_PORT : path.sourcePort;
    const end = at + CM_PACKET_BYTES;
    this.#writeHeaders(into, at, this.#port(path.port));
    into.set(transmit.mad, at + MAD_OFFSET);
    const ends = this.#ends;
    ends.source = path.localGid;
    ends.destination = path.remoteGid;
    ends.sourcePort = sourcePort;
    this.#sealing.seal(ends, 0, into, at, end);
    const outgoing = this.#outgoing;
    outgoing.path = path;
    outgoing.sourcePort = sourcePort;
    outgoing.length = CM_PACKET_BYTES;
    return outgoing;
  }

  #writeHeaders(into: Uint8Array, at: number, port: Port): void {
    into.set(HEADERS, at);
    BTH.psn.put(into, at, port.psn);
    port.psn = (port.psn + 1) & PSN_MASK;
  }

  /** The checks of a receiving adapter (IBTA 9.6), cheapest first. Source port, source QP and PSN are free. */
  #check(
    bytes: Uint8Array,
    at: number,
    length: number,
    source: DatagramSource,
    localGid: Gid,
  ): PacketDropReason | undefined {
    if (length < BTH_BYTES + ICRC_BYTES || at + length > bytes.length) return 'length';
    if (BTH.headerVersion.get(bytes, at) !== 0) return 'headerVersion';
    const qpn = BTH.destinationQpn.get(bytes, at);
    const wrong = qpn === GSI_QPN ? this.#checkMessage(bytes, at, length) : this.#checkNumber(qpn);
    if (wrong !== undefined) return wrong;
    if (this.#verify && !this.#hasRightIcrc(bytes, at, length, source, localGid)) return 'icrc';
    return undefined;
  }

  #checkNumber(qpn: number): PacketDropReason | undefined {
    return this.transport?.has(qpn) === true ? undefined : 'noQueuePair';
  }

  /** Of a packet to QP1. */
  #checkMessage(bytes: Uint8Array, at: number, length: number): PacketDropReason | undefined {
    if (BTH.opcode.get(bytes, at) !== OPCODE_UD_SEND_ONLY) return 'opcode';
    if (length !== CM_PACKET_BYTES || BTH.padCount.get(bytes, at) !== 0) return 'length';
    if ((BTH.pKey.get(bytes, at) & 0x7fff) !== DEFAULT_PARTITION) return 'pKey';
    if (DETH.qKey.get(bytes, at + BTH_BYTES) !== GSI_Q_KEY) return 'qKey';
    return undefined;
  }

  #hasRightIcrc(bytes: Uint8Array, at: number, length: number, source: DatagramSource, localGid: Gid): boolean {
    const { remoteGid, sourcePort, identification = IDENTIFICATION_UNKNOWN } = source;
    const ends = this.#ends;
    ends.source = remoteGid;
    ends.destination = localGid;
    ends.sourcePort = sourcePort;
    return this.#icrc.verify(ends, identification, bytes, at, at + length);
  }

  #port(port: number): Port {
    const found = this.#ports[port - 1];
    if (found === undefined) throw new RangeError(`the adapter has ports 1 to ${this.#ports.length}, not ${port}`);
    return found;
  }
}
