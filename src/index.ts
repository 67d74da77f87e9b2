/**
 * RDMA connections for Node.js: an InfiniBand Connection Manager over RoCEv2.
 * Start with {@link openAdapter}.
 */
export * from './endpoint/index.js';
export {
  CaptureFile,
  CaptureTap,
  IoError,
  type IoErrorCode,
  type OpenAdapterOptions,
  openAdapter,
} from './io/index.js';
