export { Adapter, type AdapterCounters, type AdapterOptions, type AdapterUsage } from './adapter.js';
export type { AdapterInterface } from './adapter-interface.js';
export type { AskOptions } from './asking.js';
export { type ConnectOptions, PATH_MTUS, type PathMtu } from './connecting.js';
export {
  type CloseCause,
  type CloseDetails,
  Connection,
  ConnectionCloseEvent,
  type ConnectionDetails,
  type ConnectionEnd,
  type ConnectionStatus,
  type DisconnectOptions,
  type ReceiveOptions,
} from './connection.js';
export { DatagramListener } from './datagram-listener.js';
export { type Datagram, type DatagramAddress, DatagramSocket, type DatagramSocketOptions } from './datagram-socket.js';
export { EndpointError, type EndpointErrorCode, type RejectDetails, RejectedError } from './error.js';
export type { EndpointHost, Route, RouteWishes } from './host.js';
export type { ListenOptions } from './listen.js';
export { Listener } from './listener.js';
export { type DatagramService, type LookupRejectDetails, LookupRejectedError } from './lookup.js';
export { type LookupAcceptOptions, type LookupRejectOptions, LookupRequest } from './lookup-request.js';
export type { QueuePairOptions, WaitOptions } from './options.js';
export { ConnectionQueuePair } from './queue-pair.js';
export type { Message } from './received-messages.js';
export { type AcceptOptions, ConnectionRequest } from './request.js';
export { RequestListener } from './request-listener.js';
export type { EndpointEvent } from './router.js';
export { TransferError, type TransferErrorCode, type TransferErrorDetails } from './transfer-error.js';
export type { TransferOptions } from './transfer-options.js';
export type { ImmediateOption, RegisterRights, RemoteMemory } from './transfers.js';
