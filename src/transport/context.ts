import { type Duration, durationOfExponent, type Instant, NEVER, type TimeExponent } from '../base/index.js';
import type { PathAddress } from '../cep/index.js';
import type { QpState, QueuePair } from '../verbs/index.js';
import { mtuBytes } from '../wire/index.js';
import type { CompletionOpcode, CompletionQueue, CompletionStatus, MutableCompletion } from './completion-queue.js';
import type { TransportCounters } from './counters.js';
import type { EventQueue, QueuePairEventType, TransportEvent } from './event-queue.js';
import type { TransportLimits } from './limits.js';
import type { MemoryTable } from './memory-table.js';
import type { ProtectionDomain } from './protection-domain.js';

/** What queue pairs use of their layer. @internal */
export interface Layer {
  readonly memory: MemoryTable;
  readonly events: EventQueue;
  readonly counters: TransportCounters;
  readonly limits: TransportLimits;
  /** The latest moment that was told. */
  now: Instant;
  /** Asks for the queue pair's turn to send. Asking too often is harmless. */
  schedule(slot: number): void;
  /** Sees to it that the queue pair's `handleTimeout` is called at a moment, or before. */
  wakeAt(slot: number, deadline: Instant): void;
  /** It need not be called. */
  sleep(slot: number): void;
}

/** What the two sides of a queue pair share: its attributes in the form that packets need, its queues of completions, its layer. @internal */
export class QueuePairContext {
  readonly layer: Layer;
  readonly slot: number;
  readonly queuePair: QueuePair;
  readonly domain: ProtectionDomain;
  readonly sendCompletions: CompletionQueue;
  readonly receiveCompletions: CompletionQueue;
  state: QpState = 'RESET';
  pKey = 0;
  qKey = 0;
  accessFlags = 0;
  mtu = 0;
  destinationQpn = 0;
  receivePsn = 0;
  sendPsn = 0;
  responderResources = 0;
  initiatorDepth = 0;
  minRnrTimer = 0;
  ackTimeout: Duration = NEVER as number as Duration;
  retryCount = 0;
  rnrRetryCount = 0;
  path: PathAddress | undefined = undefined;
  alternatePath: PathAddress | undefined = undefined;
  /** A completion was lost: the queue pair is to be in ERR when the present step is over. */
  broken = false;
  readonly #events = new Map<QueuePairEventType, TransportEvent>();

  constructor(
    layer: Layer,
    slot: number,
    queuePair: QueuePair,
    domain: ProtectionDomain,
    sendCompletions: CompletionQueue,
    receiveCompletions: CompletionQueue,
  ) {
    this.layer = layer;
    this.slot = slot;
    this.queuePair = queuePair;
    this.domain = domain;
    this.sendCompletions = sendCompletions;
    this.receiveCompletions = receiveCompletions;
  }

  /** Takes over the attributes that the queue pair has now. */
  load(): void {
    const values = this.queuePair.query();
    this.state = values.state;
    this.pKey = values.pKey ?? 0;
    this.qKey = values.qKey ?? 0;
    this.accessFlags = values.accessFlags ?? 0;
    this.mtu = values.mtu === undefined ? 0 : mtuBytes(values.mtu);
    this.destinationQpn = values.destinationQpn ?? 0;
    this.receivePsn = values.receivePsn ?? 0;
    this.sendPsn = values.sendPsn ?? 0;
    this.responderResources = values.responderResources ?? 0;
    this.initiatorDepth = values.initiatorDepth ?? 0;
    this.minRnrTimer = values.minRnrTimer ?? 0;
    const { ackTimeout = 0 } = values;
    // 0 waits for ever (IBTA 9.7.6.1.3).
    this.ackTimeout = ackTimeout === 0 ? (NEVER as number as Duration) : durationOfExponent(ackTimeout as TimeExponent);
    this.retryCount = values.retryCount ?? 0;
    this.rnrRetryCount = values.rnrRetryCount ?? 0;
    this.path = values.path;
    this.alternatePath = values.alternatePath;
  }

  schedule(): void {
    this.layer.schedule(this.slot);
  }

  /** Tells the end of a send; if it does not fit, the queue pair breaks. */
  completeSend(id: number, status: CompletionStatus, opcode: CompletionOpcode, byteLength: number): void {
    const queue = this.sendCompletions;
    const completion = queue.push(id, status, opcode, this.queuePair.qpn);
    if (completion === undefined) {
      this.broken = true;
      return;
    }
    completion.byteLength = byteLength;
    queue.notify(status !== 'success');
  }

  /** Room for the end of a receive, to be filled in; undefined if it does not fit: the queue pair breaks. The caller notifies. */
  pushReceive(id: number, status: CompletionStatus, opcode: CompletionOpcode): MutableCompletion | undefined {
    const completion = this.receiveCompletions.push(id, status, opcode, this.queuePair.qpn);
    if (completion === undefined) this.broken = true;
    return completion;
  }

  failReceive(id: number, status: CompletionStatus): void {
    if (this.pushReceive(id, status, 'receive') !== undefined) this.receiveCompletions.notify(true);
  }

  tell(type: QueuePairEventType): void {
    let event = this.#events.get(type);
    if (event === undefined) {
      event = { type, queuePair: this.queuePair };
      this.#events.set(type, event);
    }
    this.layer.events.push(event);
  }

  /** Events that nobody has polled mean nothing any more. */
  forgetEvents(): void {
    for (const event of this.#events.values()) this.layer.events.remove(event);
  }
}
