import type { CompletionQueue, MemoryRegion, ProtectionDomain, WorkQueues } from '../../transport/index.js';
import type { QueuePair } from '../../verbs/index.js';
import type { Flow, FlowEnd } from './flow.js';
import type { Receives } from './receives.js';

/** States of a queue pair in which its memory may be worked on. */
const LIVE: ReadonlySet<string> = new Set(['INIT', 'RTR', 'RTS', 'SQD']);

interface DataEndParts {
  readonly queuePair: QueuePair;
  readonly queues: WorkQueues;
  readonly completions: CompletionQueue;
  readonly receives: Receives;
  readonly domain: ProtectionDomain;
  readonly register: (bytes: number) => MemoryRegion;
}

/** What of a connection's data one side sees: its queue pair, and the flows to and from the peer. */
export class DataEnd implements FlowEnd {
  readonly queuePair: QueuePair;
  readonly queues: WorkQueues;
  readonly register: (bytes: number) => MemoryRegion;
  readonly receives: Receives;
  readonly #completions: CompletionQueue;
  /** What it asks of the peer, and what the peer asks of it; undefined while there is no connection. */
  outgoing: Flow | undefined;
  incoming: Flow | undefined;
  /** The first packet has come before its connection was known to stand. */
  hasData = false;
  /** Its adapter has not crashed: what it had is known to the end. */
  isKnown = true;

  constructor({ queuePair, queues, completions, receives, register }: DataEndParts) {
    this.queuePair = queuePair;
    this.queues = queues;
    this.receives = receives;
    this.register = register;
    this.#completions = completions;
  }

  /** Whether its queue pair still moves data, or will. */
  get isLive(): boolean {
    return !this.queuePair.destroyed && LIVE.has(this.queuePair.state);
  }

  /** Takes all completions. If the queue pair has ended, so have its flows. @returns what is wrong, if anything is. */
  take(): string | undefined {
    const { outgoing, incoming } = this;
    for (let done = this.#completions.poll(); done !== undefined; done = this.#completions.poll()) {
      const isReceive = done.opcode === 'receive' || done.opcode === 'receiveRdmaWithImmediate';
      if (isReceive && incoming !== undefined) incoming.handleReceive(done);
      else if (isReceive) {
        this.receives.take(done.id);
        if (done.status === 'success') return 'a message has come without a connection';
      } else if (outgoing !== undefined) outgoing.handleSend(done);
      else return 'a send was completed without a connection';
    }
    if (!this.isLive) this.#end();
    return outgoing?.trouble[0] ?? incoming?.trouble[0];
  }

  /** It is gone without a trace. */
  forget(): void {
    this.#end();
    this.isKnown = false;
  }

  #end(): void {
    this.outgoing?.endRequester();
    this.incoming?.endResponder();
    this.outgoing = undefined;
    this.incoming = undefined;
    this.hasData = false;
  }
}
