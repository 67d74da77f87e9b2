import { copyOf, GID_BYTES, isIpv4Gid } from '../../base/index.js';
import { type Crc32, crc32Update, crc32UpdateWords, crc32Words, multiply, rewindFactor, wordsOf } from './crc32.js';
import { BTH_BYTES, ICRC_BYTES, ROCE_UDP_PORT } from './headers.js';
import {
  BURST_IDENTIFICATIONS,
  IDENTIFICATION_TO_TRANSPORT_BYTES,
  IdentificationDifferences,
  IPV4_IDENTIFICATION,
  UDP_HEADER_BYTES,
} from './identification-differences.js';
import { IPV4_HEADER_BYTES, IPV6_HEADER_BYTES } from './network-header.js';

/**
 * The invariant CRC of RoCEv2 (IBTA 7.8.1 and A17.3.3; measured on Linux's packets): CRC-32 over eight bytes of ones,
 * the IP and UDP headers and the BTH with everything that may change on the way set to ones, and the rest up to the
 * ICRC, which stands little-endian at the packet's end.
 *
 * IPv4's identification is not masked, but a UDP socket does not show it to the receiver. The CRC is linear in those
 * 16 bits: two packets that differ only there have ICRCs whose difference, taken back to the identification's place,
 * has no other bit set. So the identification can be had from the difference, and only one in 65,536 corrupt packets passes
 * (instead of one in 4 billion).
 */
export interface RocePath {
  /** The GID that the packet's IP source address stands for, and where it begins in `source`. */
  readonly source: Uint8Array;
  readonly sourceOffset: number;
  readonly destination: Uint8Array;
  readonly destinationOffset: number;
  /** UDP source port. */
  readonly sourcePort: number;
}

const LINK_HEADER_BYTES = 8;
const IPV4_DONT_FRAGMENT = 0x40;
/** Where the IPv4 address begins in a GID that stands for one. */
const IPV4_IN_GID = 12;
const UDP_PROTOCOL = 17;
const UDP_LENGTH_MAX = 0xffff;
/** The BTH's fifth byte holds the congestion bits and is masked. */
const BTH_MASKED = 4;

/** The masked headers before the BTH: eight ones, IP, UDP. Everything but lengths, ports and addresses is constant. */
function maskedHeaders(ipBytes: number): Uint8Array {
  const headers = new Uint8Array(LINK_HEADER_BYTES + ipBytes + UDP_HEADER_BYTES).fill(0xff);
  const ip = headers.subarray(LINK_HEADER_BYTES);
  if (ipBytes === IPV4_HEADER_BYTES) {
    ip[0] = 0x45;
    ip[6] = IPV4_DONT_FRAGMENT;
    ip[7] = 0;
    ip[9] = UDP_PROTOCOL;
  } else {
    ip[0] = 0x6f;
    ip[6] = UDP_PROTOCOL;
  }
  const udp = ip.subarray(ipBytes);
  udp[2] = ROCE_UDP_PORT >> 8;
  udp[3] = ROCE_UDP_PORT & 0xff;
  return headers;
}

const put16 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >> 8;
  bytes[offset + 1] = value & 0xff;
};

const put32 = (bytes: Uint8Array, offset: number, value: number): void => {
  put16(bytes, offset, value >>> 16);
  put16(bytes, offset + 2, value & 0xffff);
};

const putUdp = (headers: Uint8Array, at: number, sourcePort: number, length: number): void => {
  put16(headers, at, sourcePort);
  put16(headers, at + 4, length);
};

const wordAt = (bytes: Uint8Array, at: number): number => {
  const octet = (i: number): number => bytes[at + i] as number;
  return (octet(0) << 24) | (octet(1) << 16) | (octet(2) << 8) | octet(3);
};

