import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { failureOf } from '../failure.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import type { ClientSession } from '../session/client-session.js';
import type { Service } from '../session/service.js';
import { IBCM_SERVICE, MESSAGE_BYTES_MAX } from './definition.js';

type Stream = ServerDuplexStream<ClientMessage, ServerMessage>;

export interface GrpcFrontOptions {
  /**
   * How the other side is known, for listening sockets that are not on this machine's file system: TLS with the client's certificate. Default: none, since
   * the mode of a Unix socket says who may come.
   */
  readonly credentials?: ServerCredentials;
  /** How long a connection may have no stream, in milliseconds. Default 10,000. */
  readonly idleMs?: number;
  /** Connections at once; those beyond are closed. Default: 1,024 more than there may be clients. */
  readonly maxConnections?: number;
}

const IDLE_MS_MAX = 10_000;
const SPARE_CONNECTIONS = 1_024;
/** Streams that one connection may have at once: all clients of a process come over one. */
const STREAMS_MAX = 4_096;
/** How long a client that was sent away has to read what it was sent. */
const FAREWELL_MS = 1_000;

/** Certificates in PEM: whose clients are let in, and who we are. */
export interface TlsFiles {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** TLS with which both sides must have a certificate that the authority has signed. */
export function mutualTls({ ca, cert, key }: TlsFiles): ServerCredentials {
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

/** Brings clients to a service by way of gRPC, over listening sockets that others have made: their mode, their owner, and who handed them over is not its business. */
export class GrpcFront {
  /** For services beside ours, such as health. */
  readonly server: Server;
  readonly #service: Service;
  readonly #credentials: ServerCredentials;
  readonly #injectors: ReturnType<Server['createConnectionInjector']>[] = [];
  readonly #maxConnections: number;
  #connections = 0;

  constructor(service: Service, options: GrpcFrontOptions = {}) {
    const { credentials = ServerCredentials.createInsecure(), idleMs = IDLE_MS_MAX } = options;
    this.#service = service;
    this.#credentials = credentials;
    this.#maxConnections = options.maxConnections ?? service.maxClients + SPARE_CONNECTIONS;
    this.server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_concurrent_streams': STREAMS_MAX,
      'grpc.max_connection_idle_ms': idleMs,
    });
    this.server.addService(IBCM_SERVICE, { session: (stream: Stream) => this.#open(stream) });
  }

  /**
   * Serves those who connect to a listening socket; who closes it is whoever made it.
   * @param credentials where they are not the front's.
   */
  attach(netServer: NetServer, credentials = this.#credentials): void {
    netServer.on('connection', this.door(credentials));
  }

  /** What takes in connections one by one, for who decides on each. */
  door(credentials = this.#credentials): (socket: Socket) => void {
    const injector = this.server.createConnectionInjector(credentials);
    this.#injectors.push(injector);
    return (socket) => {
      if (this.#connections >= this.#maxConnections) {
        socket.destroy();
        return;
      }
      this.#connections += 1;
      socket.once('close', () => {
        this.#connections -= 1;
      });
      // What breaks a connection shows in its streams.
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    };
  }

  /** Ends all streams; the service destroys what their clients owned. */
  close(): void {
    for (const injector of this.#injectors) injector.destroy();
    this.server.forceShutdown();
  }

  #open(stream: Stream): void {
    let session: ClientSession;
    try {
      session = this.#service.open({
        send: (message) => stream.write(message),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        close: () => end(stream),
      });
    } catch (error) {
      stream.write({ body: 'farewell', farewell: failureOf(error) });
      end(stream);
      return;
    }
    stream.on('data', (message: ClientMessage) => session.receive(message));
    stream.on('drain', () => session.drained());
    // Whichever comes: the client has said that it goes, its process is gone, or it has sent what is no message.
    for (const end of ['end', 'cancelled', 'error', 'close']) stream.on(end, () => session.end());
  }
}

/** Ends a stream: when what it was sent is delivered and the client has ended it, too, or when the client does not. */
function end(stream: Stream): void {
  stream.end();
  const carrier = carrierOf(stream);
  if (carrier === undefined || carrier.closed) return;
  const timer = setTimeout(() => carrier.close(constants.NGHTTP2_CANCEL), FAREWELL_MS);
  timer.unref();
  carrier.once('close', () => clearTimeout(timer));
}

/** gRPC has no call to end a stream that is not read, but what carries it has. */
function carrierOf(stream: Stream): ServerHttp2Stream | undefined {
  const { call } = stream as Stream & { readonly call?: { readonly stream?: ServerHttp2Stream } };
  return call?.stream;
}
