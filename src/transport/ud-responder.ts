import { isIpv4Gid } from '../base/index.js';
import { DETH, IMMEDIATE, IMMEDIATE_BYTES, IPV4_HEADER_BYTES, writeNetworkHeader } from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import type { ReceiveSource } from './inbound-message.js';
import type { IncomingPacket } from './packet.js';
import { HAS_IMMEDIATE, TRAITS } from './packet-codes.js';
import type { ReceiveEntry } from './receive-queue.js';

/** What stands before a datagram in its receive: the network header that it came with (IBTA 11.4.1.2, A17.4.5). */
export const NETWORK_HEADER_BYTES = 40;
/** An IPv4 header stands at the end of that, and what is before it means nothing. */
const IPV4_OFFSET = NETWORK_HEADER_BYTES - IPV4_HEADER_BYTES;

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
    writeNetworkHeader(header, isIpv4Gid(remoteGid) ? IPV4_OFFSET : 0, remoteGid, localGid, udpLength);
  }
}
