import type { QueuePair } from '../verbs/index.js';

/** What a connection needs of its queue pair: one of ours, or what stands for one elsewhere. */
export type LedQueuePair = Pick<QueuePair, 'qpn' | 'state' | 'destroyed' | 'query' | 'modify' | 'hold' | 'destroy'>;
