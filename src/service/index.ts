export { type ClientOptions, ServiceClient } from './client/service-client.js';
export { ServiceCm, type ServiceCmRequest, type ServiceSlot } from './client/service-cm.js';
export { ServiceCmEvent } from './client/service-cm-event.js';
export type { ServiceCmCallback, ServiceCmConfiguration, ServiceCmId } from './client/service-cm-id.js';
export {
  type ServiceCloseCause,
  type ServiceCloseDetails,
  ServiceCloseEvent,
  ServiceConnection,
} from './client/service-connection.js';
export { ServiceDatagramSocket } from './client/service-datagram-socket.js';
export { ServiceDatagramListener, ServiceListener } from './client/service-listener.js';
export { ServiceLookupRequest } from './client/service-lookup-request.js';
export {
  type ServiceQpCallback,
  ServiceQueuePair,
  type ServiceQueuePairOptions,
  type ServiceQueuePairStatus,
} from './client/service-queue-pair.js';
export { ServiceQueuePairRequest } from './client/service-queue-pair-request.js';
export { ServiceQueuePairs } from './client/service-queue-pairs.js';
export { ServiceRegion } from './client/service-region.js';
export { ServiceRequest } from './client/service-request.js';
export type { WaitForEnd } from './client/wait-for-end.js';
export { ServiceError, type ServiceErrorCode } from './error.js';
export { PROTO_FILE } from './grpc/codec.js';
export { type ConnectServiceOptions, connectService } from './grpc/connect-service.js';
export { GrpcFront, type GrpcFrontOptions, mutualTls, type TlsFiles } from './grpc/grpc-front.js';
export { listenUnix, type UnixSocketOptions } from './grpc/unix-socket.js';
export { openLocalService } from './open-local-service.js';
export { AdminClient } from './operations/admin-client.js';
export type {
  CheckResult,
  DrainStarted,
  LogLevelChange,
  ReloadResult,
  ServiceStatus,
  TraceBatch,
  TracedPacket,
  TraceRequest,
} from './operations/admin-messages.js';
export type { ConnectionInfo, OwnerInfo } from './operations/connection-list.js';
export { socketsToTry } from './operations/socket-path.js';
export type { ClientUse, Statistics } from './operations/statistics.js';
export type { Carrier } from './session/carrier.js';
export type { ClientSession, ClientView } from './session/client-session.js';
export { type ClientLimits, type Cost, DEFAULT_CLIENT_LIMITS } from './session/limits.js';
export type { Kind } from './session/owned.js';
export { Service, type ServiceOptions } from './session/service.js';
export {
  type OpenWorkerServiceOptions,
  openWorkerService,
  type WorkerAdapterOptions,
} from './thread/open-worker-service.js';
