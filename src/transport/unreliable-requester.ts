import { DETH, DETH_BYTES, IMMEDIATE, IMMEDIATE_BYTES, opcodeOf, psnPlus } from '../wire/index.js';
import type { CompletionStatus } from './completion-queue.js';
import type { QueuePairContext } from './context.js';
import { packetsOf, writeMessagePacket } from './message-packets.js';
import type { OutgoingPacket } from './packet.js';
import { EXTRA, type SendEntry, type SendQueue } from './send-queue.js';

const DATAGRAM = opcodeOf('ud', 'send', 'only');
const DATAGRAM_WITH_IMMEDIATE = opcodeOf('ud', 'send', 'only', 'immediate');
/** A Q_Key of a request with this bit stands for the queue pair's own. */
const OWN_Q_KEY = 0x8000_0000;

/** Sends what nobody acknowledges (UC: IBTA 9.8.2; UD: 9.8.3). A request is done when its last packet was sent. @internal */
export class UnreliableRequester {
  readonly #context: QueuePairContext;
  readonly #queue: SendQueue;
  #psn = 0;
  /** Which packet of the request at the cursor is next. */
  #packet = 0;

  constructor(context: QueuePairContext, queue: SendQueue) {
    this.#context = context;
    this.#queue = queue;
  }

  /** The queue pair is ready to send. */
  start(): void {
    this.#psn = this.#context.sendPsn;
    this.#packet = 0;
  }

  /** What was begun is given up. */
  stop(): void {
    this.#packet = 0;
  }

  /** Whether all that was begun is done. */
  get drained(): boolean {
    return this.#packet === 0;
  }

  /** Writes the next packet. @returns false if there is none. */
  write(packet: OutgoingPacket): boolean {
    const queue = this.#queue;
    const { state, layer, domain, mtu, queuePair } = this.#context;
    if (queue.head === queue.tail || (state !== 'RTS' && (state !== 'SQD' || this.drained))) return false;
    const entry = queue.at(queue.head);
    const datagram = queuePair.transport === 'ud';
    if (this.#packet === 0) {
      const wrong = this.#wrongWith(entry, datagram, entry.resolve(layer.memory, domain));
      if (wrong !== undefined) return this.#fail(entry, wrong);
      entry.firstPsn = this.#psn;
      entry.packets = datagram ? 1 : packetsOf(entry.length, mtu);
    }
    const written = datagram
      ? this.#writeDatagram(packet, entry)
      : writeMessagePacket(packet, this.#context, entry, this.#packet, false);
    if (!written) return this.#fail(entry, 'localProtectionError');
    this.#psn = psnPlus(this.#psn, 1);
    this.#packet += 1;
    if (this.#packet === entry.packets) this.#complete(entry);
    return true;
  }

  handleTimeout(): void {
    // It waits for nobody.
  }

  #wrongWith(entry: SendEntry, datagram: boolean, resolved: boolean): CompletionStatus | undefined {
    if (!resolved) return 'localProtectionError';
    if (!datagram) return undefined;
    const { domain, layer } = this.#context;
    if (entry.handle?.domain !== domain) return 'localQueuePairOperationError';
    // A datagram is one packet (IBTA 9.8.3.1).
    return entry.length > layer.limits.maxDatagramBytes ? 'localLengthError' : undefined;
  }

  #writeDatagram(packet: OutgoingPacket, entry: SendEntry): boolean {
    const { pKey, qKey, queuePair } = this.#context;
    const immediate = entry.extra === EXTRA.IMMEDIATE;
    const opcode = immediate ? DATAGRAM_WITH_IMMEDIATE : DATAGRAM;
    packet.writeBth(opcode, pKey, entry.qpn, this.#psn, false, entry.solicited);
    const { bytes } = packet;
    const at = packet.header(DETH_BYTES);
    // Byte 4 is reserved.
    bytes[at + 4] = 0;
    DETH.qKey.put(bytes, at, entry.qKey >= OWN_Q_KEY ? qKey : entry.qKey);
    DETH.sourceQpn.put(bytes, at, queuePair.qpn);
    if (immediate) IMMEDIATE.data.put(bytes, packet.header(IMMEDIATE_BYTES), entry.extraValue);
    packet.path = entry.handle?.address;
    if (!entry.gather(0, bytes, packet.end, entry.length)) return false;
    packet.finishPayload(entry.length);
    return true;
  }

  #complete(entry: SendEntry): void {
    const context = this.#context;
    if (entry.signalled) context.completeSend(entry.id, 'success', entry.opcode, entry.length);
    this.#forget(entry);
    if (context.state === 'SQD') context.tell('sendQueueDrained');
  }

  #fail(entry: SendEntry, status: CompletionStatus): false {
    this.#context.completeSend(entry.id, status, entry.opcode, 0);
    this.#forget(entry);
    this.#context.queuePair.sendFailed();
    return false;
  }

  #forget(entry: SendEntry): void {
    const queue = this.#queue;
    entry.clear();
    queue.head += 1;
    queue.cursor = queue.head;
    queue.begun = queue.head;
    this.#packet = 0;
  }
}
