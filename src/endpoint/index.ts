export { Adapter, type AdapterOptions } from './adapter.js';
export type { ConnectOptions } from './connecting.js';
export {
  type CloseCause,
  Connection,
  ConnectionCloseEvent,
  type ConnectionDetails,
  type ConnectionEnd,
  type DisconnectOptions,
} from './connection.js';
export { EndpointError, type EndpointErrorCode, type RejectDetails, RejectedError } from './error.js';
export type { EndpointHost } from './host.js';
export { Listener, type ListenOptions } from './listener.js';
export type { QueuePairOptions, WaitOptions } from './options.js';
export { type AcceptOptions, ConnectionRequest } from './request.js';
export type { EndpointEvent } from './router.js';