/** The ICRC as it stands in a packet that ends at `end`. */
export function storedIcrc(bytes: Uint8Array, end: number): number {
  const at = end - ICRC_BYTES;
  const octet = (i: number): number => bytes[at + i] as number;
  return octet(0) | (octet(1) << 8) | (octet(2) << 16) | (octet(3) << 24);
}

/** Writes an ICRC into the last four bytes before `end`. */
export function storeIcrc(bytes: Uint8Array, end: number, icrc: number): void {
  for (let i = 0, rest = icrc; i < ICRC_BYTES; i += 1, rest >>>= 8) bytes[end - ICRC_BYTES + i] = rest & 0xff;
}

/** The register after the BTH and the payload of the packet whose headers gave `register`. */
function crcOfTransport(register: number, bytes: Uint8Array, bth: number, end: number): number {
  let crc = crc32Update(register, bytes, bth, bth + BTH_MASKED);
  crc = crc32Update(crc, ONES, 0, 1);
  return crc32Update(crc, bytes, bth + BTH_MASKED + 1, end - ICRC_BYTES);
}
const ONES = Uint8Array.of(0xff);

/** The register after the first two words of the BTH, one of whose bytes is masked. */
function crcOfBeginning(register: number, words: Int32Array, bth: number): number {
  return crc32Words(register ^ (words[bth] as number), (words[bth + 1] as number) | 0xff);
}
const BEGINNING_BYTES = 8;
/** From here on the platform's own CRC pays for being called. */
const LONG_BYTES = 768;

/** More than the bytes after the identification in the longest packet of the greatest MTU: of longer ones, whoever sends them, nothing is remembered. */
const REWINDS = 4_352;

/** The identification is not known to the receiver. */
export const IDENTIFICATION_UNKNOWN = -1;

/** The registers after the headers of the IPv4 packets seen last, by identification: packets of one length between the same two ends mostly follow each other. */
class KnownHeaders {
  readonly #registers = new Int32Array(BURST_IDENTIFICATIONS);
  readonly #isKnown = new Uint8Array(BURST_IDENTIFICATIONS);
  #source = 0;
  #destination = 0;
  #sourcePort = 0;
  #length = 0;

  /** The packets that it is about; those of others are forgotten. */
  choose(source: number, destination: number, sourcePort: number, length: number): void {
    const sameEnds = source === this.#source && destination === this.#destination && sourcePort === this.#sourcePort;
    if (sameEnds && length === this.#length) return;
    this.#source = source;
    this.#destination = destination;
    this.#sourcePort = sourcePort;
    this.#length = length;
    this.#isKnown.fill(0);
  }

  has(identification: number): boolean {
    return this.#isKnown[identification] === 1;
  }

  get(identification: number): number {
    return this.#registers[identification] as number;
  }

  set(identification: number, register: number): void {
    // Beyond the end, nothing is stored.
    this.#registers[identification] = register;
    this.#isKnown[identification] = 1;
  }
}

/** Computes and checks ICRCs. Holds scratch space: one for each user, nothing is allocated for packets of the CM. */
export class Icrc {
  readonly #ipv4 = maskedHeaders(IPV4_HEADER_BYTES);
  readonly #known = new KnownHeaders();
  readonly #ipv6 = maskedHeaders(IPV6_HEADER_BYTES);
  /** Factors by the length that they stand for, once they were asked for; 0 is none. A connection's packets have few lengths, which alternate. */
  readonly #rewinds = new Int32Array(REWINDS);
  /** The bytes that were looked at last, where they are in their memory, and that by words; undefined if it cannot be read so. To ask a view for these takes longer than a short packet's CRC. */
  #bytes: Uint8Array | undefined;
  #byteOffset = 0;
  #words: Int32Array | undefined;
  readonly #differences = new IdentificationDifferences();
  readonly #crc32: Crc32 | undefined;
  /** After a successful {@link verify}: the packet's IPv4 identification, known or recovered; 0 over IPv6. */
  identification = 0;

