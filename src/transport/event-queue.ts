import type { QueuePair } from '../verbs/index.js';
import type { CompletionQueue } from './completion-queue.js';
import type { SharedReceiveQueue } from './shared-receive-queue.js';

/** What a queue pair's own events are (IBTA 11.6.3). */
export const QUEUE_PAIR_EVENTS = {
  communicationEstablished:
    'the first packet has come in RTR: the peer is ready to send, whatever became of its message that says so',
  sendQueueDrained: 'in SQD, all that was begun is done',
  lastWorkRequestReached: 'in ERR, it takes nothing more from its shared receive queue',
  queuePairRequestError: 'the peer has sent what makes no sense; the queue pair is in ERR',
  queuePairAccessError: 'the peer has asked for memory that it may not have; the queue pair is in ERR',
  queuePairFatal: 'a completion could not be told; the queue pair is in ERR',
} as const;
export type QueuePairEventType = keyof typeof QUEUE_PAIR_EVENTS;

/** What has happened without anybody's request being completed, or that there are completions. */
export type TransportEvent =
  /** A completion queue that was armed has a completion. It is not armed any more. */
  | { readonly type: 'completion'; readonly completionQueue: CompletionQueue }
  /** A completion did not fit into its queue, which takes no more. */
  | { readonly type: 'completionQueueOverflow'; readonly completionQueue: CompletionQueue }
  /** Fewer requests are left than the limit that was set. There is no limit any more. */
  | { readonly type: 'sharedReceiveQueueLimit'; readonly sharedReceiveQueue: SharedReceiveQueue }
  | { readonly type: QueuePairEventType; readonly queuePair: QueuePair };

/** Events that nobody has polled, oldest first. An object that makes events makes each once, and it is here at most once: so they are bounded. */
export class EventQueue {
  readonly #events = new Set<TransportEvent>();

  get size(): number {
    return this.#events.size;
  }

  push(event: TransportEvent): void {
    this.#events.add(event);
  }

  poll(): TransportEvent | undefined {
    for (const event of this.#events) {
      this.#events.delete(event);
      return event;
    }
    return undefined;
  }

  /** An event that means nothing any more. */
  remove(event: TransportEvent): void {
    this.#events.delete(event);
  }
}
