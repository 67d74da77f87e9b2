import { psnDistance, psnPlus } from '../wire/index.js';
import type { QueuePairContext } from './context.js';
import type { TransportDropReason } from './counters.js';
import { InboundMessage, OUTCOME, type ReceiveSource } from './inbound-message.js';
import type { IncomingPacket } from './packet.js';
import { BEGINS, TRAITS } from './packet-codes.js';

const REASONS: Readonly<Record<number, TransportDropReason>> = {
  [OUTCOME.NOT_READY]: 'noReceive',
  [OUTCOME.INVALID]: 'brokenMessage',
  [OUTCOME.ACCESS]: 'access',
  [OUTCOME.TOO_LONG]: 'tooLong',
};

/**
 * The responder of an unreliable connection (IBTA 9.8.2): a message of which a packet was lost, or that cannot be taken, is dropped to its end, and the
 * next one begins anew. Its receive is there for that one. @internal
 */
export class UcResponder {
  readonly #context: QueuePairContext;
  readonly #receives: ReceiveSource;
  readonly #message: InboundMessage;
  #expected = 0;

  constructor(context: QueuePairContext, receives: ReceiveSource) {
    this.#context = context;
    this.#receives = receives;
    this.#message = new InboundMessage(context, receives);
  }

  /** The queue pair is ready to receive. */
  start(): void {
    this.#expected = this.#context.receivePsn;
  }

  resize(): void {
    // It has no responder resources.
  }

  /** In ERR: completes the receive that is taken. */
  flush(): void {
    const receive = this.#message.surrender();
    if (receive === undefined) return;
    this.#context.failReceive(receive.id, 'flushed');
    this.#receives.release(receive);
  }

  /** Forgets everything, and tells nothing. */
  reset(): void {
    const receive = this.#message.surrender();
    if (receive !== undefined) this.#receives.release(receive);
  }

  handle(packet: IncomingPacket): void {
    const { drops } = this.#context.layer.counters;
    const distance = psnDistance(this.#expected, packet.psn);
    if (distance < 0) {
      // It was late, or is there twice: what has come since stands (IBTA 9.8.2.2.1).
      drops.duplicate += 1;
      return;
    }
    const begins = ((TRAITS[packet.opcode] as number) & BEGINS) !== 0;
    // A gap, or a message that begins before the last has ended: that one is lost.
    if (distance > 0 || begins) this.#message.abandon();
    this.#expected = psnPlus(packet.psn, 1);
    const outcome = this.#message.handle(packet);
    if (outcome === OUTCOME.MORE || outcome === OUTCOME.DONE) return;
    if (outcome === OUTCOME.PROTECTION) {
      this.#breakReceive();
      return;
    }
    this.#message.abandon();
    drops[REASONS[outcome] as TransportDropReason] += 1;
  }

  write(): boolean {
    return false;
  }

  /** The consumer's receive is at fault: the queue pair cannot go on. */
  #breakReceive(): void {
    const context = this.#context;
    const receive = this.#message.surrender();
    if (receive !== undefined) {
      context.failReceive(receive.id, 'localProtectionError');
      this.#receives.release(receive);
    }
    context.queuePair.broken();
  }
}
