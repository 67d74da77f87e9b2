import { MTU_BYTES_MAX } from '../wire/index.js';
import { checkInteger } from './error.js';

/** What a transport layer may hold, and how much it does at once. */
export interface TransportLimits {
  /** Queue pairs that move data. `attach` fails with `LIMIT_REACHED`. */
  readonly maxQueuePairs: number;
  /** Memory regions. `register` fails with `LIMIT_REACHED`. */
  readonly maxMemoryRegions: number;
  /** Packets of a reliable connection that wait for their acknowledgement, or for the responses that they ask for. Then its requester waits. */
  readonly maxUnackedPackets: number;
  /** Packets that a queue pair sends before it is another's turn. */
  readonly burstPackets: number;
  /** Payload of a datagram (UD), in bytes: the MTU of the adapter's ports. Longer ones fail with `localLengthError`. */
  readonly maxDatagramBytes: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = {
  maxQueuePairs: 65_535,
  maxMemoryRegions: 65_536,
  maxUnackedPackets: 128,
  burstPackets: 16,
  maxDatagramBytes: 1_024,
};

/** Keys have 16 bits for the number of a region. */
const MEMORY_REGIONS_MAX = 65_536;
/** Far below 2²³, the most that PSNs can tell apart. */
const UNACKED_PACKETS_MAX = 2 ** 16;
/** A message of this length has 2²² packets of the smallest MTU: half of those that may be unacknowledged. */
export const MESSAGE_BYTES_MAX = 2 ** 30;
/** Elements of a scatter/gather list. */
export const ELEMENTS_MAX = 256;
/** Requests in a queue. */
export const QUEUE_DEPTH_MAX = 65_536;
/** Completions in a completion queue. */
export const COMPLETIONS_MAX = 2 ** 22;
/** Bytes that a request can have with it. */
export const INLINE_BYTES_MAX = 4_096;

export function checkTransportLimits(limits: TransportLimits): void {
  checkInteger('maxQueuePairs', limits.maxQueuePairs, 1, 2 ** 20);
  checkInteger('maxMemoryRegions', limits.maxMemoryRegions, 1, MEMORY_REGIONS_MAX);
  checkInteger('maxUnackedPackets', limits.maxUnackedPackets, 2, UNACKED_PACKETS_MAX);
  checkInteger('burstPackets', limits.burstPackets, 1, UNACKED_PACKETS_MAX);
  checkInteger('maxDatagramBytes', limits.maxDatagramBytes, 1, MTU_BYTES_MAX);
}
