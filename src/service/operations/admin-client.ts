import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  type ServiceError as GrpcError,
  type MethodDefinition,
  status,
} from '@grpc/grpc-js';
import { ServiceError } from '../error.js';
import { noConnection, noConnectionText } from '../grpc/no-connection.js';
import {
  ADMIN_SERVICE,
  type CheckResult,
  type ConnectionPage,
  type DrainRequest,
  type DrainStarted,
  type Empty,
  type LogLevelChange,
  type MetricsText,
  type ReloadResult,
  type ServiceStatus,
  type TraceBatch,
  type TraceRequest,
} from './admin-messages.js';
import type { ConnectionInfo } from './connection-list.js';
import type { Statistics } from './statistics.js';

/** How long a service may take to answer a question. */
const ANSWER_TIMEOUT_MS = 10_000;
/** A page of connections, or a batch of a trace. */
const MESSAGE_BYTES_MAX = 16 * 2 ** 20;
/** As gRPC says of a connection that has ended under a call. */
const DROPPED = 'Connection dropped';
const NOTHING: Empty = {};

/**
 * Administers a service on a Unix socket of this machine. All calls throw ServiceError: `UNAVAILABLE` when no service answers there, `DISCONNECTED` when
 * it goes away meanwhile, `CONFIGURATION` for what it cannot do as asked, or not for us.
 */
export class AdminClient {
  readonly socket: string;
  readonly #client: Client;

  /** @param socket the path of the service's socket. */
  constructor(socket: string) {
    this.socket = socket;
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    });
  }

  status(): Promise<ServiceStatus> {
    return this.#ask(ADMIN_SERVICE.GetStatus, NOTHING);
  }

  statistics(): Promise<Statistics> {
    return this.#ask(ADMIN_SERVICE.GetStatistics, NOTHING);
  }

  metrics(): Promise<MetricsText> {
    return this.#ask(ADMIN_SERVICE.GetMetrics, NOTHING);
  }

  check(): Promise<CheckResult> {
    return this.#ask(ADMIN_SERVICE.Check, NOTHING);
  }

  reload(): Promise<ReloadResult> {
    return this.#ask(ADMIN_SERVICE.Reload, NOTHING);
  }

  drain(request: DrainRequest): Promise<DrainStarted> {
    return this.#ask(ADMIN_SERVICE.Drain, request);
  }

  setLogLevel(level: string): Promise<LogLevelChange> {
    return this.#ask(ADMIN_SERVICE.SetLogLevel, { level });
  }

  /** Everything that the service's connection manager holds. */
  async connections(): Promise<readonly ConnectionInfo[]> {
    const all: ConnectionInfo[] = [];
    const pages = this.#stream<Empty, ConnectionPage>(ADMIN_SERVICE.ListConnections, NOTHING, {
      deadline: Date.now() + ANSWER_TIMEOUT_MS,
    });
    for await (const { connections } of this.#read(pages)) all.push(...connections);
    return all;
  }

  /**
   * CM messages as they pass, until the signal is aborted.
   * @param onBegin called when from now on everything is seen.
   */
  async *trace(request: TraceRequest, signal: AbortSignal, onBegin?: () => void): AsyncGenerator<TraceBatch, void> {
    const isStopped = (): boolean => signal.aborted;
    if (isStopped()) return;
    const batches = this.#stream<TraceRequest, TraceBatch>(ADMIN_SERVICE.Trace, request, {});
    const stop = (): void => batches.cancel();
    signal.addEventListener('abort', stop, { once: true });
    if (onBegin) batches.once('metadata', onBegin);
    try {
      yield* this.#read(batches);
    } catch (error) {
      // Whoever has stopped it knows.
      if (!isStopped()) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #ask<Request, Response>(method: MethodDefinition<Request, Response>, request: Request): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = method;
    const options: CallOptions = { deadline: Date.now() + ANSWER_TIMEOUT_MS };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        options,
        (error, response) => {
          if (error) reject(this.#explain(error));
          else resolve(response as Response);
        },
      );
    });
  }

  #stream<Request, Response>(
    { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, Response>,
    request: Request,
    options: CallOptions,
  ): ClientReadableStream<Response> {
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, options);
  }

  async *#read<Response>(stream: ClientReadableStream<Response>): AsyncGenerator<Response, void> {
    try {
      for await (const each of stream) yield each as Response;
    } catch (error) {
      throw this.#explain(error as GrpcError);
    }
  }

  #explain(error: GrpcError): ServiceError {
    const { socket } = this;
    const options = { cause: error };
    switch (error.code) {
      case status.INVALID_ARGUMENT:
      case status.PERMISSION_DENIED:
        return new ServiceError('CONFIGURATION', error.details, { socket }, options);
      case status.UNAVAILABLE: {
        if (error.details.includes(DROPPED)) {
          return new ServiceError('DISCONNECTED', `the service on ${socket} has gone`, { socket }, options);
        }
        const problem = noConnection(error.details);
        const text = noConnectionText(`no service answers on ${socket}`, socket, problem);
        return new ServiceError('UNAVAILABLE', text, { socket, why: problem?.why ?? 'nobody' }, options);
      }
      case status.UNIMPLEMENTED:
        return new ServiceError(
          'PROTOCOL',
          `what answers on ${socket} is not an ibcm of this version`,
          { socket },
          options,
        );
      default:
        return new ServiceError('DISCONNECTED', `the service on ${socket}: ${error.details}`, { socket }, options);
    }
  }
}