  /** @param crc32 the platform's own, for long packets, if it has one that is fast. */
  constructor(crc32?: Crc32) {
    this.#crc32 = crc32;
  }

  /**
   * The ICRC of the RoCEv2 packet (UDP payload) from `start`, its BTH, to `end`, the end of its ICRC.
   * @param identification IPv4's identification, 0 to 65,535; "don't fragment" is taken to be set. Ignored over IPv6.
   */
  compute(path: RocePath, identification: number, bytes: Uint8Array, start: number, end: number): number {
    const register = this.#headers(path, identification, end - start + UDP_HEADER_BYTES);
    if (bytes !== this.#bytes) this.#lookAt(bytes);
    const at = this.#byteOffset + start;
    const words = this.#words;
    if (words === undefined || ((at | (end - start)) & 3) !== 0) return ~crcOfTransport(register, bytes, start, end);
    const beginning = crcOfBeginning(register, words, at >> 2);
    const from = at + BEGINNING_BYTES;
    const to = at + end - start - ICRC_BYTES;
    const crc32 = this.#crc32;
    if (crc32 === undefined || to - from < LONG_BYTES) return ~crc32UpdateWords(beginning, words, from >> 2, to >> 2);
    return crc32(bytes.subarray(start + BEGINNING_BYTES, end - ICRC_BYTES), ~beginning >>> 0) | 0;
  }

  #lookAt(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#byteOffset = bytes.byteOffset;
    this.#words = wordsOf(bytes.buffer);
  }

  /** Computes and stores the ICRC. */
  seal(path: RocePath, identification: number, bytes: Uint8Array, start: number, end: number): void {
    storeIcrc(bytes, end, this.compute(path, identification, bytes, start, end));
  }

  /**
   * Whether the packet's ICRC is right. The caller has checked that it has at least a BTH and an ICRC.
   * @param identification as in {@link compute}, or {@link IDENTIFICATION_UNKNOWN}.
   */
  verify(path: RocePath, identification: number, bytes: Uint8Array, start: number, end: number): boolean {
    const known = identification === IDENTIFICATION_UNKNOWN ? 0 : identification;
    const difference = this.compute(path, known, bytes, start, end) ^ storedIcrc(bytes, end);
    const next = this.identification + 1;
    this.identification = known;
    if (difference === 0) return true;
    const recoverable = identification === IDENTIFICATION_UNKNOWN && isIpv4Gid(path.source, path.sourceOffset);
    if (!recoverable) return false;
    // Those of a segmented message are numbered one after the other.
    if (
      next < BURST_IDENTIFICATIONS &&
      end - start < REWINDS &&
      difference === this.#differences.of(end - start, next)
    ) {
      this.identification = next;
      return true;
    }
    const coveredAfter = IDENTIFICATION_TO_TRANSPORT_BYTES + (end - start - ICRC_BYTES);
    const origin = multiply(this.#rewindOf(coveredAfter), difference);
    this.identification = ((origin & 0xff) << 8) | ((origin >>> 8) & 0xff);
    return origin >>> 16 === 0;
  }

  #rewindOf(length: number): number {
    const known = this.#rewinds[length] ?? 0;
    if (known !== 0) return known;
    const factor = rewindFactor(length);
    // Beyond the end, nothing is stored.
    this.#rewinds[length] = factor;
    return factor;
  }

  /** The register after the headers before the BTH. */
  #headers(path: RocePath, identification: number, udpLength: number): number {
    const length = Math.min(udpLength, UDP_LENGTH_MAX);
    const { source, sourceOffset, destination, destinationOffset, sourcePort } = path;
    if (!isIpv4Gid(source, sourceOffset)) return this.#headersOfIpv6(path, length);
    const known = this.#known;
    const from = wordAt(source, sourceOffset + IPV4_IN_GID);
    const to = wordAt(destination, destinationOffset + IPV4_IN_GID);
    known.choose(from, to, sourcePort, length);
    if (known.has(identification)) return known.get(identification);
    const headers = this.#ipv4;
    const ip = LINK_HEADER_BYTES;
    put16(headers, ip + 2, length + IPV4_HEADER_BYTES);
    put16(headers, ip + IPV4_IDENTIFICATION, identification);
    put32(headers, ip + 12, from);
    put32(headers, ip + 16, to);
    putUdp(headers, ip + IPV4_HEADER_BYTES, sourcePort, length);
    const register = crc32Update(-1, headers, 0, headers.length);
    known.set(identification, register);
    return register;
  }

