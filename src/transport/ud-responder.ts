import { GID_BYTES, isIpv4Gid } from '../base/index.js';
import { DETH, IMMEDIATE, IMMEDIATE_BYTES } from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import { copyBytes } from './copy-bytes.js';
import type { ReceiveSource } from './inbound-message.js';
import type { IncomingPacket } from './packet.js';
import { HAS_IMMEDIATE, TRAITS } from './packet-codes.js';
import type { ReceiveEntry } from './receive-queue.js';

/** What stands before a datagram in its receive: the network header that it came with (IBTA 11.4.1.2, A17.4.5). */
export const NETWORK_HEADER_BYTES = 40;
/** An IPv4 header stands at the end of that, and what is before it means nothing. */
const IPV4_OFFSET = 20;
const UDP_PROTOCOL = 17;
/** What a sender would have used; the driver does not know what came. */
const HOP_LIMIT = 64;

/** Datagrams as they come in (IBTA 9.8.3): each takes a receive, or is dropped. @internal */
export class UdResponder {
  readonly #context: QueuePairContext;
  readonly #receives: ReceiveSource;
  readonly #networkHeader = new Uint8Array(NETWORK_HEADER_BYTES);
  /** A receive that was too short for the last datagram. */
  #kept: ReceiveEntry | undefined = undefined;

  constructor(context: QueuePairContext, receives: ReceiveSource) {
    this.#context = context;
    this.#receives = receives;
  }

  start(): void {
    // Nothing goes before a datagram.
  }

  resize(): void {
    // It has no responder resources.
  }

  /** In ERR: completes the receive that is taken. */
  flush(): void {
    if (this.#kept !== undefined) this.#context.failReceive(this.#kept.id, 'flushed');
    this.reset();
  }

  /** Forgets everything, and tells nothing. */
  reset(): void {
    if (this.#kept !== undefined) this.#receives.release(this.#kept);
    this.#kept = undefined;
  }

  handle(packet: IncomingPacket): void {
    const context = this.#context;
    const { layer, domain, qKey } = context;
    const { drops } = layer.counters;
    const { bytes, headers, payload, payloadLength } = packet;
    if (DETH.qKey.get(bytes, headers) !== qKey) {
      drops.qKey += 1;
      return;
    }
    const receive = this.#kept ?? this.#receives.take();
    this.#kept = receive;
    if (receive === undefined) {
      drops.noReceive += 1;
      return;
    }
    const { list } = receive;
    if (!list.resolve(layer.memory, domain, true)) {
      this.#break(receive);
      return;
    }
    if (list.length < NETWORK_HEADER_BYTES + payloadLength) {
      drops.tooLong += 1;
      return;
    }
    this.#writeNetworkHeader(packet);
    const scattered =
      list.scatter(0, this.#networkHeader, 0, NETWORK_HEADER_BYTES) &&
      list.scatter(NETWORK_HEADER_BYTES, bytes, payload, payloadLength);
    if (!scattered) {
      this.#break(receive);
      return;
    }
    const completion = context.pushReceive(receive.id, 'success', 'receive');
    this.reset();
    if (completion === undefined) return;
    completion.byteLength = NETWORK_HEADER_BYTES + payloadLength;
    completion.sourceQpn = DETH.sourceQpn.get(bytes, headers);
    if (((TRAITS[packet.opcode] as number) & HAS_IMMEDIATE) !== 0) {
      completion.immediate = IMMEDIATE.data.get(bytes, payload - IMMEDIATE_BYTES);
    }
    context.receiveCompletions.notify(packet.solicited);
  }

  write(): boolean {
    return false;
  }

  #break(receive: ReceiveEntry): void {
    this.#context.failReceive(receive.id, 'localProtectionError');
    this.reset();
    this.#context.queuePair.broken();
  }

  /** The header as the addresses tell it: what only the network knew is left out. */
  #writeNetworkHeader({ localGid, remoteGid, payload, payloadLength, headers }: IncomingPacket): void {
    const header = this.#networkHeader.fill(0);
    // UDP and BTH before the extended headers, padding and ICRC behind.
    const udpLength = 8 + 12 + (payload - headers) + payloadLength + (-payloadLength & 3) + 4;
    if (isIpv4Gid(remoteGid)) {
      header[IPV4_OFFSET] = 0x45;
      put16(header, IPV4_OFFSET + 2, udpLength + 20);
      header[IPV4_OFFSET + 6] = 0x40;
      header[IPV4_OFFSET + 8] = HOP_LIMIT;
      header[IPV4_OFFSET + 9] = UDP_PROTOCOL;
      copyBytes(remoteGid, 12, header, IPV4_OFFSET + 12, 4);
      copyBytes(localGid, 12, header, IPV4_OFFSET + 16, 4);
      put16(header, IPV4_OFFSET + 10, checksum(header, IPV4_OFFSET, 20));
      return;
    }
    header[0] = 0x60;
    put16(header, 4, udpLength);
    header[6] = UDP_PROTOCOL;
    header[7] = HOP_LIMIT;
    copyBytes(remoteGid, 0, header, 8, GID_BYTES);
    copyBytes(localGid, 0, header, 24, GID_BYTES);
  }
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The Internet checksum: by it, readers tell which of the two headers stands there. */
function checksum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += ((bytes[at + i] as number) << 8) | (bytes[at + i + 1] as number);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
