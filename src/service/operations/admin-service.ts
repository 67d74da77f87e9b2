import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type Server,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { IbcmError } from '../../base/index.js';
import type { CepInspector } from '../../cep/index.js';
import { ServiceError } from '../error.js';
import {
  ADMIN_SERVICE,
  type ConnectionPage,
  type DrainStarted,
  type Empty,
  type LogLevelChange,
  type ReloadResult,
  type ServiceStatus,
  type TraceBatch,
  type TraceRequest,
} from './admin-messages.js';
import type { ConnectionList } from './connection-list.js';
import type { MessageTrace } from './message-trace.js';
import type { Metrics } from './metrics.js';
import { LOG_LEVELS, type LogLevel } from './settings.js';
import type { Statistics } from './statistics.js';
import { TraceReader } from './trace-reader.js';

/** What the administration administers. */
export interface AdminHost {
  status(): ServiceStatus;
  readonly connections: ConnectionList;
  statistics(): Statistics;
  readonly metrics: Metrics;
  readonly trace: MessageTrace;
  inspect(): CepInspector;
  check(): readonly string[];
  /** @throws ServiceError `CONFIGURATION`; then nothing has changed. */
  reload(): Promise<ReloadResult>;
  /** Begins to end the service. @param timeoutMs as configured, if it is left out. */
  drain(timeoutMs: number | undefined): DrainStarted;
  setLogLevel(level: LogLevel): LogLevelChange;
}

const NOT_ALLOWED = {
  code: status.PERMISSION_DENIED,
  details: 'only root and the user whom the service runs as may administer it',
};

/** Slots that are looked at in one turn. */
const PAGE_SLOTS = 1_024;
/** Messages in one batch of a trace: far below what gRPC takes at once. */
const BATCH_MESSAGES = 256;

/** Offers the administration on a gRPC server. */
export function addAdmin(server: Server, host: AdminHost): void {
  server.addService(ADMIN_SERVICE, {
    GetStatus: unary(() => host.status()),
    ListConnections: streaming((call) => listConnections(host.connections, call)),
    GetStatistics: unary(() => host.statistics()),
    GetMetrics: unary(async () => ({ contentType: host.metrics.contentType, text: await host.metrics.text() })),
    Trace: streaming((call) => trace(host, call)),
    Check: unary(() => ({ violations: host.check() })),
    Reload: unary(() => host.reload()),
    Drain: unary(({ timeoutMs }: { timeoutMs?: number }) => host.drain(timeoutMs)),
    SetLogLevel: unary(({ level }: { level: string }) => host.setLogLevel(checkedLevel(level))),
  });
}

/** Offers those who may not administer only what every client may know: that there is a service, and of which addresses. */
export function addStatus(server: Server, host: Pick<AdminHost, 'status'>): void {
  const refuse = (_: unknown, callback: sendUnaryData<never>): void => callback(NOT_ALLOWED);
  const refuseStream = (call: ServerWritableStream<unknown, never>): unknown => call.emit('error', NOT_ALLOWED);
  server.addService(ADMIN_SERVICE, {
    GetStatus: unary(() => host.status()),
    ListConnections: refuseStream,
    GetStatistics: refuse,
    GetMetrics: refuse,
    Trace: refuseStream,
    Check: refuse,
    Reload: refuse,
    Drain: refuse,
    SetLogLevel: refuse,
  });
}

function checkedLevel(level: string): LogLevel {
  const known = LOG_LEVELS.find((each) => each === level);
  if (known !== undefined) return known;
  const text = `${JSON.stringify(level)} is no log level; there are ${LOG_LEVELS.join(', ')}`;
  throw new ServiceError('CONFIGURATION', text, { level });
}

function unary<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(failure(error)),
      );
  };
}

function streaming<Request, Response>(
  answer: (call: ServerWritableStream<Request, Response>) => Promise<void> | void,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    Promise.resolve()
      .then(() => answer(call))
      .catch((error: unknown) => call.emit('error', failure(error)));
  };
}

/** An error as gRPC tells it: the caller's fault if it is one of ours. */
function failure(error: unknown): { code: status; details: string } {
  const details = error instanceof Error ? error.message : String(error);
  return { code: error instanceof IbcmError ? status.INVALID_ARGUMENT : status.INTERNAL, details };
}

async function listConnections(list: ConnectionList, call: ServerWritableStream<Empty, ConnectionPage>): Promise<void> {
  let after = 0;
  do {
    const { connections, next } = list.page(after, PAGE_SLOTS);
    const hasRoom = connections.length === 0 || call.write({ connections });
    after = next;
    // Others have their turn, and a slow reader its time.
    await (hasRoom ? new Promise((resolve) => setImmediate(resolve)) : untilDrained(call));
  } while (after !== 0 && !call.cancelled);
  call.end();
}

function untilDrained(call: ServerWritableStream<Empty, unknown>): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      call.off('drain', settle);
      call.off('cancelled', settle);
      resolve();
    };
    call.on('drain', settle);
    call.on('cancelled', settle);
  });
}

/** Until the reader goes. */
function trace(host: AdminHost, call: ServerWritableStream<TraceRequest, TraceBatch>): void {
  let isBlocked = false;
  const reader = new TraceReader(host.trace, call.request, host.inspect(), () => setImmediate(pass));
  function pass(): void {
    while (!isBlocked && reader.waiting > 0 && !call.cancelled) isBlocked = !call.write(reader.take(BATCH_MESSAGES));
  }
  call.on('drain', () => {
    isBlocked = false;
    pass();
  });
  for (const end of ['cancelled', 'error', 'close']) call.on(end, () => reader.close());
  // So that the reader knows from when on it sees everything.
  call.sendMetadata(new Metadata());
}