  #headersOfIpv6(path: RocePath, length: number): number {
    const { source, sourceOffset, destination, destinationOffset, sourcePort } = path;
    const headers = this.#ipv6;
    const ip = LINK_HEADER_BYTES;
    put16(headers, ip + 4, length);
    for (let i = 0; i < GID_BYTES; i += 1) {
      headers[ip + 8 + i] = source[sourceOffset + i] as number;
      headers[ip + 8 + GID_BYTES + i] = destination[destinationOffset + i] as number;
    }
    putUdp(headers, ip + IPV6_HEADER_BYTES, sourcePort, length);
    return crc32Update(-1, headers, 0, headers.length);
  }
}

/** A packet in a frame, with the network headers that a capture shows. Offsets count from the frame's start. */
export interface FramedPacket {
  readonly transport: 'rocev2' | 'rocev1' | 'infiniband';
  /** The IP header (with options), the GRH, or the LRH (and GRH). */
  readonly headerOffset: number;
  readonly headerLength: number;
  readonly bthOffset: number;
  /** Just past the ICRC. */
  readonly end: number;
}

const LRH_BYTES = 8;
const GRH_BYTES = 40;

/**
 * The ICRC of a captured packet, over the headers as they were captured.
 * The caller has checked that the frame holds the packet up to `end`.
 */
export function icrcOfFrame(frame: Uint8Array, packet: FramedPacket): number {
  const { transport, headerOffset, headerLength, bthOffset, end } = packet;
  const headers = copyOf(frame, headerOffset, bthOffset);
  let register = -1;
  if (transport !== 'infiniband') {
    register = crc32Update(register, new Uint8Array(LINK_HEADER_BYTES).fill(0xff), 0, LINK_HEADER_BYTES);
  }
  maskNetworkHeader(headers, transport, headerLength);
  return ~crcOfTransport(crc32Update(register, headers, 0, headers.length), frame, bthOffset, end);
}

/** Whether a captured packet's ICRC is right. */
export function verifyFrameIcrc(frame: Uint8Array, packet: FramedPacket): boolean {
  if (packet.end - packet.bthOffset < BTH_BYTES + ICRC_BYTES) return false;
  return icrcOfFrame(frame, packet) === storedIcrc(frame, packet.end);
}

function maskNetworkHeader(headers: Uint8Array, transport: FramedPacket['transport'], headerLength: number): void {
  const ones = (...offsets: number[]): void => {
    for (const offset of offsets) headers[offset] = 0xff;
  };
  // IPv6 and the GRH have one format: traffic class and flow label after the version, hop limit at byte 7.
  const maskIpv6 = (at: number): void => {
    headers[at] = (headers[at] ?? 0) | 0x0f;
    ones(at + 1, at + 2, at + 3, at + 7);
  };
  if (transport === 'infiniband') {
    // The virtual lane changes from hop to hop (IBTA 7.8.1).
    headers[0] = (headers[0] ?? 0) | 0xf0;
    if (headerLength >= LRH_BYTES + GRH_BYTES) maskIpv6(LRH_BYTES);
    return;
  }
  if ((headers[0] ?? 0) >> 4 === 4) ones(1, 8, 10, 11);
  else maskIpv6(0);
  if (transport === 'rocev2') ones(headerLength + 6, headerLength + 7);
}
