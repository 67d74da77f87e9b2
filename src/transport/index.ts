export {
  COMPLETION_STATUSES,
  type CompletionOpcode,
  type CompletionQueue,
  type CompletionStatus,
  type WorkCompletion,
} from './completion-queue.js';
export { TRANSPORT_DROP_REASONS, type TransportCounters, type TransportDropReason } from './counters.js';
export { TransportError, type TransportErrorCode, type TransportErrorDetails } from './error.js';
export { QUEUE_PAIR_EVENTS, type QueuePairEventType, type TransportEvent } from './event-queue.js';
export { DEFAULT_TRANSPORT_LIMITS, MESSAGE_BYTES_MAX, type TransportLimits } from './limits.js';
export { MEMORY_ACCESS, type MemoryRegion, type ScatterGatherElement } from './memory-region.js';
export type { AddressHandle, ProtectionDomain, RegisterOptions } from './protection-domain.js';
export type { ReceiveRequest } from './receive-queue.js';
export type { SharedReceiveQueue, SharedReceiveQueueOptions } from './shared-receive-queue.js';
export {
  type OutgoingTransportPacket,
  PACKET_BYTES_MAX,
  type PacketSource,
  TransportLayer,
  type TransportLayerOptions,
} from './transport-layer.js';
export { NETWORK_HEADER_BYTES } from './ud-responder.js';
export type { AttachOptions, WorkQueues } from './work-queues.js';
export type {
  CompareAndSwapRequest,
  DatagramDestination,
  FetchAndAddRequest,
  ReadRequest,
  SendRequest,
  WorkRequest,
  WriteRequest,
} from './work-request.js';
